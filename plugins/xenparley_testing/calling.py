"""Calling a channel and watching what comes of it: the lower half of a check's work bench."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

from xenparley.domain.errors import InvalidInput, XenparleyError
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available, Offer, ProbeResult
from xenparley.plugin.spi import Channel
from xenparley_testing.errors import ContractBroken, NotMade, NotOffered
from xenparley_testing.subject import Subject

__all__ = ["Calling", "broken", "watched"]

T = TypeVar("T")
Self = TypeVar("Self", bound="Calling")


def broken(message: str, cause: BaseException | None = None) -> ContractBroken:
    """Make the error for a broken contract; ``cause`` is what was caught."""
    error = ContractBroken(message)
    error.__cause__ = cause
    return error


class Calling:
    """One channel, probed, and calls of it; a context manager that closes what was opened.

    ``capability`` is the one under test (None: the channel itself): NotOffered is raised when
    the probe doesn't offer it.
    """

    def __init__(self, subject: Subject, capability: Capability | None = None) -> None:
        self.subject = subject
        self.capability = capability
        self.limits = subject.limits
        self._stack = ExitStack()

    def __enter__(self: Self) -> Self:
        """Open the channel and probe it."""
        try:
            self.channel = self.open()
            result = self.channel.probe(deadline=self.deadline())
            self._take(result)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _take(self, result: ProbeResult) -> None:
        if not isinstance(result, Available):
            raise broken(f"the channel is not available, so nothing can be checked: {result!r}")
        self.available = result
        self.offers: dict[Capability, Offer] = {o.capability: o for o in result.offers}
        if self.capability is not None and self.capability not in self.offers:
            raise NotOffered(self.capability, self.why_not(self.capability))

    def __exit__(self, *exc: object) -> None:
        """Remove guests and close channels."""
        self._stack.close()

    def why_not(self, capability: Capability) -> str:
        """Word why a capability is not offered."""
        for withheld in self.available.withheld:
            if withheld.capability is capability:
                return withheld.reason
        return f"{self.subject.spec.name} does not declare it"

    def open(self) -> Channel:
        """Open one more channel; closed at the end."""
        channel = self.subject.make_channel()
        self._stack.callback(channel.close)
        return channel

    def deadline(self, seconds: float | None = None) -> float:
        """Return the point ``seconds`` from now (``limits.call`` when not said)."""
        return time.monotonic() + (self.limits.call if seconds is None else seconds)

    # -- calls --------------------------------------------------------------------------

    def offered(self, *capabilities: Capability) -> bool:
        """Say whether the channel offers all of these."""
        return all(c in self.offers for c in capabilities)

    def fields(self, capability: Capability) -> frozenset[Field]:
        """Return the fields that a listing or look-up offers; none when it isn't offered."""
        offer = self.offers.get(capability)
        return frozenset() if offer is None else offer.fields

    def method(self, capability: Capability, channel: Channel | None = None) -> Callable[..., Any]:
        """Return the bound method that carries a capability."""
        spec = SPECS[capability]
        port = (channel or self.channel).port(spec.role)
        method = getattr(port, spec.method, None)
        if not callable(method):
            raise broken(
                f"{capability.value} is offered, but the port {type(port).__name__} "
                f"has no method {spec.method}"
            )
        return method  # type: ignore[no-any-return]

    def call(self, capability: Capability, *args: Any, **kwargs: Any) -> Any:
        """Call a capability under the ordinary deadline. Any foreign error breaks the contract."""
        kwargs.setdefault("deadline", self.deadline())
        return watched(capability, lambda: self.method(capability)(*args, **kwargs))

    def refusal(
        self,
        capability: Capability,
        kinds: type[XenparleyError] | tuple[type[XenparleyError], ...],
        what: str,
        call: Callable[[], object],
        *,
        about_guest: bool = True,
    ) -> XenparleyError:
        """Call, and return the error, which must be of one of these kinds with its fields set."""
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        names = " or ".join(k.__name__ for k in kinds)
        try:
            answer = watched(capability, call)
        except XenparleyError as exc:
            if not isinstance(exc, kinds):
                raise broken(
                    f"{capability.value}, {what}: {type(exc).__name__} ({exc}), not {names}", exc
                ) from exc
            self.fields_set(capability, exc, what, about_guest=about_guest)
            return exc
        raise broken(f"{capability.value}, {what}: answered {answer!r}, not {names}")

    def fields_set(
        self, capability: Capability, exc: XenparleyError, what: str, *, about_guest: bool
    ) -> None:
        """Check an error's fields: message, channel, operation and, about a guest, the guest."""
        where = f"{capability.value}, {what}: {type(exc).__name__}"
        if not str(exc):
            raise broken(f"{where} has no message", exc)
        if isinstance(exc, InvalidInput):
            return  # raised where a value is checked, far from channels
        if exc.channel != self.subject.spec.name:
            raise broken(f"{where}.channel is {exc.channel!r}, not {self.subject.spec.name!r}", exc)
        if not exc.operation:
            raise broken(f"{where}.operation is {exc.operation!r}", exc)
        if about_guest and not exc.guest:
            raise broken(f"{where}.guest is {exc.guest!r}", exc)

    def in_time(
        self, what: str, seconds: float, call: Callable[[], T]
    ) -> tuple[T | None, BaseException | None]:
        """Run the call in a thread; it must end within ``seconds`` + slack. (answer, error)."""
        answers: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                answers.append(call())
            except BaseException as exc:  # noqa: BLE001  handed to the thread that asked
                errors.append(exc)

        thread = threading.Thread(target=run, daemon=True, name=f"contract: {what}")
        thread.start()
        thread.join(seconds + self.limits.slack)
        if thread.is_alive():
            raise broken(
                f"{what}: still not back {self.limits.slack} s after its deadline "
                f"of {seconds} s: deadlines are not honoured"
            )
        return (answers[0] if answers else None), (errors[0] if errors else None)

    def fault(self, name: str) -> AbstractContextManager[object]:
        """Return the fault for the capability under test. Raises NotMade."""
        faults = self.subject.faults
        fault = faults.named(name)
        if fault is None:
            raise NotMade(name, faults.without.get(name))
        assert self.capability is not None
        return fault(self.capability)

    def sent(self, capability: Capability) -> int:
        """Return how many of these commands reached the peer; 0 when nobody counts."""
        count = self.subject.faults.sent
        return 0 if count is None else count(capability)

    def eventually(self, test: Callable[[], bool], otherwise: str) -> None:
        """Wait until the test holds, at most ``limits.settle``; else the contract is broken."""
        until = time.monotonic() + self.limits.settle
        pause = 0.0005
        while not test():
            if time.monotonic() > until:
                raise broken(otherwise)
            time.sleep(pause)
            pause = min(pause * 2, 0.05)


def watched(capability: Capability, call: Callable[[], T]) -> T:
    """Call; an error that is not of xenparley's tree breaks the contract."""
    try:
        return call()
    except (XenparleyError, ContractBroken, NotOffered, NotMade):
        raise
    except Exception as exc:
        raise broken(
            f"{capability.value}: {type(exc).__module__}.{type(exc).__qualname__} leaks: {exc}", exc
        ) from exc
