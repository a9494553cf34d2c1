"""The error tree: shallow, ordered by what the caller can do about it.

Each error carries the guest, operation and channel it is about (where there is one), the
alternatives that were tried, and whether trying again is safe. Adapters translate foreign
exceptions at their edge and keep the cause (``raise ... from exc``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AccessRefused",
    "AlreadyExists",
    "AmbiguousGuest",
    "Attempt",
    "ChannelLost",
    "ConfigError",
    "Conflict",
    "DeadlineExceeded",
    "InvalidInput",
    "InvalidState",
    "NoChannel",
    "NotFound",
    "OperationFailed",
    "OutcomeUnknown",
    "ParseError",
    "PluginError",
    "Problem",
    "ProtocolError",
    "Unavailable",
    "Unrepresentable",
    "Unsupported",
    "XenparleyError",
]


class Attempt:
    """One channel that was considered or tried, and why it did not serve."""

    __slots__ = ("channel", "reason")

    def __init__(self, channel: str, reason: str) -> None:
        self.channel = channel
        self.reason = reason

    def __repr__(self) -> str:
        return f"Attempt({self.channel!r}, {self.reason!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attempt):
            return NotImplemented
        return (self.channel, self.reason) == (other.channel, other.reason)

    def __hash__(self) -> int:
        return hash((self.channel, self.reason))


class Problem:
    """One thing wrong with an input, and its place (``file:line``, XML path, byte offset)."""

    __slots__ = ("message", "place")

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        self.message = message

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message

    def __repr__(self) -> str:
        return f"Problem({self.place!r}, {self.message!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Problem):
            return NotImplemented
        return (self.place, self.message) == (other.place, other.message)

    def __hash__(self) -> int:
        return hash((self.place, self.message))


class XenparleyError(Exception):
    """Base of every error that xenparley raises on purpose.

    ``retry_safe`` is true only when it is certain that the host did not act, so that the same
    call may simply be made again.
    """

    #: Stable word for this kind of error, used in machine-readable output.
    kind: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        guest: str | None = None,
        operation: str | None = None,
        channel: str | None = None,
        attempts: Iterable[Attempt] = (),
        retry_safe: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.guest = guest
        self.operation = operation
        self.channel = channel
        self.attempts = tuple(attempts)
        self.retry_safe = retry_safe

    def __str__(self) -> str:
        return self.message


class InvalidInput(XenparleyError):
    """The caller's value is wrong: correct it."""

    kind = "invalid-input"


class ParseError(InvalidInput):
    """A document can't be read. ``place`` says where (``file:line``, XML path, byte offset)."""

    kind = "parse-error"

    def __init__(
        self,
        message: str,
        *,
        place: str = "",
        line: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.reason = message
        self.place = place
        self.line = line
        self.offset = offset


class ConfigError(InvalidInput):
    """A configuration has problems; all that were found are in ``problems``, each with place."""

    kind = "config-error"

    def __init__(
        self, problems: Iterable[Problem], *, summary: str = "invalid configuration"
    ) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(str(p) for p in self.problems)
        super().__init__(f"{summary}: {lines}" if lines else summary)


class Unrepresentable(InvalidInput):
    """The target format or channel can't say what the configuration holds; each loss is listed."""

    kind = "unrepresentable"

    def __init__(self, target: str, problems: Iterable[Problem]) -> None:
        self.target = target
        self.problems = tuple(problems)
        lines = "; ".join(str(p) for p in self.problems)
        super().__init__(f"{target} cannot express: {lines}")


class NotFound(XenparleyError):
    """No such guest (or device, file, plugin): look again or create it."""

    kind = "not-found"


class AmbiguousGuest(XenparleyError):
    """Several guests answer to this name or UUID; ``candidates`` tells which. Never a choice."""

    kind = "ambiguous"

    def __init__(
        self,
        message: str,
        *,
        candidates: Iterable[str] = (),
        guest: str | None = None,
        operation: str | None = None,
        channel: str | None = None,
    ) -> None:
        super().__init__(message, guest=guest, operation=operation, channel=channel)
        self.candidates = tuple(candidates)


class AlreadyExists(XenparleyError):
    """The name, UUID or device is taken."""

    kind = "already-exists"


class Conflict(XenparleyError):
    """Somebody else changed it in between; read again, decide again. Nothing was written."""

    kind = "conflict"


class InvalidState(XenparleyError):
    """The guest's phase does not allow the command; ``allowed`` lists what it does allow."""

    kind = "invalid-state"

    def __init__(
        self,
        message: str,
        *,
        phase: str | None = None,
        allowed: Iterable[str] = (),
        guest: str | None = None,
        operation: str | None = None,
        channel: str | None = None,
    ) -> None:
        super().__init__(
            message, guest=guest, operation=operation, channel=channel, retry_safe=True
        )
        self.phase = phase
        self.allowed = tuple(allowed)


class Unsupported(XenparleyError):
    """The host, its release or this channel can't do it. Certain that nothing was done."""

    kind = "unsupported"


class AccessRefused(XenparleyError):
    """The host refuses this user (or its policy does). Certain that nothing was done."""

    kind = "access-refused"


class Unavailable(XenparleyError):
    """A channel can't be reached now. Certain that nothing was done; try again later."""

    kind = "unavailable"


class NoChannel(Unavailable):
    """No channel can serve this; ``attempts`` lists every one with its reason."""

    kind = "no-channel"


class ChannelLost(Unavailable):
    """The connection broke before or while only reading: nothing was changed by this call."""

    kind = "channel-lost"


class ProtocolError(Unavailable):
    """The peer answered bytes that make no sense. Raised for reads only."""

    kind = "protocol-error"


class DeadlineExceeded(XenparleyError):
    """The time ran out, and it is certain that no change was left half-way.

    ``last_seen`` words the state last observed, for calls that wait for a state.
    """

    kind = "deadline-exceeded"

    def __init__(
        self,
        message: str,
        *,
        last_seen: str | None = None,
        guest: str | None = None,
        operation: str | None = None,
        channel: str | None = None,
        retry_safe: bool = True,
    ) -> None:
        super().__init__(
            message, guest=guest, operation=operation, channel=channel, retry_safe=retry_safe
        )
        self.last_seen = last_seen


class OutcomeUnknown(XenparleyError):
    """A command was sent and nobody can say whether it took effect. Never repeated by us.

    ``last_seen`` words the state last observed.
    """

    kind = "outcome-unknown"

    def __init__(
        self,
        message: str,
        *,
        last_seen: str | None = None,
        guest: str | None = None,
        operation: str | None = None,
        channel: str | None = None,
        attempts: Iterable[Attempt] = (),
    ) -> None:
        super().__init__(
            message, guest=guest, operation=operation, channel=channel, attempts=attempts
        )
        self.last_seen = last_seen


class OperationFailed(XenparleyError):
    """The host tried and said that it failed; its own words are in the message."""

    kind = "operation-failed"


class PluginError(XenparleyError):
    """A plugin is broken, blocked, in conflict with another, or speaks another SPI version."""

    kind = "plugin-error"
