"""Inventory: rows straight from the narrow tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.negotiation.capability import Capability
from xenparley_sim.calls import Calls
from xenparley_sim.domain import Domain
from xenparley_sim.transaction import Definition, Transaction

__all__ = ["SimInventory"]

_NAMELESS = "a dying domain has lost its name"


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
    return [_live_row(domain, wanted, autostart) for domain in held]


def _live_row(domain: Domain, wanted: frozenset[Field], autostart: dict[str, int]) -> GuestRow:
    is_defined = domain.handle in autostart
    every: dict[Field, object] = {
        Field.DOMID: domain.domid,
        Field.UUID: domain.handle,
        Field.NAME: domain.name,
        Field.STATE: domain.flags,
        Field.REASON: domain.reason,
        Field.MEMORY: domain.memory_kib,
        Field.MAX_MEMORY: UNLIMITED_KIB if domain.max_kib < 0 else domain.max_kib,
        Field.VCPUS: domain.vcpus,
        Field.MAX_VCPUS: domain.max_vcpus,
        Field.CPU_TIME: domain.cpu_ns,
        Field.VIRT: domain.virt,
        Field.DEFINED: is_defined,
        Field.AUTOSTART: bool(autostart.get(domain.handle)),
    }
    absent = None
    if domain.dying and Field.NAME in wanted:
        del every[Field.NAME]
        absent = {Field.NAME: _NAMELESS}
    values = {field: value for field, value in every.items() if field in wanted}
    return GuestRow(domain.domid, domain.handle, values, absent)


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
