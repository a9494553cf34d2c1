"""Inventory: one row for each guest's file, also for one that can't be read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

from xenparley.domain.errors import Unsupported
from xenparley.domain.guest import Field, GuestRow
from xenparley.negotiation.capability import Capability
from xenparley_xm.autostart import Identity, started
from xenparley_xm.calls import Calls
from xenparley_xm.errors import CHANNEL
from xenparley_xm.folder import UNREAD, Entry, Folder

__all__ = ["InventoryPort"]


class InventoryPort:
    """Lists definitions and looks them up. Files know no living guests."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> NoReturn:
        """Raise Unsupported."""
        raise _lifeless(Capability.LIST_LIVE)

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> NoReturn:
        """Raise Unsupported."""
        raise _lifeless(Capability.FIND_LIVE)

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Return a row for each file that defines a guest, or seems to."""
        with self._calls.call(Capability.LIST_DEFINED, deadline) as folder:
            return _rows(folder, folder.scan(deadline).entries, fields)

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every file of this UUID or name: several define the same guest twice."""
        with self._calls.call(Capability.FIND_DEFINED, deadline) as folder:
            scan = folder.scan(deadline)
            found = scan.by_name(name or "") if uuid is None else scan.by_uuid(uuid.lower())
            return _rows(folder, found, fields)


def _lifeless(capability: Capability) -> Unsupported:
    return Unsupported("files know no living guests", operation=capability.value, channel=CHANNEL)


def _rows(folder: Folder, entries: Iterable[Entry], fields: Collection[Field]) -> list[GuestRow]:
    wanted = frozenset(fields)
    auto: frozenset[Identity] | None = None
    if Field.AUTOSTART in wanted:
        opened = folder.open()
        try:
            auto = started(opened, folder.path)
        finally:
            os.close(opened)
    return [_row(entry, wanted, auto) for entry in entries]


def _row(entry: Entry, wanted: frozenset[Field], auto: frozenset[Identity] | None) -> GuestRow:
    values: dict[Field, object] = {}
    absent: dict[Field, str] = {}
    summary = entry.summary
    if Field.DOMID in wanted:
        values[Field.DOMID] = None
    if Field.DEFINED in wanted:
        values[Field.DEFINED] = True
    if entry.name is not None:
        if Field.NAME in wanted:
            values[Field.NAME] = entry.name
    else:
        absent[Field.NAME] = entry.trouble or "no name"
    if summary is not None:
        values.update((f, value) for f, value in summary.values.items() if f in wanted)
        # A made-up UUID is told as such, asked or not: guests that others started from the file
        # have another one.
        absent.update(
            (f, why) for f, why in summary.absent.items() if f in wanted or f is Field.UUID
        )
    else:
        trouble = entry.trouble or "can't be read"
        absent[Field.UUID] = trouble
        absent.update((field, trouble) for field in UNREAD if field in wanted)
    if Field.UUID in wanted and Field.UUID not in absent:
        values[Field.UUID] = entry.uuid
    if auto is not None:
        values[Field.AUTOSTART] = (entry.key.device, entry.key.inode) in auto
    return GuestRow(None, entry.uuid, values, absent or None)
