"""Inventory: one row for each guest's file, also for one that can't be read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, NoReturn

from xenparley.domain.errors import Unsupported, XenparleyError
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


class _Asked(NamedTuple):
    """What was asked for, looked up once: an enum's hash is dear when thousands are made."""

    domid: bool
    uuid: bool
    name: bool
    defined: bool
    #: Sizes and kind; None: all of them.
    sizes: tuple[Field, ...] | None


def _rows(folder: Folder, entries: Iterable[Entry], fields: Collection[Field]) -> list[GuestRow]:
    wanted = frozenset(fields)
    auto: frozenset[Identity] | str | None = None
    if Field.AUTOSTART in wanted:
        opened = folder.open()
        try:
            auto = started(opened, folder.path)
        except XenparleyError as exc:
            auto = exc.message  # told in each row
        finally:
            os.close(opened)
    sizes = tuple(field for field in UNREAD if field in wanted)
    asked = _Asked(
        Field.DOMID in wanted,
        Field.UUID in wanted,
        Field.NAME in wanted,
        Field.DEFINED in wanted,
        sizes if len(sizes) < len(UNREAD) else None,
    )
    return [_row(entry, asked, auto) for entry in entries]


def _row(entry: Entry, asked: _Asked, auto: frozenset[Identity] | str | None) -> GuestRow:
    summary = entry.summary
    if summary is None:
        return _unread(entry, asked, auto)
    if asked.sizes is None:
        values = dict(summary.values)
    else:
        values = {field: summary.values[field] for field in asked.sizes if field in summary.values}
    if asked.name:
        values[Field.NAME] = entry.name
    absent: dict[Field, str] = {}
    if summary.absent:
        # A made-up UUID is told as such, asked or not: guests that others started from the file
        # have another one.
        shown = UNREAD if asked.sizes is None else asked.sizes
        absent = {f: why for f, why in summary.absent.items() if f is Field.UUID or f in shown}
    if asked.uuid and summary.uuid is not None:
        values[Field.UUID] = entry.uuid
    _always(entry, asked, auto, values, absent)
    return GuestRow(None, entry.uuid, values, absent or None)


def _unread(entry: Entry, asked: _Asked, auto: frozenset[Identity] | str | None) -> GuestRow:
    """Make the row of a file that can't be read: the reason in place of what it would tell."""
    values: dict[Field, object] = {}
    trouble = entry.trouble or "can't be read"
    absent = dict.fromkeys(UNREAD if asked.sizes is None else asked.sizes, trouble)
    absent[Field.UUID] = trouble
    if entry.name is None:
        absent[Field.NAME] = trouble
    elif asked.name:
        values[Field.NAME] = entry.name
    _always(entry, asked, auto, values, absent)
    return GuestRow(None, entry.uuid, values, absent or None)


def _always(
    entry: Entry,
    asked: _Asked,
    auto: frozenset[Identity] | str | None,
    values: dict[Field, object],
    absent: dict[Field, str],
) -> None:
    if asked.domid:
        values[Field.DOMID] = None
    if asked.defined:
        values[Field.DEFINED] = True
    if isinstance(auto, str):
        absent[Field.AUTOSTART] = auto
    elif auto is not None:
        values[Field.AUTOSTART] = (entry.key.device, entry.key.inode) in auto
