"""Carrying out a read plan: rows of several channels joined to one observation."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from attrs import evolve

from xenparley.application.channels import ChannelSet
from xenparley.application.joining import (
    OF_DEFINITIONS,
    Definition,
    defined_info,
    info,
    join,
    merge,
    why_unknown,
)
from xenparley.domain.errors import (
    Attempt,
    DeadlineExceeded,
    InvalidInput,
    NoChannel,
    NotFound,
    XenparleyError,
)
from xenparley.domain.guest import Field, GuestInfo, GuestRow, Listing
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Offer
from xenparley.negotiation.plan import ChannelView, ReadPlan, plan_read

__all__ = ["ALL_FIELDS", "Reader", "read_deadline"]

ALL_FIELDS = tuple(Field)
#: Plans that are kept.
_PLANS = 32


def read_deadline(deadline: float, others: int) -> float:
    """Leave time for the next channel: half of what is left, when there is one to turn to."""
    if not others:
        return deadline
    now = time.monotonic()
    return now + max(0.0, deadline - now) / 2


class Reader:
    """Answers listings and look-ups over a set of channels."""

    def __init__(self, channels: ChannelSet, prefer: Sequence[str]) -> None:
        self._channels = channels
        self._prefer = tuple(prefer)
        #: The last plans for each set of fields, and the views that they were made from.
        self._plans: dict[tuple[Field, ...], tuple[tuple[ChannelView, ...], ReadPlan]] = {}

    # -- living guests -----------------------------------------------------------------------

    def live(
        self,
        fields: Collection[Field],
        deadline: float,
        *,
        domids: Collection[int] | None = None,
    ) -> Listing:
        """List living guests with these fields (only ``domids``, when given).

        Raises NoChannel when nobody can say which guests there are.
        """
        asked = [f for f in fields if f not in OF_DEFINITIONS]
        out: dict[str, str] = {}
        while True:
            plan = self._plan(tuple(asked), self._channels.views(without=out))
            if not plan.parts:
                raise self._nobody(out)
            observed_at = time.time()
            rows = self._run(plan, domids, deadline, out)
            if rows is not None:
                return self._join(plan, rows, observed_at, out)

    def _plan(self, asked: tuple[Field, ...], views: tuple[ChannelView, ...]) -> ReadPlan:
        """Plan a listing, or take the last plan while nothing is new about any channel."""
        made = self._plans.get(asked)
        if (
            made is not None
            and len(made[0]) == len(views)
            and all(
                old.name == new.name and old.result is new.result
                for old, new in zip(made[0], views, strict=True)
            )
        ):
            return made[1]
        plan = plan_read(Capability.LIST_LIVE, asked, views, prefer=self._prefer)
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[asked] = (views, plan)
        return plan

    def _nobody(self, out: Mapping[str, str]) -> NoChannel:
        """Build the error; what those said that were asked goes first."""
        words = "".join(f"; {channel}: {reason}" for channel, reason in out.items())
        error = self._channels.nobody(f"no channel can list living guests{words}", "list-live")
        known = {attempt.channel for attempt in error.attempts}
        asked = [Attempt(name, reason) for name, reason in out.items() if name not in known]
        error.attempts = (*asked, *error.attempts)
        return error

    def live_or_why(
        self,
        fields: Collection[Field],
        deadline: float,
        *,
        domids: Collection[int] | None = None,
    ) -> tuple[Listing, NoChannel | None]:
        """List living guests; nobody who can is no error here: definitions may still be told."""
        try:
            return self.live(fields, deadline, domids=domids), None
        except NoChannel as exc:
            listing = Listing(
                guests=(),
                incomplete={a.channel: a.reason for a in exc.attempts},
                observed_at=time.time(),
            )
            return listing, exc

    def _run(
        self,
        plan: ReadPlan,
        domids: Collection[int] | None,
        deadline: float,
        out: dict[str, str],
    ) -> list[Sequence[GuestRow]] | None:
        """Ask each part; None when one failed: it is in ``out`` then, and a new plan is due."""
        answers: list[Sequence[GuestRow]] = []
        wanted = domids
        for part in plan.parts:
            others = sum(1 for v in plan.verdicts if not v.chosen and v.authority is not None)
            rows = self.try_read(
                Capability.LIST_LIVE,
                part.channel,
                lambda port, until, part=part, wanted=wanted: port.list_live(
                    part.fields, domids=wanted, deadline=until
                ),
                read_deadline(deadline, others + len(plan.parts) - 1),
                deadline,
                out,
            )
            if rows is None:
                return None
            answers.append(rows)
            if wanted is None and len(plan.parts) > 1:
                wanted = [r.domid for r in rows if r.domid is not None]
        return answers

    def try_read(
        self,
        capability: Capability,
        channel: str,
        call: Callable[..., Sequence[GuestRow]],
        until: float,
        deadline: float,
        out: dict[str, str],
    ) -> Sequence[GuestRow] | None:
        """Ask one channel; None, with the reason in ``out``, when another may be asked instead."""
        try:
            return self._channels[channel].call(
                capability, lambda port: call(port, until), deadline=until
            )
        except (InvalidInput, NotFound):
            raise
        except XenparleyError as exc:
            if isinstance(exc, DeadlineExceeded) and time.monotonic() >= deadline:
                raise
            out[channel] = str(exc)
            return None

    def _join(
        self,
        plan: ReadPlan,
        answers: Sequence[Sequence[GuestRow]],
        observed_at: float,
        out: Mapping[str, str],
    ) -> Listing:
        first = plan.parts[0]
        extra = [
            (part, {row.domid: row for row in rows})
            for part, rows in zip(plan.parts[1:], answers[1:], strict=True)
        ]
        conflicts: list[str] = []
        told = _sources(plan)
        guests = []
        for row in answers[0]:
            values = dict(row.values)
            absent = dict(plan.missing)
            if row.absent:
                absent.update(row.absent)
            for part, by_id in extra:
                other = by_id.get(row.domid)
                if other is None:
                    reason = f"{part.channel} does not know this domain"
                elif row.uuid and other.uuid and row.uuid != other.uuid:
                    reason = f"{part.channel} has another handle for this domain id: {other.uuid}"
                    conflicts.append(
                        f"domain id {row.domid} is {row.uuid} for {first.channel}, "
                        f"{other.uuid} for {part.channel}"
                    )
                else:
                    for f in part.fields:
                        if f in other.values:
                            values[f] = other.values[f]
                    if other.absent:
                        absent.update(other.absent)
                    continue
                for f in part.fields:
                    absent.setdefault(f, reason)
            guests.append(info(row.domid, row.uuid, values, absent, told, observed_at))
        guests.sort(key=lambda g: -1 if g.domid is None else g.domid)
        return Listing(
            guests=tuple(guests),
            conflicts=tuple(conflicts),
            incomplete=dict(out),
            observed_at=observed_at,
        )

    # -- definitions -------------------------------------------------------------------------

    def definitions(
        self,
        capability: Capability,
        call: Callable[..., Sequence[GuestRow]],
        deadline: float,
        out: dict[str, str],
        *,
        without: Collection[str] = (),
    ) -> tuple[list[Definition], bool]:
        """Ask every channel that keeps definitions, the one with most authority first.

        Returns them, and whether there was any channel to ask. What failed is in ``out``;
        channels in ``without`` are left out.
        """
        offering: list[tuple[tuple[int, int, float, str], Offer]] = []
        for view in self._channels.views():
            offer = view.offer(capability)
            if offer is not None and view.name not in without:
                place = (
                    self._prefer.index(view.name)
                    if view.name in self._prefer
                    else len(self._prefer)
                )
                key = (place, int(offer.authority), offer.cost_us, view.name)
                offering.append((key, offer))
        offering.sort(key=lambda pair: pair[0])
        found: list[Definition] = []
        for place, (key, offer) in enumerate(offering):
            until = read_deadline(deadline, len(offering) - place - 1)
            rows = self.try_read(
                capability,
                key[3],
                lambda port, until, offer=offer: call(port, offer.fields, until),
                until,
                deadline,
                out,
            )
            found.extend(Definition(key[3], row) for row in rows or ())
        return found, bool(offering)

    def all_definitions(
        self, fields: Collection[Field], deadline: float, out: dict[str, str]
    ) -> tuple[list[Definition], bool]:
        """List all definitions with these fields, and whether anybody keeps any."""
        wanted = {*fields, Field.UUID, Field.NAME}
        return self.definitions(
            Capability.LIST_DEFINED,
            lambda port, offered, until: port.list_defined(
                tuple(f for f in Field if f in wanted and f in offered), deadline=until
            ),
            deadline,
            out,
        )

    # -- both --------------------------------------------------------------------------------

    def everything(self, fields: Collection[Field], deadline: float, *, all_: bool) -> Listing:
        """List living guests, and with ``all_`` the definitions that nobody lives by."""
        if not all_ and not OF_DEFINITIONS & set(fields):
            return self.live(fields, deadline)
        # Both are joined on the UUID: it is always asked for.
        live, unseen = self.live_or_why({*fields, Field.UUID}, deadline)
        incomplete = dict(live.incomplete)
        out: dict[str, str] = {}
        found, any_keeper = self.all_definitions(fields, deadline, out)
        incomplete.update(out)
        kept, conflicts = merge(found)
        if unseen is not None and not found:
            raise unseen
        living = live.guests
        if Field.NAME not in fields:
            living = self._named(living, kept, deadline)
        joined = join(living, kept, any_keeper and not out, why_unknown(any_keeper, out))
        conflicts += joined.conflicts
        guests = list(joined.living)
        if all_:
            guests += [defined_info(d, fields, live.observed_at, unseen) for d in joined.shut_off]
        return Listing(
            guests=tuple(guests),
            conflicts=(*live.conflicts, *conflicts),
            incomplete=incomplete,
            observed_at=live.observed_at,
        )

    def _named(
        self, living: tuple[GuestInfo, ...], kept: Sequence[Definition], deadline: float
    ) -> tuple[GuestInfo, ...]:
        """Look up the names of those that only a name can join to a definition, if any."""
        known = {d.uuid for d in kept}
        loose = any(d.loose for d in kept)
        doubtful = {
            (g.domid, g.uuid)
            for g in living
            if g.domid is not None and g.uuid not in known and (loose or g.uuid is None)
        }
        if not doubtful or not kept:
            return living
        domids = [domid for domid, _ in doubtful]
        looked, _ = self.live_or_why((Field.UUID, Field.NAME), deadline, domids=domids)
        names = {(g.domid, g.uuid): g for g in looked.guests}
        return tuple(
            evolve(g, name=names[g.domid, g.uuid].name)
            if (g.domid, g.uuid) in doubtful and (g.domid, g.uuid) in names
            else g
            for g in living
        )


def _sources(plan: ReadPlan) -> dict[Field, str]:
    return {f: part.channel for part in plan.parts for f in part.fields}
