"""Which guests there are: libvirt's domains as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import libvirt

from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.runstate import RunFlags, ShutdownReason
from xenparley.negotiation.capability import Capability
from xenparley_libvirt.session import Session, lookable

__all__ = ["InventoryPort", "run_state"]

_STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: (RunFlags.NONE, None),
    libvirt.VIR_DOMAIN_RUNNING: (RunFlags.RUNNING, None),
    libvirt.VIR_DOMAIN_BLOCKED: (RunFlags.BLOCKED, None),
    libvirt.VIR_DOMAIN_PAUSED: (RunFlags.PAUSED, None),
    # It was asked to, and still runs.
    libvirt.VIR_DOMAIN_SHUTDOWN: (RunFlags.RUNNING, None),
    libvirt.VIR_DOMAIN_SHUTOFF: (RunFlags.DYING, None),
    libvirt.VIR_DOMAIN_CRASHED: (RunFlags.SHUTDOWN, int(ShutdownReason.CRASH)),
    libvirt.VIR_DOMAIN_PMSUSPENDED: (RunFlags.SHUTDOWN, int(ShutdownReason.SUSPEND)),
}
#: Places in what ``virDomain.info()`` returns; sizes in KiB, time in nanoseconds.
_STATE, _MAXIMUM, _MEMORY, _VCPUS, _TIME = range(5)


def run_state(code: int) -> tuple[RunFlags, int | None]:
    """Return flags and shutdown reason for libvirt's virDomainState."""
    return _STATES.get(code, (RunFlags.NONE, None))


class InventoryPort:
    """Lists guests and looks them up."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each running or paused domain."""

        def work(connection: Any) -> list[GuestRow]:
            domains = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            wanted = (d for d in domains if domids is None or d.ID() in domids)
            return _rows(_live, wanted, fields)

        return self._session.call(Capability.LIST_LIVE, None, deadline, work)

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Return a row for each domain that libvirt keeps."""

        def work(connection: Any) -> list[GuestRow]:
            domains = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
            return _rows(_defined, domains, fields)

        return self._session.call(Capability.LIST_DEFINED, None, deadline, work)

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return the living guest that matches, or none: libvirt has no two of one name."""

        def work(connection: Any) -> list[GuestRow]:
            found = _found(connection, domid, uuid, name)
            return _rows(_live, (d for d in found if d.isActive()), fields)

        return self._session.call(Capability.FIND_LIVE, None, deadline, work)

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return the definition that matches, or none."""

        def work(connection: Any) -> list[GuestRow]:
            found = _found(connection, None, uuid, name)
            return _rows(_defined, (d for d in found if d.isPersistent()), fields)

        return self._session.call(Capability.FIND_DEFINED, None, deadline, work)


def _found(connection: Any, domid: int | None, uuid: str | None, name: str | None) -> list[Any]:
    if name is not None:
        # One that C can't hold is nobody's: looked up, it would be another one, or an error.
        if not name or "\0" in name or any("\ud800" <= c <= "\udfff" for c in name):
            return []
        look: Callable[[], Any] = lambda: connection.lookupByName(lookable(name))  # noqa: E731
    elif uuid is not None:
        look = lambda: connection.lookupByUUIDString(uuid)  # noqa: E731
    else:
        if domid is None or not 0 <= domid < 1 << 15:
            return []
        look = lambda: connection.lookupByID(domid)  # noqa: E731
    try:
        return [look()]
    except libvirt.libvirtError as exc:
        if exc.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG):
            return []
        raise


def _rows(
    make: Callable[[Any, Collection[Field]], GuestRow | None],
    domains: Iterable[Any],
    fields: Collection[Field],
) -> list[GuestRow]:
    rows = []
    for domain in domains:
        try:
            row = make(domain, fields)
        except libvirt.libvirtError as exc:
            # It went between two questions.
            if exc.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
        else:
            if row is not None:
                rows.append(row)
    return rows


def _live(domain: Any, fields: Collection[Field]) -> GuestRow | None:
    domid, uuid, info = domain.ID(), domain.UUIDString(), domain.info()
    if domid < 0:
        return None
    flags, reason = run_state(info[_STATE])
    known = {
        Field.DOMID: domid,
        Field.UUID: uuid,
        Field.NAME: domain.name(),
        Field.STATE: flags,
        Field.REASON: reason,
        Field.MEMORY: info[_MEMORY],
        Field.MAX_MEMORY: info[_MAXIMUM],
        Field.VCPUS: info[_VCPUS],
        Field.CPU_TIME: info[_TIME],
    }
    return GuestRow(domid, uuid, {f: known[f] for f in fields if f in known})


def _defined(domain: Any, fields: Collection[Field]) -> GuestRow:
    uuid, info = domain.UUIDString(), domain.info()
    known = {
        Field.UUID: uuid,
        Field.NAME: domain.name(),
        Field.MEMORY: info[_MEMORY],
        Field.MAX_MEMORY: info[_MAXIMUM],
        Field.VCPUS: info[_VCPUS],
        Field.DEFINED: True,
    }
    if Field.AUTOSTART in fields:
        known[Field.AUTOSTART] = bool(domain.autostart())
    return GuestRow(None, uuid, {f: known[f] for f in fields if f in known})
