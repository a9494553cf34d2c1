"""One check's work bench: a channel, guests that are cleared away, and calls that are watched."""

from __future__ import annotations

import itertools
import threading
import time
import uuid as uuids
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, TypeVar

from attrs import evolve

from xenparley.domain.config import Disk, GuestConfig
from xenparley.domain.errors import InvalidInput, XenparleyError
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available, Offer, ProbeResult
from xenparley.plugin.spi import Channel
from xenparley_testing.errors import ContractBroken, NotMade, NotOffered
from xenparley_testing.subject import Subject

__all__ = ["Bench", "broken"]

T = TypeVar("T")
_numbers = itertools.count(1)
#: What of a guest's row stays the same when nobody commands it.
_STEADY = RunFlags.PAUSED | RunFlags.SHUTDOWN | RunFlags.DYING


def broken(message: str, cause: BaseException | None = None) -> ContractBroken:
    """Make the error for a broken contract; ``cause`` is what was caught."""
    error = ContractBroken(message)
    error.__cause__ = cause
    return error


class Bench:
    """What a check works with; a context manager that removes what the check made.

    ``capability`` is the one under test (None: the channel itself): NotOffered is raised when
    the probe doesn't offer it.
    """

    def __init__(self, subject: Subject, capability: Capability | None = None) -> None:
        self.subject = subject
        self.capability = capability
        self.limits = subject.limits
        self._stack = ExitStack()

    def __enter__(self) -> Bench:
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

    # -- guests -------------------------------------------------------------------------

    def config(self, name: str | None = None, *, cdrom: bool = False) -> GuestConfig:
        """Return a configuration with its own name, UUID, MAC and disk."""
        subject = self.subject
        base = subject.cdrom_template if cdrom else subject.template
        number = next(_numbers)
        mac = f"00:16:3e:{number >> 16 & 0x7F:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"
        return evolve(
            base,
            name=name or f"contract-{number}",
            uuid=str(uuids.uuid4()),
            interfaces=tuple(evolve(i, mac=i.mac and mac) for i in base.interfaces),
        )

    def extra_disk(self) -> Disk:
        """Return a disk that the template's guest doesn't have."""
        first = self.subject.template.disks[0] if self.subject.template.disks else None
        target = "xvdq"
        return Disk(target=target) if first is None else evolve(first, target=target)

    def living(self, config: GuestConfig | None = None, *, cdrom: bool = False) -> GuestRef:
        """Start a guest; its domain id, handle and name. Removed at the end."""
        config = config or self.config(cdrom=cdrom)
        make = self.subject.make_guest
        if make is not None:
            ref = make(config)
        elif self.offered(Capability.CREATE, Capability.DESTROY):
            receipt = self.call(Capability.CREATE, config, paused=False)
            ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        elif self.offered(Capability.DEFINE, Capability.START, Capability.DESTROY):
            defined = self.call(Capability.DEFINE, config)
            self._stack.callback(self._quietly, Capability.UNDEFINE, defined)
            receipt = self.call(Capability.START, defined, paused=False)
            ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        else:
            raise broken(
                "the channel makes no guests itself: give Subject.make_guest and remove_guest"
            )
        if ref.domid is None or ref.uuid is None:
            raise broken(f"a new guest without domain id or handle: {ref!r}")
        self._stack.callback(self.remove, ref)
        return ref

    def end(self, ref: GuestRef) -> None:
        """Remove a living guest, and wait until it is gone: a domain takes its time to die."""
        self.remove(ref)
        if self.can_look():
            self.eventually(lambda: self.look(ref) is None, f"{ref} was removed, but lives on")

    def remove(self, ref: GuestRef) -> None:
        """Remove a living guest, if it is still there."""
        if self.subject.remove_guest is not None:
            self.subject.remove_guest(ref)
        else:
            self._quietly(Capability.DESTROY, ref)

    def defined(self, config: GuestConfig | None = None) -> GuestRef:
        """Define a guest; its UUID and name. Removed at the end."""
        config = config or self.config()
        if self.subject.define_guest is not None:
            ref = self.subject.define_guest(config)
        elif self.offered(Capability.DEFINE):
            ref = self.call(Capability.DEFINE, config)
        else:
            raise broken("the channel defines no guests: give Subject.define_guest")
        self._stack.callback(self.undefine, ref)
        return ref

    def undefine(self, ref: GuestRef) -> None:
        """Remove a definition, if it is still there."""
        if self.subject.undefine_guest is not None:
            self.subject.undefine_guest(ref)
        else:
            self._quietly(Capability.UNDEFINE, ref)

    def _quietly(self, capability: Capability, ref: GuestRef) -> None:
        """Clear up; the guest may be gone, and the channel too."""
        if self.offered(capability):
            with suppress(XenparleyError):
                self.method(capability)(ref, deadline=self.deadline())

    def later(self, call: Callable[..., object], *args: object) -> None:
        """Call this at the end."""
        self._stack.callback(call, *args)

    # -- looking ------------------------------------------------------------------------

    def can_look(self, *fields: Field) -> bool:
        """Say whether :meth:`look` tells these fields."""
        if self.subject.observe is not None:
            return True
        return set(fields) <= self.fields(Capability.LIST_LIVE) and self.offered(
            Capability.LIST_LIVE
        )

    def look(self, ref: GuestRef, fields: Collection[Field] | None = None) -> GuestRow | None:
        """Return what there is of a living guest, None when it is gone (by id and handle)."""
        if self.subject.observe is not None:
            return self.subject.observe(ref)
        wanted = self.fields(Capability.LIST_LIVE) if fields is None else fields
        rows = self.call(Capability.LIST_LIVE, wanted, domids=[ref.domid])
        for row in rows:
            handle = row.values.get(Field.UUID, row.uuid)
            if row.domid == ref.domid and handle in (None, ref.uuid):
                return row  # type: ignore[no-any-return]
        return None

    def shows(self, ref: GuestRef, wanted: RunFlags) -> bool:
        """Say whether the guest is living with this of paused, shutdown and dying."""
        row = self.look(ref)
        if row is None:
            return False
        state = row.values.get(Field.STATE)
        return isinstance(state, RunFlags) and state & _STEADY == wanted

    def still(self, ref: GuestRef) -> dict[str, object] | None:
        """Return what of a guest must stay as it is while nobody commands it (None: can't look)."""
        if not self.can_look():
            return None
        row = self.look(ref)
        if row is None:
            return {"living": False}
        seen: dict[str, object] = {"living": True}
        for name in (Field.NAME, Field.MAX_MEMORY, Field.MAX_VCPUS, Field.UUID):
            if name in row.values:
                seen[name.value] = row.values[name]
        state = row.values.get(Field.STATE)
        if isinstance(state, RunFlags):
            seen["state"] = state & _STEADY
        return seen


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
