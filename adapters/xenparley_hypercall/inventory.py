"""The inventory port: one hypercall lists a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import NotFound, Unsupported
from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.domain.identity import MAX_DOMID
from xenparley.domain.runstate import RunFlags
from xenparley_hypercall.channel import NAME, handle_uuid
from xenparley_hypercall.offers import tells_virt
from xenparley_wire.abi.domaininfo import PAGE_KIB, UNLIMITED
from xenparley_wire.abi.flags import SHUTDOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from xenparley_hypercall.channel import HypercallChannel
    from xenparley_hypercall.session import Session
    from xenparley_hypercall.worker import Turn
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.domaininfo import DomainInfo

__all__ = ["InventoryPort", "run_flags", "virt_of"]

#: So many ids are asked for one by one, more by a listing of all.
_SINGLY: Final = 4
#: RunFlags of each value of the lowest six bits of a domain's flags (they never moved).
_RUN_FLAGS: Final[tuple[RunFlags, ...]] = tuple(
    RunFlags(
        (RunFlags.DYING if word & 1 else 0)
        | (RunFlags.SHUTDOWN if word & 4 else 0)
        | (RunFlags.PAUSED if word & 8 else 0)
        | (RunFlags.BLOCKED if word & 16 else 0)
        | (RunFlags.RUNNING if word & 32 else 0)
    )
    for word in range(64)
)


def run_flags(info: DomainInfo) -> RunFlags:
    """Return the run state of a record."""
    return _RUN_FLAGS[info.flags & 63]


def reason_of(info: DomainInfo) -> int | None:
    """Return the shutdown reason of a record, a number."""
    return (info.flags >> 16) & 0xFF if info.flags & SHUTDOWN else None


def max_memory_of(info: DomainInfo) -> int:
    """Return the limit of memory in KiB, :data:`UNLIMITED_KIB` where there is none."""
    return UNLIMITED_KIB if info.max_pages in UNLIMITED else info.max_pages * PAGE_KIB


def virt_of(info: DomainInfo, abi: Abi) -> str | None:
    """Return pv, hvm or pvh; None where the release can't tell.

    Bit 7 was PVH's own from 4.4 to 4.8. Since 4.9 a PVH guest has HVM's flag, and only since
    4.10.1 what is emulated for it tells the two apart. Guests on ARM are all of PVH's kind.
    """
    if abi.arch.startswith("arm"):
        return "pvh"
    if not tells_virt(abi):
        return None
    release = abi.release
    if not info.flags & 2:
        return "pvh" if (4, 4) <= release < (4, 9) and info.flags & 0x80 else "pv"
    if release < (4, 9):
        return "hvm"
    if info.emulation_flags is None:
        return None
    from xenparley_hypercall.commands import has_device_model

    return "hvm" if has_device_model(info, abi) else "pvh"


_VALUES: Final[dict[Field, Callable[[DomainInfo], object]]] = {
    Field.DOMID: lambda info: info.domain,
    Field.STATE: run_flags,
    Field.REASON: reason_of,
    Field.MEMORY: lambda info: info.tot_pages * PAGE_KIB,
    Field.MAX_MEMORY: max_memory_of,
    Field.VCPUS: lambda info: info.nr_online_vcpus,
    Field.MAX_VCPUS: lambda info: info.vcpus,
    Field.CPU_TIME: lambda info: info.cpu_time,
}


class InventoryPort:
    """Implements :class:`xenparley.ports.inventory.Inventory` for the living."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each living guest, by rising id."""

        def job(turn: Turn, session: Session) -> list[GuestRow]:
            return _rows(_records(turn, session, domids), fields, session.abi)

        return self._channel.call("list-live", deadline, job)

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return those with this domain id or handle. Raises Unsupported for a name."""

        def job(turn: Turn, session: Session) -> list[GuestRow]:
            if domid is not None:
                if session.found.abi is None:
                    return _stable_row(turn, session, domid)
                return _rows(_records(turn, session, [domid]), fields, session.abi)
            if uuid is None:
                raise Unsupported("the hypervisor knows no names of guests")
            found = session.reader.listing(turn)
            same = [info for info in found if handle_uuid(info.handle) == uuid]
            return _rows(same, fields, session.abi)

        return self._channel.call("find-live", deadline, job)

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Not offered: the hypervisor keeps no definitions."""
        raise _no_definitions("list-defined")

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Not offered: the hypervisor keeps no definitions."""
        raise _no_definitions("find-defined")


def _no_definitions(operation: str) -> Unsupported:
    return Unsupported(
        "the hypervisor keeps no definitions of guests", operation=operation, channel=NAME
    )


def _records(turn: Turn, session: Session, domids: Collection[int] | None) -> list[DomainInfo]:
    reader = session.reader
    if domids is None:
        return reader.listing(turn)
    wanted = {domid for domid in domids if 0 <= domid <= MAX_DOMID}
    if len(wanted) > _SINGLY:
        return [info for info in reader.listing(turn) if info.domain in wanted]
    found = []
    for domid in sorted(wanted):
        try:
            found.append(reader.one(turn, domid))
        except NotFound:
            continue
    return found


def _stable_row(turn: Turn, session: Session, domid: int) -> list[GuestRow]:
    """Tell whether there is such a domain by the op that needs no layout of the release."""
    from xenparley_hypercall.reads import domain_state

    try:
        state = domain_state(turn, domid, session.found.version)
    except NotFound:
        return []
    return [GuestRow(domid, None, {Field.DOMID: domid})] if state.exists else []


def _rows(records: list[DomainInfo], fields: Collection[Field], abi: Abi) -> list[GuestRow]:
    asked = [(field, _VALUES[field]) for field in dict.fromkeys(fields) if field in _VALUES]
    uuids = Field.UUID in fields
    virts = Field.VIRT in fields
    unknown: dict[Field, str] = {
        field: "the hypervisor doesn't know it"
        for field in fields
        if field not in _VALUES and field not in (Field.UUID, Field.VIRT)
    }
    rows = []
    for info in records:
        values: dict[Field, Any] = {field: value(info) for field, value in asked}
        uuid = None
        if uuids:
            uuid = values[Field.UUID] = handle_uuid(info.handle)
        absent = unknown
        if virts:
            virt = virt_of(info, abi)
            if virt is None:
                reason = "this release of Xen doesn't tell what kind of guest it is"
                absent = {**unknown, Field.VIRT: reason}
            else:
                values[Field.VIRT] = virt
        rows.append(GuestRow(info.domain, uuid, values, absent or None))
    return rows
