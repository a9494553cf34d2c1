"""The channel: made by the plugin layer, opened at its first probe or call."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from xenparley.domain.errors import (
    AccessRefused,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.errors import Unavailable as NotReachable
from xenparley.domain.identity import MAX_DOMID
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Unavailable
from xenparley_hypercall.device import open_device
from xenparley_hypercall.offers import NEEDS, narrowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley.domain.identity import GuestRef
    from xenparley.plugin.spi import ChannelContext
    from xenparley_hypercall.device import Device
    from xenparley_hypercall.session import Session
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.domaininfo import DomainInfo

__all__ = ["NAME", "HypercallChannel", "handle_uuid", "make"]

T = TypeVar("T")

#: The adapter's name.
NAME: Final = "hypercall"
_SETTINGS: Final = frozenset({"device"})
#: The op that a call stands on, by the capability's word.
_NEEDED_OPS: Final = {capability.value: op for capability, op in NEEDS.items()}


def handle_uuid(handle: bytes) -> str:
    """Return a domain's handle as a canonical UUID."""
    text = handle.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def make(context: ChannelContext) -> HypercallChannel:
    """Make the channel. ``device`` names another node than the usual ones.

    Raises :class:`InvalidInput` for a setting that it doesn't know.
    """
    unknown = sorted(set(context.settings) - _SETTINGS)
    if unknown:
        raise InvalidInput(f"hypercall: unknown setting {unknown[0]!r}; it knows: device")
    node = context.settings.get("device")
    if node is None:
        return HypercallChannel()
    return HypercallChannel(opener=lambda: open_device([node]))


class HypercallChannel:
    """One hypervisor through its privcmd device. Thread-safe, usable after a fork.

    ``opener`` returns the device (this machine's by default), ``arch`` is whose layouts to use.
    """

    def __init__(self, opener: Callable[[], Device] | None = None, arch: str | None = None) -> None:
        self._opener = opener
        self._arch = arch
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._closed = False

    def probe(self, *, deadline: float) -> ProbeResult:
        """Look which hypervisor this is; on a session that is open it is asked again."""
        try:
            before = self._session
            session = self.session(deadline)
            # One that was opened just now has been asked.
            found = session.probe(deadline) if session is before else session.found
        except XenparleyError as exc:
            self._drop()
            return Unavailable(exc.message)
        if found.abi is None and found.refused:
            return Unavailable(found.reason or "hypercalls are refused")
        offers, withheld = narrowed(found)
        facts = {"device": session.device_name, "architecture": session.arch}
        if found.abi is not None:
            facts["interface"] = str(session.key)
        elif found.reason is not None:
            facts["interface"] = found.reason
        return Available(version=found.release, offers=offers, withheld=withheld, facts=facts)

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises :class:`Unsupported` for those that it hasn't got."""
        if role is Role.INVENTORY:
            from xenparley_hypercall.inventory import InventoryPort

            return InventoryPort(self)
        if role in (Role.HOST, Role.STATISTICS, Role.MEMORY):
            from xenparley_hypercall import facts_ports

            return facts_ports.PORTS[role](self)
        if role in (Role.LIFECYCLE, Role.VCPUS, Role.SCHEDULER):
            from xenparley_hypercall import steering_ports

            return steering_ports.PORTS[role](self)
        raise Unsupported(f"hypercalls have no {role.value}", operation=role.value, channel=NAME)

    def close(self) -> None:
        """End calls in flight and give everything back."""
        self._closed = True
        self._drop()

    def session(self, deadline: float) -> Session:
        """Return the open session; opens and probes if there is none."""
        session = self._session
        if session is not None:
            return session
        # One thread opens; the others wait for it, and not longer than they may.
        if not self._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            raise DeadlineExceeded("the hypercall device wasn't open in time", operation="open")
        try:
            if self._closed:
                raise NotReachable("the hypercall channel is closed", operation="open")
            if self._session is None:
                device = open_device() if self._opener is None else self._opener()
                # Imported once there is a device, since most machines have none.
                from xenparley_hypercall.session import connect

                self._session = connect(deadline, device, self._arch)
            return self._session
        finally:
            self._lock.release()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def call(
        self,
        operation: str,
        deadline: float,
        job: Callable[[Turn, Session], T],
        guest: GuestRef | None = None,
    ) -> T:
        """Do a job on the worker; errors leave with channel, operation and guest."""
        shown = None if guest is None else str(guest)
        try:
            session = self.session(deadline)
            if session.found.refused:
                raise AccessRefused(session.found.reason or "hypercalls are refused")
            self._check_offered(operation, session)
            return session.run(
                lambda turn: job(turn, session),
                deadline=deadline,
                operation=operation,
                guest=shown,
            )
        except XenparleyError as exc:
            exc.channel = exc.channel or NAME
            exc.operation = operation
            exc.guest = exc.guest or shown
            raise

    @staticmethod
    def _check_offered(operation: str, session: Session) -> None:
        abi = session.found.abi
        if abi is not None:
            op = _NEEDED_OPS.get(operation)
            if op is not None and not abi.has(op):
                raise Unsupported(f"{operation}: Xen {session.found.release} has no {op}")

    def on_guest(
        self,
        operation: str,
        guest: GuestRef,
        deadline: float,
        job: Callable[[Turn, Session, DomainInfo], T],
    ) -> T:
        """Do a job about a living guest, after a look whether id and handle still belong together.

        Raises :class:`NotFound` when they don't.
        """

        def checked(turn: Turn, session: Session) -> T:
            domid = guest.domid
            if domid is None:
                raise NotFound(f"{operation}: hypercalls know living guests by domain id only")
            if not 0 <= domid <= MAX_DOMID:
                raise NotFound(f"{operation}: {domid} is not a domain id")
            info = session.reader.one(turn, domid)
            if guest.uuid is not None and handle_uuid(info.handle) != guest.uuid:
                raise NotFound(f"{operation}: domain id {domid} belongs to another guest now")
            return job(turn, session, info)

        return self.call(operation, deadline, checked, guest)
