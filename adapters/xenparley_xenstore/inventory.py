"""Which guests there are, by what the daemon serves and the toolstack wrote."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import DOM0_HANDLE, MAX_DOMID
from xenparley.negotiation.capability import Capability
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.bulk import ask_many
from xenparley_xenstore.calls import Calls, is_introduced, text, uuid_of
from xenparley_xenstore.errors import StoreNotFound

if TYPE_CHECKING:
    from xenparley_xenstore.client import XenStore

__all__ = ["InventoryPort", "rows"]

_NAMELESS = "no name in XenStore: it is being built or torn down"
_NO_VM = "no vm in XenStore: it is being built or torn down"


class InventoryPort:
    """Lists living guests, and looks them up. Two round trips, however many there are."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each domain that the daemon serves.

        A folder in /local/domain whose domain is not served (a ghost, or what a destroy by the
        hypervisor alone left behind) is no guest. Who asks about certain domains, and not for
        :data:`Field.DOMID`, knows that they live: then the daemon isn't asked whether it serves
        them, which would be every second question.
        """
        with self._calls.call(Capability.LIST_LIVE, deadline) as store:
            return rows(store, fields, domids, deadline)

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
        with self._calls.call(Capability.FIND_LIVE, deadline) as store:
            if [domid, uuid, name].count(None) != 2:
                raise InvalidInput("a look-up has one criterion: domid, uuid or name")
            if domid is not None:
                return rows(store, fields, [domid], deadline)
            key = Field.UUID if uuid is not None else Field.NAME
            wanted = uuid.lower() if uuid is not None else name
            found = [
                row
                for row in rows(store, {*fields, key}, None, deadline)
                if row.values.get(key) == wanted
            ]
            if key not in fields:
                for row in found:
                    row.values.pop(key, None)
            return found


def rows(
    store: XenStore,
    fields: Collection[Field],
    domids: Collection[int] | None,
    deadline: float,
) -> list[GuestRow]:
    """Return the rows of the domains that are served."""
    ids = _listed(store, deadline) if domids is None else _possible(domids)
    keys = [
        (field, key) for field, key in ((Field.UUID, "vm"), (Field.NAME, "name")) if field in fields
    ]
    # One whose keys are all missing is asked about all the same.
    sure = domids is not None and Field.DOMID not in fields and bool(keys)
    told = _told(store, ids, keys, deadline)[0] if sure else {}
    unsure = [
        domid for domid in ids if not any(_is_told(one) for one in told.get(domid, {}).values())
    ]
    if unsure:
        more, served = _told(store, unsure, keys, deadline, introduced=True)
        told |= {domid: more[domid] for domid in unsure if domid in served}
        for domid in set(unsure) - served:
            told.pop(domid, None)
    return [_row(domid, fields, told[domid]) for domid in ids if domid in told]


def _told(
    store: XenStore,
    ids: Sequence[int],
    keys: Sequence[tuple[Field, str]],
    deadline: float,
    *,
    introduced: bool = False,
) -> tuple[dict[int, dict[Field, tuple[int, bytes]]], set[int]]:
    """Read the keys of each domain; with ``introduced`` ask also which of them are served."""
    wanted: list[tuple[int, bytes]] = []
    for domid in ids:
        if introduced:
            wanted.append((MessageType.IS_DOMAIN_INTRODUCED, requests.domain(domid)))
        wanted.extend(
            (MessageType.READ, requests.path(f"/local/domain/{domid}/{key}")) for _, key in keys
        )
    answers = iter(ask_many(store, wanted, deadline))
    told: dict[int, dict[Field, tuple[int, bytes]]] = {}
    served: set[int] = set()
    for domid in ids:
        if introduced and is_introduced(next(answers)):
            served.add(domid)
        told[domid] = {field: next(answers) for field, _ in keys}
    return told, served


def _is_told(answer: tuple[int, bytes]) -> bool:
    return answer[0] == MessageType.READ


def _listed(store: XenStore, deadline: float) -> list[int]:
    try:
        names = store.directory("/local/domain", deadline=deadline)
    except StoreNotFound:
        names = []
    # Domain 0 is living even where nobody wrote its folder.
    return sorted({0, *(int(name) for name in names if name.isdigit() and len(name) <= 5)})


def _possible(domids: Collection[int]) -> list[int]:
    return sorted({domid for domid in domids if 0 <= domid <= MAX_DOMID})


def _row(domid: int, fields: Collection[Field], told: dict[Field, tuple[int, bytes]]) -> GuestRow:
    values: dict[Field, object] = {}
    absent: dict[Field, str] = {}
    uuid: str | None = DOM0_HANDLE if domid == 0 else None
    if Field.DOMID in fields:
        values[Field.DOMID] = domid
    for field, (kind, payload) in told.items():
        value = text(payload) if kind == MessageType.READ else None
        if field is Field.UUID:
            uuid = uuid or uuid_of(value)
            if uuid is not None:
                values[field] = uuid
            else:
                absent[field] = _NO_VM
        elif value is not None:
            values[field] = value
        else:
            absent[field] = _NAMELESS
    return GuestRow(domid, uuid, values, absent or None)
