"""Living guests by ``xl list -v``: one process, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import canonical_uuid
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["InventoryPort"]

_VALUES: dict[Field, Callable[[GuestLine], object]] = {
    Field.DOMID: lambda line: line.domid,
    Field.UUID: lambda line: line.uuid,
    Field.NAME: lambda line: line.name,
    Field.STATE: lambda line: line.flags,
    Field.REASON: lambda line: line.reason,
    Field.MEMORY: lambda line: line.memory_kib,
    Field.VCPUS: lambda line: line.vcpus,
    Field.CPU_TIME: lambda line: line.cpu_time_ns,
}
_NO_NAME = "it has no name in XenStore: half built, half removed, or XenStore can't be reached"


class InventoryPort:
    """Lists living guests. xl keeps no definitions."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each living guest, or those of ``domids``."""
        with self._stack.call(Capability.LIST_LIVE):
            if domids is None:
                lines = self._stack.guests(deadline=deadline)
            elif len(domids) == 1:
                (domid,) = domids
                found = self._stack.line(domid, deadline=deadline)
                lines = [] if found is None else [found]
            else:
                wanted = set(domids)
                lines = self._stack.guests(deadline=deadline) if wanted else []
                lines = [line for line in lines if line.domid in wanted]
            return self._rows(lines, fields)

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every living guest that matches the one criterion given.

        The whole table is read: xl itself would take a name of digits for a domain id.
        """
        with self._stack.call(Capability.FIND_LIVE):
            if domid is not None:
                found = self._stack.line(domid, deadline=deadline)
                lines = [] if found is None else [found]
            else:
                handle = canonical_uuid(uuid) if uuid is not None else None
                lines = [
                    line
                    for line in self._stack.guests(deadline=deadline)
                    if (handle is not None and line.uuid == handle)
                    or (name is not None and line.name == name)
                ]
            return self._rows(lines, fields)

    def _rows(self, lines: list[GuestLine], fields: Collection[Field]) -> list[GuestRow]:
        told = [field for field in fields if field in _VALUES]
        if Field.MEMORY in told and not self._stack.counts_held():
            told.remove(Field.MEMORY)
        return [row_of(line, told) for line in lines]


def row_of(line: GuestLine, fields: Collection[Field]) -> GuestRow:
    """Return a line as a row with the fields that were asked."""
    values = {field: _VALUES[field](line) for field in fields}
    absent: dict[Field, str] = {}
    if Field.NAME in values and line.name is None:
        del values[Field.NAME]
        absent[Field.NAME] = _NO_NAME
    if Field.UUID in values and line.uuid is None:
        del values[Field.UUID]
        absent[Field.UUID] = "this xl list tells no UUID"
    return GuestRow(line.domid, line.uuid, values, absent or None)
