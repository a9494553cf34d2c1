"""The inventory port: one hypercall lists a host."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final, cast

from xenparley.domain.errors import NotFound, Unsupported
from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.domain.identity import MAX_DOMID
from xenparley.domain.runstate import RunFlags
from xenparley_hypercall.channel import NAME, handle_uuid
from xenparley_hypercall.offers import tells_virt
from xenparley_wire.abi.domaininfo import PAGE_KIB, UNLIMITED
from xenparley_wire.abi.flags import SHUTDOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from xenparley_hypercall.channel import HypercallChannel
    from xenparley_hypercall.session import Session
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.domaininfo import DomainInfo

__all__ = ["InventoryPort", "max_memory_of", "virt_of"]

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


def _vcpu_limits(records: Sequence[DomainInfo]) -> list[object]:
    return [0 if r.max_vcpu_id == 0xFFFFFFFF else r.max_vcpu_id + 1 for r in records]


#: Fields of a whole list at once: a listing is thousands of values, and calls are what costs.
_COLUMNS: Final[dict[Field, Callable[[Sequence[DomainInfo]], list[object]]]] = {
    Field.DOMID: lambda records: [r.domain for r in records],
    Field.STATE: lambda records: [_RUN_FLAGS[r.flags & 63] for r in records],
    Field.REASON: lambda records: [
        (r.flags >> 16) & 0xFF if r.flags & SHUTDOWN else None for r in records
    ],
    Field.MEMORY: lambda records: [r.tot_pages * PAGE_KIB for r in records],
    Field.MAX_MEMORY: lambda records: [max_memory_of(r) for r in records],
    Field.VCPUS: lambda records: [r.nr_online_vcpus for r in records],
    Field.MAX_VCPUS: _vcpu_limits,
    Field.CPU_TIME: lambda records: [r.cpu_time for r in records],
    Field.UUID: lambda records: [handle_uuid(r.handle) for r in records],
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


def _rows(records: Sequence[DomainInfo], fields: Collection[Field], abi: Abi) -> list[GuestRow]:
    asked = [field for field in dict.fromkeys(fields) if field in _COLUMNS]
    columns = [_COLUMNS[field](records) for field in asked]
    uuids: Iterable[str | None] = repeat(None)
    if Field.UUID in asked:
        uuids = cast("list[str]", columns[asked.index(Field.UUID)])
    absent: dict[Field, str] = {
        field: "the hypervisor doesn't know it"
        for field in fields
        if field not in _COLUMNS and field is not Field.VIRT
    }
    # With no field asked for there is no column to go by.
    tuples = zip(*columns, strict=True) if columns else repeat((), len(records))
    rows = [
        GuestRow(record.domain, uuid, dict(zip(asked, values, strict=True)), absent or None)
        for record, uuid, values in zip(records, uuids, tuples, strict=False)
    ]
    if Field.VIRT in fields:
        for row, record in zip(rows, records, strict=True):
            _add_virt(row, virt_of(record, abi))
    return rows


def _add_virt(row: GuestRow, virt: str | None) -> None:
    if virt is not None:
        row.values[Field.VIRT] = virt
    else:
        reason = "this release of Xen doesn't tell what kind of guest it is"
        row.absent = {**(row.absent or {}), Field.VIRT: reason}
