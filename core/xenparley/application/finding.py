"""Finding the one guest that a caller means."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from attrs import evolve

from xenparley.application.channels import ChannelSet
from xenparley.application.joining import (
    Definition,
    defined_info,
    join,
    merge,
    why_unknown,
)
from xenparley.application.reading import Reader, read_deadline
from xenparley.domain.errors import AmbiguousGuest, Attempt, InvalidInput, NoChannel, NotFound
from xenparley.domain.guest import Field, GuestInfo, GuestRow
from xenparley.domain.identity import (
    DOM0_HANDLE,
    GuestRef,
    canonical_uuid,
    check_domid,
    is_uuid,
    printable,
)
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.plan import plan_command

__all__ = ["Finder", "Guest"]

#: How callers name a guest: a name (or UUID, or id), a domain id, a reference.
Guest = str | int | GuestRef


class _Search(NamedTuple):
    """How guests are looked for; ``unread`` takes who could not be asked for definitions."""

    fields: Collection[Field]
    deadline: float
    definitions: bool
    unread: dict[str, str]


_CRITERIA = {"name": Field.NAME, "uuid": Field.UUID, "domid": Field.DOMID}


class Finder:
    """Looks guests up by name, UUID or domain id. Several holders are an error, never a choice."""

    def __init__(self, channels: ChannelSet, reader: Reader, prefer: Sequence[str]) -> None:
        self._channels = channels
        self._reader = reader
        self._prefer = tuple(prefer)

    def one(
        self,
        guest: Guest,
        fields: Collection[Field],
        deadline: float,
        *,
        by: str = "any",
        definitions: bool = True,
    ) -> GuestInfo:
        """Return the one guest. Raises NotFound, AmbiguousGuest, InvalidInput.

        ``by`` is name, uuid, id or any. With any, a text is a name first; one that is a guest's
        name and another's id or UUID is ambiguous. NotFound names the keepers of definitions that
        could not be read: the guest may be one of theirs.
        """
        unread: dict[str, str] = {}
        search = _Search({*fields, Field.UUID, Field.NAME}, deadline, definitions, unread)
        found = self._candidates(guest, by, search)
        if not found:
            words = f" where it could be looked for ({_words(unread)})" if unread else ""
            raise NotFound(
                f"no guest {_shown(guest)}{words}",
                guest=_shown(guest),
                operation="find",
                attempts=_attempts(unread),
            )
        if len(found) > 1:
            candidates = tuple(_describe(g) for g in found)
            raise AmbiguousGuest(
                f"{_shown(guest)} may be any of: {'; '.join(candidates)}",
                candidates=candidates,
                guest=_shown(guest),
                operation="find",
            )
        return found[0]

    def _candidates(self, guest: Guest, by: str, search: _Search) -> list[GuestInfo]:
        if isinstance(guest, GuestRef):
            return self._by_ref(guest, search)
        if isinstance(guest, int) and not isinstance(guest, bool):
            return self._search({"domid": check_domid(guest)}, search)
        if not isinstance(guest, str):
            raise InvalidInput(f"a guest is a name, a UUID, a domain id: not {guest!r}")
        if by == "id":
            return self._search({"domid": _domid(guest)}, search)
        if by == "uuid":
            return self._search({"uuid": canonical_uuid(guest)}, search)
        if by not in ("any", "name"):
            raise InvalidInput(f"guests are found by name, uuid, id or any: not by {by!r}")
        found = self._search({"name": guest}, search)
        if by == "name":
            return found
        others: list[GuestInfo] = []
        if is_uuid(guest):
            others = self._search({"uuid": canonical_uuid(guest)}, search)
        elif guest.isascii() and guest.isdigit() and len(guest) <= 5 and int(guest) <= 0x7FEF:
            others = self._search({"domid": int(guest)}, search)
        known = {(g.domid, g.uuid) for g in found}
        return found + [g for g in others if (g.domid, g.uuid) not in known]

    def _by_ref(self, ref: GuestRef, search: _Search) -> list[GuestInfo]:
        if ref.domid is not None:
            found = self._search({"domid": ref.domid}, search)
            return [g for g in found if ref.uuid is None or g.uuid in (None, ref.uuid)]
        if ref.uuid is not None:
            return self._search({"uuid": ref.uuid}, search)
        if ref.name is not None:
            return self._search({"name": ref.name}, search)
        raise InvalidInput("a reference without domain id, UUID and name")

    def _search(self, criterion: Mapping[str, object], search: _Search) -> list[GuestInfo]:
        """Find the living by the criterion, the definitions by it, and join them."""
        fields, deadline, definitions, unread = search
        living, unseen = self._living(criterion, fields, deadline)
        if not definitions:
            if unseen is not None:
                raise unseen
            return living
        out: dict[str, str] = {}
        found: list[Definition] = []
        keeper = False
        if "domid" not in criterion:
            found, keeper = self._defined(criterion, deadline, out)
            # A definition found by name may live under another one.
            seen = {g.uuid for g in living}
            for uuid in {d.uuid for d in found if d.uuid is not None} - seen:
                living += self._living({"uuid": uuid}, fields, deadline)[0]
        names = set(criterion.values()) if "name" in criterion else set()
        # One without a UUID lives, and may be defined elsewhere, by its name.
        for name in {d.name for d in found if d.loose and d.name} - names:
            ids = {g.domid for g in living}
            named = self._living({"name": name}, fields, deadline)[0]
            living += [g for g in named if g.domid not in ids]
        known = {d.uuid for d in found}
        for uuid in {g.uuid for g in living if g.uuid not in (None, DOM0_HANDLE)} - known:
            more, keeper = self._defined({"uuid": uuid}, deadline, out)
            found += more
        known = {d.uuid for d in found}
        loose = {d.name for d in found if d.loose}
        nameless = {g.name for g in living if g.uuid is None}
        strays = {g.name for g in living if g.domid != 0 and g.uuid not in known} | loose
        for stray in strays - names - {d.name for d in found if not d.loose}:
            if stray is not None:
                more, keeper = self._defined({"name": stray}, deadline, out)
                # A definition with another UUID than a living guest is another guest's.
                found += [d for d in more if d.loose or stray in loose or stray in nameless]
        kept = merge(_distinct(found))[0]
        # Nobody was asked about Domain 0, and nobody defines it.
        certain = (keeper and not out) or all(g.uuid == DOM0_HANDLE for g in living)
        joined = join(living, kept, certain, why_unknown(keeper, out))
        now = time.time()
        result = joined.living + [defined_info(d, fields, now, unseen) for d in joined.shut_off]
        if not result and "domid" not in criterion:
            unread.update(self._channels.lost())
            unread.update(out)
        if unseen is not None and not result:
            raise _also(unseen, unread) from unseen
        return result

    def _living(
        self, criterion: Mapping[str, object], fields: Collection[Field], deadline: float
    ) -> tuple[list[GuestInfo], NoChannel | None]:
        """Find living guests; with them, why nobody can tell which guests live at all."""
        rows = self._find_live(criterion, deadline)
        if rows is None:
            listing, unseen = self._reader.live_or_why(fields, deadline)
            ((key, value),) = criterion.items()
            return [g for g in listing.guests if getattr(g, key) == value], unseen
        domids = {row.domid for row in rows if row.domid is not None}
        if not domids:
            return [], None
        # The rows are asked for again, of the planner's choice: what one channel still knows by
        # name may be dead for the hypervisor.
        listing, unseen = self._reader.live_or_why(fields, deadline, domids=domids)
        by_id = {row.domid: row for row in rows}
        found = [
            _completed(g, by_id[g.domid])
            for g in listing.guests
            if g.domid in by_id and _agrees(g, by_id[g.domid], criterion)
        ]
        return found, unseen

    def _find_live(
        self, criterion: Mapping[str, object], deadline: float
    ) -> Sequence[GuestRow] | None:
        """Ask the best channel that can search by this criterion; None when there is none."""
        ((key, _),) = criterion.items()
        field = _CRITERIA[key]
        if key == "domid":
            return [GuestRow(domid=criterion["domid"], uuid=None, values={})]  # type: ignore[arg-type]
        out: dict[str, str] = {}
        while True:
            views = self._channels.views(without=out)
            plan = plan_command(Capability.FIND_LIVE, views, prefer=self._prefer)
            offers = {v.name: v.offer(Capability.FIND_LIVE) for v in views}
            able = [
                name
                for name in plan.candidates
                if (offer := offers[name]) is not None and field in offer.field_costs_us
            ]
            if not able:
                return None
            wanted = [f for f in (Field.UUID, Field.NAME) if f in offers[able[0]].fields]  # type: ignore[union-attr]
            rows = self._reader.try_read(
                Capability.FIND_LIVE,
                able[0],
                lambda port, until, wanted=wanted: port.find_live(
                    wanted, deadline=until, **criterion
                ),
                read_deadline(deadline, len(able) - 1),
                deadline,
                out,
            )
            if rows is not None:
                return rows

    def _defined(
        self, criterion: Mapping[str, object], deadline: float, out: dict[str, str]
    ) -> tuple[list[Definition], bool]:
        """Ask the keepers of definitions; one that can't search is listed instead."""
        found, searched = self._reader.definitions(
            Capability.FIND_DEFINED,
            lambda port, offered, until: port.find_defined(
                tuple(f for f in Field if f in offered), deadline=until, **criterion
            ),
            deadline,
            out,
        )
        searching = {
            v.name for v in self._channels.views() if v.offer(Capability.FIND_DEFINED) is not None
        }
        listed, listing = self._reader.definitions(
            Capability.LIST_DEFINED,
            lambda port, offered, until: port.list_defined(
                tuple(f for f in Field if f in offered), deadline=until
            ),
            deadline,
            out,
            without=searching,
        )
        ((key, value),) = criterion.items()
        found += [d for d in listed if (d.uuid if key == "uuid" else d.name) == value]
        return found, searched or listing


def _words(unread: Mapping[str, str]) -> str:
    return "; ".join(f"{channel}: {reason}" for channel, reason in unread.items())


def _attempts(unread: Mapping[str, str]) -> list[Attempt]:
    return [Attempt(channel, reason) for channel, reason in unread.items()]


def _also(error: NoChannel, unread: Mapping[str, str]) -> NoChannel:
    """Return the error with what the keepers of definitions said, which comes first."""
    known = {attempt.channel for attempt in error.attempts}
    more = {channel: reason for channel, reason in unread.items() if channel not in known}
    return NoChannel(
        f"{error.message}; {_words(more)}" if more else error.message,
        guest=error.guest,
        operation=error.operation,
        attempts=(*_attempts(more), *error.attempts),
    )


def _distinct(found: Sequence[Definition]) -> list[Definition]:
    """Leave out what was found twice, by its UUID and by its name."""
    rows = {(d.channel, d.uuid, d.name): d for d in reversed(found)}
    return [d for d in found if rows[d.channel, d.uuid, d.name] is d]


def _agrees(guest: GuestInfo, row: GuestRow, criterion: Mapping[str, object]) -> bool:
    """Say whether the guest that the planner read is the one that was found, not a successor."""
    if guest.uuid is not None and row.uuid is not None and guest.uuid != row.uuid:
        return False
    name = criterion.get("name")
    return name is None or guest.name is None or guest.name == name


def _completed(guest: GuestInfo, row: GuestRow) -> GuestInfo:
    """Add what the look-up told and the listing could not."""
    changes: dict[str, object] = {}
    if guest.uuid is None and row.uuid is not None:
        changes["uuid"] = row.uuid
    if guest.name is None and Field.NAME in row.values:
        changes["name"] = row.values[Field.NAME]
    return evolve(guest, **changes) if changes else guest  # type: ignore[arg-type]


def _domid(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise InvalidInput(f"not a domain id: {printable(text, limit=60)!r}")
    return check_domid(int(text))


def _shown(guest: object) -> str:
    return str(guest) if isinstance(guest, (GuestRef, int)) else printable(str(guest), limit=80)


def _describe(guest: GuestInfo) -> str:
    where = f"domain id {guest.domid}" if guest.domid is not None else "defined"
    return f"{printable(guest.name or '(no name)', limit=80)}, {where}, {guest.uuid}"
