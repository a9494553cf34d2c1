"""The planner against its specification: try every assignment, take the least."""

from __future__ import annotations

import random
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    InvalidState,
    NoChannel,
    OperationFailed,
    OutcomeUnknown,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Authority, Available, Offer, Refused, Unavailable, Withheld
from xenparley.negotiation.plan import ChannelView, falls_over, plan_command, plan_read

FIELDS = (Field.DOMID, Field.NAME, Field.STATE, Field.CPU_TIME)
LIST = Capability.LIST_LIVE

# Whole numbers: sums are exact, so equal costs are equal.
costs = st.integers(0, 6).map(float)
offers = st.builds(
    Offer,
    st.just(LIST),
    costs,
    st.sampled_from(list(Authority)),
    st.dictionaries(st.sampled_from(FIELDS), costs),
)
results = st.one_of(
    offers.map(lambda o: Available(version="1", offers=(o,))),
    st.just(Unavailable("no socket")),
    st.just(Refused("disabled")),
    st.just(Available(version="1", offers=(), withheld=(Withheld(LIST, "too old"),))),
)
views = st.lists(results, max_size=4).map(
    lambda found: [
        ChannelView(name=f"c{number}", result=result) for number, result in enumerate(found)
    ]
)
preferences = st.lists(st.sampled_from(["c0", "c1", "c2", "c3"]), unique=True, max_size=3)


def reference(fields, views, prefer):
    """Every assignment of fields to providers; the least by the documented order."""
    able = {v.name: o for v in views if (o := v.offer(LIST)) is not None}
    covered = [f for f in fields if any(f in o.field_costs_us for o in able.values())]
    if Field.DOMID not in covered:
        return None
    best = None
    choices = [[n for n, o in able.items() if f in o.field_costs_us] for f in covered]
    for assignment in product(*choices):
        used = tuple(sorted(set(assignment)))
        key = (
            sum(prefer.index(n) if n in prefer else len(prefer) for n in assignment),
            sum(int(able[n].authority) for n in assignment),
            sum(able[n].cost_us for n in used)
            + sum(able[n].field_costs_us[f] for f, n in zip(covered, assignment, strict=True)),
            len(used),
            used,
        )
        if best is None or key < best:
            best = key
    return best


def score(plan, views, prefer):
    able = {v.name: v.offer(LIST) for v in views}
    pairs = [(f, part.channel) for part in plan.parts for f in part.fields]
    used = tuple(sorted({name for _, name in pairs}))
    return (
        sum(prefer.index(n) if n in prefer else len(prefer) for _, n in pairs),
        sum(int(able[n].authority) for _, n in pairs),
        sum(able[n].cost_us for n in used) + sum(able[n].field_costs_us[f] for f, n in pairs),
        len(used),
        used,
    )


@given(views, preferences, st.sets(st.sampled_from(FIELDS)))
def test_the_plan_is_the_least_cover(found, prefer, asked):
    wanted = [f for f in FIELDS if f in asked or f is Field.DOMID]
    plan = plan_read(LIST, asked, found, prefer=prefer)
    best = reference(wanted, found, prefer)
    if best is None:
        assert plan.parts == ()
        assert set(plan.missing) == set(wanted)
    else:
        assert score(plan, found, prefer) == best
        assert plan.cost_us == best[2]
        assert Field.DOMID in plan.parts[0].fields


@given(views, preferences, st.sets(st.sampled_from(FIELDS)))
def test_no_field_is_dropped_without_its_reason(found, prefer, asked):
    plan = plan_read(LIST, asked, found, prefer=prefer)
    told = {f for part in plan.parts for f in part.fields}
    assert told | set(plan.missing) == {*asked, Field.DOMID}
    assert not told & set(plan.missing)
    assert all(plan.missing.values())
    for name, reason in ((v.name, v.result) for v in found if isinstance(v.result, Unavailable)):
        for words in plan.missing.values():
            assert name in words
            assert reason.reason in words


@given(views, preferences, st.sets(st.sampled_from(FIELDS)), st.randoms())
def test_the_order_of_registration_changes_nothing(found, prefer, asked, chance: random.Random):
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert plan_read(LIST, asked, found, prefer=prefer) == plan_read(
        LIST, asked, shuffled, prefer=prefer
    )
    assert plan_command(LIST, found, prefer=prefer) == plan_command(LIST, shuffled, prefer=prefer)


@given(views, preferences, st.sets(st.sampled_from(FIELDS)))
def test_every_channel_has_its_verdict(found, prefer, asked):
    for plan in (
        plan_read(LIST, asked, found, prefer=prefer),
        plan_command(LIST, found, prefer=prefer),
    ):
        assert sorted(v.channel for v in plan.verdicts) == [v.name for v in found]
        assert all(v.reason for v in plan.verdicts)


@given(views, preferences)
def test_command_candidates_come_in_the_documented_order(found, prefer):
    plan = plan_command(LIST, found, prefer=prefer)
    able = {v.name: o for v in found if (o := v.offer(LIST)) is not None}
    assert set(plan.candidates) == set(able)
    keys = [
        (
            prefer.index(n) if n in prefer else len(prefer),
            able[n].authority,
            able[n].cost_us,
            n,
        )
        for n in plan.candidates
    ]
    assert keys == sorted(keys)


def channel(name, capability=LIST, cost=1.0, authority=Authority.OWNER, fields=(), **rest):
    offer = Offer(capability, cost, authority, dict.fromkeys(fields, 0.0), **rest)
    return ChannelView(name=name, result=Available(version="1", offers=(offer,)))


def test_a_listing_with_names_takes_hypercalls_and_xenstore():
    live = (Field.DOMID, Field.UUID, Field.STATE, Field.MEMORY)
    found = [
        channel("hypercall", cost=15, fields=live),
        channel("xenstore", cost=900, authority=Authority.RECORD, fields=(Field.DOMID, Field.NAME)),
        channel("xend", cost=90_000, authority=Authority.SECONDARY, fields=(*live, Field.NAME)),
    ]
    plan = plan_read(LIST, (Field.NAME, Field.STATE), found)
    assert [(p.channel, p.fields) for p in plan.parts] == [
        ("hypercall", (Field.DOMID, Field.STATE)),
        ("xenstore", (Field.NAME,)),
    ]
    reasons = {v.channel: v.reason for v in plan.verdicts}
    assert "has more authority" in reasons["xend"]


def test_a_forced_offer_is_planned_only_when_forced():
    found = [
        channel(
            "hypercall",
            Capability.DESTROY,
            authority=Authority.LAST_RESORT,
            force_only="XenStore keys stay behind",
        )
    ]
    plan = plan_command(Capability.DESTROY, found)
    assert plan.candidates == ()
    assert plan.verdicts[0].reason == "only when forced: XenStore keys stay behind"
    assert plan_command(Capability.DESTROY, found, force=True).candidates == ("hypercall",)


def test_many_equal_channels_still_cover_every_field():
    found = [channel(f"c{n:02}", cost=float(n), fields=FIELDS) for n in range(40)]
    plan = plan_read(LIST, FIELDS, found)
    assert {f for p in plan.parts for f in p.fields} == set(FIELDS)
    assert plan.parts[0].channel == "c00"


def test_only_certain_inaction_leads_to_another_channel():
    for error in (Unsupported("x"), AccessRefused("x"), ChannelLost("x"), NoChannel("x")):
        assert falls_over(error)
    for error in (
        OutcomeUnknown("x"),
        OperationFailed("x"),
        InvalidState("x"),
        DeadlineExceeded("x"),
    ):
        assert not falls_over(error)


def test_every_capability_has_a_method_in_its_port():
    from importlib import import_module

    for capability, spec in SPECS.items():
        module = import_module(f"xenparley.ports.{spec.role.value}")
        protocols = [
            value
            for value in vars(module).values()
            if getattr(value, "_is_protocol", False) and value.__module__ == module.__name__
        ]
        assert any(callable(getattr(p, spec.method, None)) for p in protocols), capability
    assert set(SPECS) == set(Capability)
