"""Faults that a simulated host can be told to have, for each capability of its channel."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley.negotiation.capability import Capability

__all__ = ["KINDS", "Fault", "Faults", "parse_faults"]

#: kind: what happens.
KINDS = {
    "refuse": "AccessRefused before the host acts",
    "fail": "OperationFailed: the host tried and says no; nothing has changed",
    "unsupported": "Unsupported before the host acts",
    "drop": "the connection is lost before the request is sent",
    "drop-after": "the host acts, then the connection is lost without an answer",
    "hang": "no answer until the deadline; the host has not acted",
    "hang-after": "the host acts, but does not answer until the deadline",
    "slow": "the answer takes so many seconds, or until the deadline",
    "garble": "the host acts, then answers bytes that make no sense",
    "absent": "nobody is there: the probe finds nothing, every call is Unavailable",
    "stubborn": "new guests ignore requests to shut down or reboot",
}
#: Faults of the channel or of guests: they name no capability.
_WITHOUT_CAPABILITY = {"absent", "stubborn"}
_ABSENT = "absent"
_EVERY = "*"


class Fault(NamedTuple):
    """One fault. ``capability`` None means: whatever is asked. ``times`` None means: always."""

    kind: str
    capability: Capability | None = None
    seconds: float = 0.0
    times: int | None = None


class Faults:
    """The faults in force, safe for several threads. Earlier ones come first."""

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []
        self._reached: Counter[Capability] = Counter()
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Put a fault in force. Raises InvalidInput for a kind that is not known."""
        if fault.kind not in KINDS:
            raise InvalidInput(
                f"not a fault: {printable(fault.kind, limit=40)!r} (known: {', '.join(KINDS)})"
            )
        with self._lock:
            self._faults.append((fault, fault.times))

    def inject(
        self,
        kind: str,
        capability: Capability | None = None,
        *,
        seconds: float = 0.0,
        times: int | None = None,
    ) -> None:
        """Put a fault in force: ``faults.inject("hang", Capability.DESTROY, times=1)``."""
        self.add(Fault(kind, capability, seconds, times))

    def clear(self) -> None:
        """Have no faults any more."""
        with self._lock:
            self._faults.clear()

    def take(self, capability: Capability) -> Fault | None:
        """Return the fault that meets this call, and count it."""
        if not self._faults:
            return None
        with self._lock:
            for index, (fault, left) in enumerate(self._faults):
                if fault.kind == _ABSENT:
                    return fault
                if fault.kind in _WITHOUT_CAPABILITY:
                    continue
                if fault.capability not in (None, capability):
                    continue
                if left is not None and left <= 1:
                    del self._faults[index]
                elif left is not None:
                    self._faults[index] = (fault, left - 1)
                return fault
        return None

    def note_reached(self, capability: Capability) -> None:
        """Note that a command reached the host."""
        with self._lock:
            self._reached[capability] += 1

    def reached(self, capability: Capability) -> int:
        """Return how many commands of a capability reached the host, whatever came of them."""
        with self._lock:
            return self._reached[capability]

    def has(self, kind: str) -> bool:
        """Say whether a fault of this kind is in force."""
        with self._lock:
            return any(fault.kind == kind for fault, _ in self._faults)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read ``KIND:CAPABILITY[:SECONDS][xTIMES],...``, e.g. ``hang:destroy,slow:*:0.5,absent``.

    ``*`` is every capability. Raises InvalidInput that names the wrong part.
    """
    return tuple(_parse_one(part) for part in text.split(",") if part)


def _parse_one(text: str) -> Fault:
    shown = printable(text, limit=80)
    body, times_text = text, ""
    # A capability may hold an x; a count is what follows the last one and is all digits.
    head, cross, tail = text.rpartition("x")
    if cross and tail.isascii() and tail.isdigit() and len(tail) < 10:
        body, times_text = head, tail
    kind, _, rest = body.partition(":")
    name, _, seconds_text = rest.partition(":")
    if kind not in KINDS:
        raise InvalidInput(f"not a fault: {shown!r} (known: {', '.join(KINDS)})")
    capability: Capability | None = None
    if name and name != _EVERY:
        try:
            capability = Capability(name)
        except ValueError as exc:
            raise InvalidInput(f"no capability named so in the fault {shown!r}") from exc
    try:
        seconds = float(seconds_text) if seconds_text else 0.0
    except ValueError as exc:
        raise InvalidInput(f"not a number of seconds in the fault {shown!r}") from exc
    if not 0 <= seconds < 86_400:
        raise InvalidInput(f"not a number of seconds in the fault {shown!r}")
    if not name and kind not in _WITHOUT_CAPABILITY:
        raise InvalidInput(f"the fault {shown!r} names no capability (or *)")
    return Fault(kind, capability, seconds, int(times_text) if times_text else None)
