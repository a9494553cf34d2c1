"""The planner: which channels answer a question, which one gets a command, and why.

Pure and total: the same views give the same plan, in whatever order they come. The order is

1. explicit configuration (the caller's ``prefer`` list),
2. authority (the hypervisor for live state, the owner of the host for commands),
3. cost, 4. fewer channels, 5. the channel's name.

**Reads** are planned by field. For each field the providers that come first by (1) and (2) stay;
among them the set of channels with the least total cost covers all fields. Sums of tuples
compared in this order make that the same as trying every subset of all channels, which is what
the tests do.

**Commands** have one order of candidates; the second is used only when the first certainly did
not act (:func:`falls_over`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

from xenparley.domain.errors import AccessRefused, Unavailable, Unsupported, XenparleyError
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Available, Offer, ProbeResult
from xenparley.negotiation.offer import Unavailable as NotThere

__all__ = [
    "ChannelView",
    "CommandPlan",
    "ReadPart",
    "ReadPlan",
    "Verdict",
    "falls_over",
    "plan_command",
    "plan_read",
]

#: Beyond so many channels of equal authority each field goes to its cheapest one by itself,
#: instead of trying 2**n sets.
_EXACT = 12


class ChannelView(NamedTuple):
    """A channel as the planner sees it: its name and what its probe found."""

    name: str
    result: ProbeResult

    def offer(self, capability: Capability) -> Offer | None:
        """Return the offer of this capability, or None."""
        if isinstance(self.result, Available):
            for offer in self.result.offers:
                if offer.capability is capability:
                    return offer
        return None

    def why_not(self, capability: Capability) -> str:
        """Word why the channel does not offer the capability."""
        if not isinstance(self.result, Available):
            word = "unavailable" if isinstance(self.result, NotThere) else "refused"
            return f"{word}: {self.result.reason}"
        for withheld in self.result.withheld:
            if withheld.capability is capability:
                return f"withheld: {withheld.reason}"
        return "does not offer it"


class Verdict(NamedTuple):
    """What became of one channel in a plan, and why. ``fields`` are those it is to tell."""

    channel: str
    chosen: bool
    reason: str
    authority: str | None = None
    cost_us: float | None = None
    fields: tuple[Field, ...] = ()


class ReadPart(NamedTuple):
    """One channel's share of a read."""

    channel: str
    fields: tuple[Field, ...]


class ReadPlan(NamedTuple):
    """How a listing or look-up is answered. ``parts[0]`` tells which rows there are.

    ``missing`` maps each field that nobody can tell to the reason.
    """

    capability: Capability
    parts: tuple[ReadPart, ...]
    missing: Mapping[Field, str] = MappingProxyType({})
    verdicts: tuple[Verdict, ...] = ()
    cost_us: float = 0.0


class CommandPlan(NamedTuple):
    """Who gets a command or a whole-answer read, best first."""

    capability: Capability
    candidates: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def falls_over(error: XenparleyError) -> bool:
    """Say whether it is certain that the channel did not act, so that the next may be asked."""
    return isinstance(error, (Unsupported, AccessRefused, Unavailable))


def plan_command(
    capability: Capability,
    views: Iterable[ChannelView],
    *,
    prefer: Sequence[str] = (),
    force: bool = False,
) -> CommandPlan:
    """Order the channels that offer a command. Nobody offering it gives no candidates."""
    ranked: list[tuple[tuple[int, int, float, str], Offer]] = []
    verdicts: list[Verdict] = []
    for view in views:
        offer = view.offer(capability)
        if offer is None:
            verdicts.append(
                Verdict(channel=view.name, chosen=False, reason=view.why_not(capability))
            )
        elif offer.force_only is not None and not force:
            reason = f"only when forced: {offer.force_only}"
            verdicts.append(_verdict(view.name, offer, False, reason))
        else:
            key = (_rank(view.name, prefer), int(offer.authority), offer.cost_us, view.name)
            ranked.append((key, offer))
    ranked.sort(key=lambda pair: pair[0])
    chosen = [
        _verdict(
            key[3],
            offer,
            place == 0,
            "first choice" if place == 0 else _behind(ranked[0][0], key),
        )
        for place, (key, offer) in enumerate(ranked)
    ]
    verdicts.sort(key=lambda v: v.channel)
    return CommandPlan(
        capability=capability,
        candidates=tuple(key[3] for key, _ in ranked),
        verdicts=(*chosen, *verdicts),
    )


def plan_read(
    capability: Capability,
    fields: Collection[Field],
    views: Iterable[ChannelView],
    *,
    prefer: Sequence[str] = (),
) -> ReadPlan:
    """Cover the fields with channels. The provider of DOMID, always asked for, gives the rows."""
    wanted = sorted({*fields, Field.DOMID}, key=_field_order)
    all_views = sorted(views, key=lambda v: v.name)
    offers = {
        view.name: offer for view in all_views if (offer := view.offer(capability)) is not None
    }
    best = {f: _best_providers(f, offers, prefer) for f in wanted}
    missing = {f: _why_missing(f, capability, all_views) for f in wanted if not best[f]}
    if Field.DOMID in missing:
        # Nobody can say which guests there are: no other field can be told either.
        missing = dict.fromkeys(wanted, missing[Field.DOMID])
        best = dict.fromkeys(wanted, ())
    covered = [f for f in wanted if best[f]]
    shares = _cheapest(covered, best, offers)
    parts = _parts(shares)
    return ReadPlan(
        capability=capability,
        parts=parts,
        missing=missing,
        verdicts=_read_verdicts(capability, wanted, all_views, offers, shares, prefer),
        cost_us=_cost({p.channel: p.fields for p in parts}, offers),
    )


_FIELD_PLACE = {f: place for place, f in enumerate(Field)}


def _field_order(f: Field) -> int:
    return _FIELD_PLACE[f]


def _rank(channel: str, prefer: Sequence[str]) -> int:
    return prefer.index(channel) if channel in prefer else len(prefer)


def _best_providers(
    f: Field, offers: Mapping[str, Offer], prefer: Sequence[str]
) -> tuple[str, ...]:
    keyed = [
        ((_rank(name, prefer), int(offer.authority)), name)
        for name, offer in offers.items()
        if f in offer.field_costs_us and offer.force_only is None
    ]
    if not keyed:
        return ()
    first = min(key for key, _ in keyed)
    return tuple(name for key, name in keyed if key == first)


def _cheapest(
    covered: Sequence[Field],
    best: Mapping[Field, tuple[str, ...]],
    offers: Mapping[str, Offer],
) -> dict[Field, str]:
    """Give each field one of its best providers, at the least total cost."""
    names = sorted({name for f in covered for name in best[f]})
    if len(names) > _EXACT:
        return {f: min(best[f], key=lambda n, f=f: _alone(n, f, offers)) for f in covered}  # type: ignore[misc]
    winner: tuple[tuple[float, int, tuple[str, ...]], dict[Field, str]] | None = None
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            shares: dict[Field, str] = {}
            for f in covered:
                able = [n for n in best[f] if n in chosen]
                if not able:
                    break
                shares[f] = min(able, key=lambda n, f=f: (offers[n].field_costs_us[f], n))  # type: ignore[misc]
            else:
                used = tuple(sorted(set(shares.values())))
                if used != chosen:
                    continue  # a smaller set does the same
                key = (_total(shares, offers), len(chosen), chosen)
                if winner is None or key < winner[0]:
                    winner = (key, shares)
    return winner[1] if winner else {}


def _alone(name: str, f: Field, offers: Mapping[str, Offer]) -> tuple[float, str]:
    return (offers[name].cost_us + offers[name].field_costs_us[f], name)


def _total(shares: Mapping[Field, str], offers: Mapping[str, Offer]) -> float:
    grouped: dict[str, list[Field]] = {}
    for f, name in shares.items():
        grouped.setdefault(name, []).append(f)
    return _cost(grouped, offers)


def _cost(grouped: Mapping[str, Collection[Field]], offers: Mapping[str, Offer]) -> float:
    return sum(
        offers[name].cost_us + sum(offers[name].field_costs_us[f] for f in fs)
        for name, fs in sorted(grouped.items())
    )


def _parts(shares: Mapping[Field, str]) -> tuple[ReadPart, ...]:
    grouped: dict[str, list[Field]] = {}
    for f, name in shares.items():
        grouped.setdefault(name, []).append(f)
    rows = shares.get(Field.DOMID)
    ordered = sorted(grouped, key=lambda name: (name != rows, name))
    return tuple(ReadPart(n, tuple(sorted(grouped[n], key=_field_order))) for n in ordered)


def _why_missing(f: Field, capability: Capability, views: Sequence[ChannelView]) -> str:
    words = []
    for view in views:
        offer = view.offer(capability)
        words.append(
            f"{view.name}: {view.why_not(capability)}"
            if offer is None
            else f"{view.name}: does not tell {f.value}"
        )
    return "; ".join(words) or "there are no channels"


def _read_verdicts(
    capability: Capability,
    wanted: Sequence[Field],
    views: Sequence[ChannelView],
    offers: Mapping[str, Offer],
    shares: Mapping[Field, str],
    prefer: Sequence[str],
) -> tuple[Verdict, ...]:
    chosen: list[Verdict] = []
    others: list[Verdict] = []
    for view in views:
        offer = offers.get(view.name)
        if offer is None:
            others.append(Verdict(channel=view.name, chosen=False, reason=view.why_not(capability)))
            continue
        told = tuple(f for f in wanted if shares.get(f) == view.name)
        if told:
            reason = "tells which guests there are" if Field.DOMID in told else "adds fields"
            chosen.append(_verdict(view.name, offer, True, reason, told))
            continue
        could = [f for f in wanted if f in offer.field_costs_us]
        if not could:
            reason = "tells none of the fields asked for"
        else:
            reason = "; ".join(
                sorted({_beaten(view.name, f, offers, shares, prefer) for f in could})
            )
        others.append(_verdict(view.name, offer, False, reason))
    chosen.sort(key=lambda v: (Field.DOMID not in v.fields, v.channel))
    return (*chosen, *others)


def _beaten(
    name: str,
    f: Field,
    offers: Mapping[str, Offer],
    shares: Mapping[Field, str],
    prefer: Sequence[str],
) -> str:
    winner = shares.get(f)
    if winner is None:
        return "nobody tells which guests there are"
    if _rank(winner, prefer) < _rank(name, prefer):
        return f"{winner} is preferred by configuration"
    if offers[winner].authority < offers[name].authority:
        return f"{winner} has more authority"
    return f"cheaper with {winner}"


def _verdict(
    name: str, offer: Offer, chosen: bool, reason: str, fields: tuple[Field, ...] = ()
) -> Verdict:
    cost = offer.cost_us + sum(offer.field_costs_us[f] for f in fields)
    return Verdict(
        channel=name,
        chosen=chosen,
        reason=reason,
        authority=offer.authority.name.lower(),
        cost_us=cost,
        fields=fields,
    )


def _behind(first: tuple[int, int, float, str], key: tuple[int, int, float, str]) -> str:
    """Word why a candidate is behind the first one; it is still used when that did not act."""
    if first[0] < key[0]:
        why = "preferred by configuration"
    elif first[1] < key[1]:
        why = "more authority"
    elif first[2] < key[2]:
        why = "less cost"
    else:
        why = "first by name"
    return f"next, when those before certainly did not act ({first[3]}: {why})"
