"""Inventory: XenD's guests as rows, in as few requests as the release allows.

Up to 3.0.3 one request tells of every living guest. From 3.0.4 on the detailed listing of the
HTTP server leaves out what isn't running: then the names of all guests say which ones are
missing, and those are asked for, a few at a time. XML-RPC tells everything in one request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, NotFound, Unsupported
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import MAX_DOMID
from xenparley.negotiation.capability import Capability
from xenparley_xend.rows import Seen, row, seen

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_wire.sxp import Sexp
    from xenparley_xend.calls import Calls
    from xenparley_xend.doors import Door

__all__ = ["InventoryPort", "guests"]

#: Guests that are asked for at the same time.
PARALLEL: Final = 6
C = Capability


class InventoryPort:
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
        with self._calls.call(C.LIST_LIVE, deadline):
            if domids is None:
                return self._rows(guests(self._calls, deadline), fields)
            ids = sorted({domid for domid in domids if 0 <= domid <= MAX_DOMID})
            if len(ids) > PARALLEL:
                every = guests(self._calls, deadline)
                return self._rows([one for one in every if one.domid in set(ids)], fields)
            found = [self._by_id(domid, deadline) for domid in ids]
            return self._rows([one for one in found if one is not None], fields)

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Return a row for each definition that XenD lets itself be known to keep."""
        with self._calls.call(C.LIST_DEFINED, deadline):
            self._check_managed()
            return [
                row(one, fields, living=False, defined=True)
                for one in guests(self._calls, deadline, living=False)
                if self._counts(one)
            ]

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every living guest that matches; up to 3.3 two may have one name and UUID."""
        with self._calls.call(C.FIND_LIVE, deadline):
            if [domid, uuid, name].count(None) != 2:
                raise InvalidInput("a look-up has one criterion: domid, uuid or name")
            if domid is not None:
                one = self._by_id(domid, deadline) if 0 <= domid <= MAX_DOMID else None
                return self._rows([] if one is None else [one], fields)
            wanted = uuid.lower() if uuid is not None else name
            found = [
                one
                for one in guests(self._calls, deadline)
                if (one.uuid if uuid is not None else one.name) == wanted
            ]
            return self._rows(found, fields)

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return the definition that matches, if there is one."""
        from xenparley.domain.identity import GuestRef

        with self._calls.call(C.FIND_DEFINED, deadline):
            self._check_managed()
            guest: GuestRef = GuestRef(uuid=uuid, name=None if uuid is not None else name)
            try:
                found = self._calls.defined(guest, deadline)
            except NotFound:
                return []
            if not self._counts(found.seen):
                return []
            return [row(found.seen, fields, living=False, defined=True)]

    def _check_managed(self) -> None:
        if not self._calls.release.manages:
            raise Unsupported("XenD keeps definitions from Xen 3.0.4 on")

    def _counts(self, one: Seen) -> bool:
        """Say whether this is known to be a definition."""
        if one.domid == 0:
            return False
        return one.domid is None or self._calls.places.is_defined(one.uuid) is True

    def _rows(self, found: Collection[Seen], fields: Collection[Field]) -> list[GuestRow]:
        asked = Field.DEFINED in fields
        is_defined = self._calls.places.is_defined
        return [
            row(
                one,
                fields,
                living=True,
                defined=is_defined(one.uuid) if asked and self._calls.release.manages else None,
            )
            for one in found
        ]

    def _by_id(self, domid: int, deadline: float) -> Seen | None:
        door = self._calls.ready(deadline)
        try:
            one = seen(door.domain(str(domid), deadline))
        except NotFound:
            return None
        if one.domid == domid:
            return one
        # That number is a guest's name, which XenD looks for first.
        return next((o for o in guests(self._calls, deadline) if o.domid == domid), None)


def guests(calls: Calls, deadline: float, *, living: bool = True) -> list[Seen]:
    """Return every guest that lives, by id; without ``living`` the dormant ones too."""
    door = calls.ready(deadline)
    found = _told(calls, door, deadline)
    alive: dict[int, Seen] = {one.domid: one for one in found if one.domid is not None}
    every = [alive[domid] for domid in sorted(alive)]
    if living:
        return every
    return every + [one for one in found if one.domid is None]


def _told(calls: Calls, door: Door, deadline: float) -> list[Seen]:
    for each in (door, calls.xmlrpc):
        trees = each.everything(deadline) if each is not None else None
        if trees is not None:
            return _seen(trees)
    running = _seen(door.running(deadline))
    if not calls.release.manages:
        return running
    missing = Counter(door.names("all", deadline))
    missing.subtract(one.name for one in running if one.name is not None)
    names = [name for name, count in missing.items() if count > 0]
    return running + _ask(door, names, deadline)


def _seen(trees: Sequence[Sexp]) -> list[Seen]:
    return [seen(tree) for tree in trees if isinstance(tree, list) and tree[:1] == ["domain"]]


def _ask(door: Door, names: Sequence[str], deadline: float) -> list[Seen]:
    """Ask for guests by name, a few at a time; one that is gone meanwhile is left out."""

    def one(name: str) -> Seen | None:
        try:
            return seen(door.domain(name, deadline))
        except NotFound:
            return None

    if len(names) < 2:
        return [told for name in names if (told := one(name)) is not None]
    with ThreadPoolExecutor(min(PARALLEL, len(names))) as pool:
        return [told for told in pool.map(one, names) if told is not None]


def taken(calls: Calls, guest: GuestRef, deadline: float) -> Seen | None:
    """Return a living guest that has the name or the UUID, if there is one."""
    for one in guests(calls, deadline):
        if one.name == guest.name or (guest.uuid is not None and one.uuid == guest.uuid):
            return one
    return None
