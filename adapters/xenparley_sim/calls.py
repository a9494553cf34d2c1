"""One call of the channel: its deadline, its faults, its transaction, its errors' fields."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import GuestRef, canonical_uuid, is_uuid
from xenparley.negotiation.capability import Capability
from xenparley_sim.domain import Domain
from xenparley_sim.faults import Fault, Faults
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.transaction import Definition, Transaction

__all__ = ["Calls", "defined", "living"]

#: Faults that strike after the host has acted.
_ANSWER_LOST = frozenset({"drop-after", "hang-after", "garble"})


def living(tx: Transaction, guest: GuestRef) -> Domain:
    """Return the living guest that is meant: its id, and its handle when that is given.

    NotFound when the id isn't living, or is another guest's by now.
    """
    if guest.domid is None:
        raise NotFound(f"{guest} is not living: no domain id is given")
    domain = tx.domain(guest.domid)
    if domain is None:
        raise NotFound(f"{guest} is not living")
    if guest.uuid is not None and _uuid(guest.uuid) != domain.handle:
        raise NotFound(f"{guest} is gone: its domain id is another guest's by now")
    return domain


def defined(tx: Transaction, guest: GuestRef) -> Definition:
    """Return the definition that is meant: by UUID, by name only without one. NotFound."""
    found = None
    if guest.uuid is not None:
        found = tx.definition(uuid=_uuid(guest.uuid))
    elif guest.name is not None:
        found = tx.definition(name=guest.name)
    if found is None:
        raise NotFound(f"{guest} is not defined")
    return found


def _uuid(text: str) -> str:
    return canonical_uuid(text) if is_uuid(text) else text


def _is_lost(exc: XenparleyError) -> bool:
    return isinstance(exc, (OutcomeUnknown, DeadlineExceeded, ChannelLost, ProtocolError))


class Calls:
    """Makes the calls of one channel on one simulated host."""

    def __init__(self, hypervisor: Hypervisor, faults: Faults, channel: str) -> None:
        self.hypervisor = hypervisor
        self.faults = faults
        self.channel = channel
        self._closing = threading.Event()

    def close(self) -> None:
        """End calls that are waiting, and refuse new ones."""
        self._closing.set()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closing.is_set()

    @contextmanager
    def read(
        self, capability: Capability, deadline: float, guest: GuestRef | None = None
    ) -> Iterator[Transaction]:
        """Look at the host at one moment."""
        with self._call(capability, deadline, guest, command=False) as fault:
            with self.hypervisor.look(deadline) as tx:
                yield tx
            self._after(fault, capability, deadline, command=False)

    @contextmanager
    def command(
        self, capability: Capability, deadline: float, guest: GuestRef | None = None
    ) -> Iterator[Transaction]:
        """Change the host in one transaction."""
        with self._call(capability, deadline, guest, command=True) as fault:
            with self.hypervisor.change(deadline) as tx:
                yield tx
            self._after(fault, capability, deadline, command=True)

    @contextmanager
    def bare(
        self,
        capability: Capability,
        deadline: float,
        guest: GuestRef | None = None,
        *,
        command: bool,
    ) -> Iterator[None]:
        """Make a call that opens its transactions itself."""
        with self._call(capability, deadline, guest, command=command) as fault:
            yield
            self._after(fault, capability, deadline, command=command)

    @contextmanager
    def _call(
        self, capability: Capability, deadline: float, guest: GuestRef | None, *, command: bool
    ) -> Iterator[Fault | None]:
        try:
            if self.closed:
                raise ChannelLost("the connection to the simulated host is closed", retry_safe=True)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded("the deadline passed before anything was sent")
            fault = self.faults.take(capability)
            self._before(fault, capability, deadline, command=command)
            try:
                yield fault
            except XenparleyError as exc:
                # An answer that doesn't come can't tell of the host's refusal either.
                if fault is not None and fault.kind in _ANSWER_LOST and not _is_lost(exc):
                    try:
                        self._after(fault, capability, deadline, command=command)
                    except XenparleyError as lost:
                        raise lost from exc
                raise
        except XenparleyError as exc:
            exc.channel = exc.channel or self.channel
            exc.operation = exc.operation or capability.value
            if guest is not None:
                exc.guest = exc.guest or str(guest)
            raise

    def _before(
        self, fault: Fault | None, capability: Capability, deadline: float, *, command: bool
    ) -> None:
        if fault is None:
            return
        if fault.kind == "refuse":
            raise AccessRefused("the simulated host refuses this")
        if fault.kind == "unsupported":
            raise Unsupported("the simulated host can't do this")
        if fault.kind == "fail":
            raise OperationFailed("the simulated host tried and failed")
        if fault.kind == "drop":
            raise ChannelLost("the connection broke before anything was sent", retry_safe=True)
        if fault.kind == "absent":
            raise Unavailable("nobody is there: the simulated host is told to be absent")
        if fault.kind == "hang":
            if command:
                self.faults.note_reached(capability)
            self._stall(float("inf"), deadline, command=command)
        if fault.kind == "slow":
            self._stall(fault.seconds, deadline, command=command)

    def _after(
        self, fault: Fault | None, capability: Capability, deadline: float, *, command: bool
    ) -> None:
        if command:
            self.faults.note_reached(capability)
        if fault is None:
            return
        if fault.kind == "hang-after":
            self._stall(float("inf"), deadline, command=command)
        if fault.kind == "drop-after":
            raise self._lost(command=command)
        if fault.kind == "garble":
            if command:
                raise OutcomeUnknown("the simulated host's answer made no sense")
            raise ProtocolError("the simulated host's answer made no sense", retry_safe=True)

    def _stall(self, seconds: float, deadline: float, *, command: bool) -> None:
        """Wait; end as a call does whose answer doesn't come by the deadline."""
        left = max(0.0, deadline - time.monotonic())
        if self._closing.wait(min(seconds, left, threading.TIMEOUT_MAX)):
            raise self._lost(command=command)
        if seconds < left:
            return
        if command:
            raise OutcomeUnknown("the simulated host did not answer; it may have acted")
        raise DeadlineExceeded("the simulated host did not answer")

    @staticmethod
    def _lost(*, command: bool) -> XenparleyError:
        if command:
            return OutcomeUnknown("the connection broke after the request was sent")
        return ChannelLost("the connection broke before the answer came", retry_safe=True)
