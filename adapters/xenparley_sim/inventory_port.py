"""Inventory: rows straight from the narrow tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter

from xenparley.domain.guest import Field, GuestRow
from xenparley.negotiation.capability import Capability
from xenparley_sim.calls import Calls
from xenparley_sim.domain import Domain
from xenparley_sim.transaction import Definition, Transaction

__all__ = ["SimInventory"]

_NAMELESS = "a dying domain has lost its name"
_GETTERS = {
    Field.DOMID: attrgetter("domid"),
    Field.UUID: attrgetter("handle"),
    Field.NAME: attrgetter("name"),
    Field.STATE: attrgetter("flags"),
    Field.REASON: attrgetter("reason"),
    Field.MEMORY: attrgetter("memory_kib"),
    # UNLIMITED_KIB is the domain's word and the listing's.
    Field.MAX_MEMORY: attrgetter("max_kib"),
    Field.VCPUS: attrgetter("vcpus"),
    Field.MAX_VCPUS: attrgetter("max_vcpus"),
    Field.CPU_TIME: attrgetter("cpu_ns"),
    Field.VIRT: attrgetter("virt"),
}


class SimInventory:
    """Lists guests and looks them up."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each living guest, or for these ids."""
        with self._calls.read(Capability.LIST_LIVE, deadline) as tx:
            if domids is None:
                return _live_rows(tx, tx.domains(), fields)
            found = (tx.domain(domid) for domid in sorted(set(domids)))
            return _live_rows(tx, (d for d in found if d is not None), fields)

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Return a row for each definition."""
        with self._calls.read(Capability.LIST_DEFINED, deadline) as tx:
            return [_defined_row(d, fields) for d in tx.definitions()]

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every living guest that matches the one criterion."""
        with self._calls.read(Capability.FIND_LIVE, deadline) as tx:
            found: Iterable[Domain]
            if domid is not None:
                domain = tx.domain(domid)
                found = () if domain is None else (domain,)
            elif uuid is not None:
                found = tx.by_handle(uuid)
            else:
                found = tx.by_name(name or "")
            return _live_rows(tx, found, fields)

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return the definition that matches the one criterion, if there is one."""
        with self._calls.read(Capability.FIND_DEFINED, deadline) as tx:
            found = tx.definition(uuid=uuid, name=name)
            return [] if found is None else [_defined_row(found, fields)]


def _live_rows(
    tx: Transaction, domains: Iterable[Domain], fields: Collection[Field]
) -> list[GuestRow]:
    wanted = frozenset(fields)
    held = list(domains)
    autostart: dict[str, int] = {}
    if wanted & {Field.DEFINED, Field.AUTOSTART}:
        if len(held) > 20:
            autostart = {d.uuid: d.autostart for d in tx.definitions()}
        else:
            found = (tx.definition(uuid=d.handle) for d in held)
            autostart = {d.uuid: d.autostart for d in found if d is not None}
    plain = [(field, get) for field, get in _GETTERS.items() if field in wanted]
    rows = []
    for domain in held:
        values: dict[Field, object] = {field: get(domain) for field, get in plain}
        absent = None
        if domain.dying and values.pop(Field.NAME, None) is not None:
            absent = {Field.NAME: _NAMELESS}
        if Field.DEFINED in wanted:
            values[Field.DEFINED] = domain.handle in autostart
        if Field.AUTOSTART in wanted:
            values[Field.AUTOSTART] = bool(autostart.get(domain.handle))
        rows.append(GuestRow(domain.domid, domain.handle, values, absent))
    return rows


def _defined_row(found: Definition, fields: Collection[Field]) -> GuestRow:
    every: dict[Field, object] = {
        Field.DOMID: None,
        Field.UUID: found.uuid,
        Field.NAME: found.name,
        Field.MEMORY: found.memory_kib,
        Field.MAX_MEMORY: found.max_kib,
        Field.VCPUS: found.vcpus,
        Field.MAX_VCPUS: found.max_vcpus,
        Field.VIRT: found.virt,
        Field.DEFINED: True,
        Field.AUTOSTART: bool(found.autostart),
    }
    return GuestRow(None, found.uuid, {f: v for f, v in every.items() if f in fields})
