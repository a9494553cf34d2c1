"""Listings joined from several channels: no ghost, no silent gap, no hang."""

from __future__ import annotations

import threading
import time

import pytest

from core.hosts import LIVE, U1, U2, U3, FakeChannel, World, fake_host, full_offers, offer, row
from xenparley import Capability, Phase
from xenparley.domain.errors import ChannelLost, DeadlineExceeded, NoChannel, NotFound
from xenparley.domain.guest import Field
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.offer import Authority, Available
from xenparley.negotiation.plan import plan_read
from xenparley.ports.lifecycle import Receipt

NAMES = (Field.DOMID, Field.NAME)


@pytest.fixture
def world():
    return World()


def hypervisor(world, **methods):
    return FakeChannel(
        "hypercall",
        {"list_live": world.list_live, **methods},
        (offer(Capability.LIST_LIVE, 15, fields=LIVE),),
    )


def names(world, listed=None, **rest):
    def list_live(fields, *, domids=None, deadline):
        known = dict(listed or {d: n for d, (n, _, _) in world.guests.items()})
        return [row(d, name=n) for d, n in known.items() if domids is None or d in domids]

    def find_live(fields, *, domid=None, uuid=None, name=None, deadline):
        known = dict(listed or {d: n for d, (n, _, _) in world.guests.items()})
        return [row(d, name=n) for d, n in known.items() if n == name]

    return FakeChannel(
        "xenstore",
        {"list_live": list_live, "find_live": find_live},
        (
            offer(Capability.LIST_LIVE, 900, Authority.RECORD, fields=NAMES),
            offer(Capability.FIND_LIVE, 900, Authority.RECORD, fields=(Field.NAME,)),
        ),
        **rest,
    )


def strip(row_, *fields):
    for f in fields:
        row_.values.pop(f, None)
    return row_


def nameless(world):
    def list_live(fields, *, domids=None, deadline):
        return [strip(r, Field.NAME) for r in world.list_live(fields, domids=domids, deadline=0)]

    return hypervisor(world, list_live=list_live)


def test_two_channels_make_one_listing(world):
    with fake_host(nameless(world), names(world)) as host:
        listing = host.list((Field.NAME, Field.STATE))
    guest = listing.guests[1]
    assert (guest.domid, guest.name, guest.phase) == (5, "fc8", Phase.ACTIVE)
    assert guest.sources[Field.NAME] == "xenstore"
    assert guest.sources[Field.STATE] == "hypercall"
    assert guest.missing == {}
    assert abs(guest.observed_at - time.time()) < 60
    assert [g.domid for g in listing] == [0, 5]


def test_what_the_hypervisor_does_not_know_is_no_guest(world):
    ghosts = names(world, {0: "Domain-0", 5: "fc8", 999: "ghost"})
    with fake_host(nameless(world), ghosts) as host:
        assert [g.name for g in host.list((Field.NAME,))] == ["Domain-0", "fc8"]
        with pytest.raises(NotFound):
            host.find("ghost")
        assert host.find("fc8").domid == 5


def test_a_row_that_one_channel_lacks_says_so(world):
    with fake_host(nameless(world), names(world, {0: "Domain-0"})) as host:
        guest = host.list((Field.NAME,)).guests[1]
    assert guest.name is None
    assert guest.missing[Field.NAME] == "xenstore does not know this domain"
    assert Field.NAME not in guest.sources


def test_two_handles_for_one_id_are_a_conflict(world):
    liar = FakeChannel(
        "xenstore",
        {"list_live": lambda fields, **_: [row(5, U3, name="successor")]},
        (offer(Capability.LIST_LIVE, 900, Authority.RECORD, fields=NAMES),),
    )
    with fake_host(nameless(world), liar) as host:
        listing = host.list((Field.NAME,))
    assert listing.guests[1].name is None
    assert U3 in listing.guests[1].missing[Field.NAME]
    assert len(listing.conflicts) == 1


def test_a_channel_lost_in_the_middle_leaves_its_fields_absent_with_the_reason(world):
    broken = names(world)

    def lost(*args, **kwargs):
        broken.down = "no socket"
        raise ChannelLost("connection reset")

    broken.methods["list_live"] = lost
    with fake_host(nameless(world), broken) as host:
        listing = host.list((Field.NAME, Field.STATE))
        guest = listing.guests[1]
        assert guest.phase is Phase.ACTIVE
        assert guest.name is None
        assert "connection reset" in guest.missing[Field.NAME]
        assert listing.incomplete == {"xenstore": "connection reset"}
        status = {c.name: c for c in host.channels()}["xenstore"]
        assert status.state == "lost"
        assert status.retry_in_s is not None


def test_a_lost_channel_is_planned_around_when_another_tells_the_same(world):
    def lost(*args, **kwargs):
        raise ChannelLost("gone")

    slow = FakeChannel("xend", world.reads(), full_offers(cost=90_000))
    with fake_host(hypervisor(world, list_live=lost), slow) as host:
        guest = host.list((Field.STATE,)).guests[1]
    assert guest.sources[Field.STATE] == "xend"


def test_a_lost_channel_is_taken_back(world, monkeypatch):
    from xenparley.negotiation import health

    monkeypatch.setattr(health, "FIRST_RETRY_S", 0.0)
    channel = names(world)
    good = channel.methods["list_live"]

    def lost(*args, **kwargs):
        raise ChannelLost("gone")

    with fake_host(nameless(world), channel) as host:
        channel.methods["list_live"] = lost
        assert host.list((Field.NAME,)).guests[1].name is None
        channel.methods["list_live"] = good
        limit = time.monotonic() + 10
        while host.list((Field.NAME,)).guests[1].name is None:
            assert time.monotonic() < limit, "never taken back"
            time.sleep(0.01)


def test_a_channel_that_hangs_in_a_read_is_quarantined_and_planned_around(world):
    stop = threading.Event()

    def hang(*args, **kwargs):
        stop.wait(30)

    slow = FakeChannel("xend", world.reads(), full_offers(cost=90_000))
    with fake_host(hypervisor(world, list_live=hang), slow, timeout=0.4) as host:
        guest = host.list((Field.STATE,), timeout=3.0).guests[1]
        assert guest.sources[Field.STATE] == "xend"
        assert {c.name: c.state for c in host.channels()}["hypercall"] == "quarantined"
    stop.set()


def test_nobody_left_is_an_error_that_lists_reasons(world):
    def lost(*args, **kwargs):
        raise ChannelLost("gone")

    with fake_host(hypervisor(world, list_live=lost)) as host:
        with pytest.raises(NoChannel, match="gone"):
            host.list()


def test_a_deadline_is_told_as_such(world):
    def late(fields, *, domids=None, deadline):
        time.sleep(max(0, deadline - time.monotonic()))
        raise DeadlineExceeded("too slow")

    with fake_host(hypervisor(world, list_live=late)) as host, pytest.raises(DeadlineExceeded):
        host.list(timeout=0.05)


def test_foreign_errors_and_wrong_probes_of_an_adapter_are_its_own(world):
    def boom(*args, **kwargs):
        raise KeyError("bug")

    slow = FakeChannel("xend", world.reads(), full_offers(cost=90_000))
    wrong = names(world)
    wrong.down = lambda: "nonsense"
    raising = FakeChannel("b", {}, ())
    raising.down = lambda: 1 // 0
    leaving = FakeChannel("c", {}, ())
    leaving.down = lambda: (_ for _ in ()).throw(SystemExit(3))
    with fake_host(hypervisor(world, list_live=boom), slow, wrong, raising, leaving) as host:
        listing = host.list((Field.STATE,))
        assert listing.guests[1].sources[Field.STATE] == "xend"
        assert "KeyError" in listing.incomplete["hypercall"]
        reasons = {c.name: c.reason for c in host.channels()}
        assert reasons["xenstore"] == "its probe returned str"
        assert "ZeroDivisionError" in reasons["b"]
        assert "SystemExit" in reasons["c"]


def test_a_probe_that_hangs_delays_only_so_long_and_is_named(world, monkeypatch):
    from xenparley.application import calls, channels

    monkeypatch.setattr(channels, "PROBE_S", 0.1)
    monkeypatch.setattr(calls, "GRACE_S", 0.1)
    stop = threading.Event()
    stuck = FakeChannel("stuck", {}, ())
    stuck.down = lambda: stop.wait(30)
    with fake_host(hypervisor(world), stuck) as host:
        assert len(host.list((Field.STATE,))) == 2
        limit = time.monotonic() + 10
        while {c.name: c.state for c in host.channels()}["stuck"] != "quarantined":
            assert time.monotonic() < limit
            time.sleep(0.01)
    stop.set()


def test_channels_of_another_host_are_refused(world):
    first = FakeChannel("a", world.reads(), full_offers(), host_id="one")
    second = FakeChannel("b", world.reads(), full_offers(), host_id="two")
    third = FakeChannel("c", world.reads(), full_offers(), host_id="one")
    with fake_host(first, second, third) as host:
        states = {c.name: (c.state, c.reason) for c in host.channels()}
    assert states["a"][0] == states["c"][0] == "available"
    assert states["b"][0] == "refused"
    assert "another host (two)" in states["b"][1]


def test_offers_that_were_not_declared_are_no_offers(world):
    channel = hypervisor(world)
    with fake_host(channel) as host:
        channel.offers = full_offers()
        host._channels["hypercall"].probe(time.monotonic() + 1)
        status = host.channels()[0]
    assert status.state == "unavailable"
    assert "did not declare: find-live" in status.reason


def test_all_joins_the_living_with_the_defined(world):
    with fake_host(FakeChannel("a", world.reads(), full_offers())) as host:
        guests = {g.name: g for g in host.list(all=True)}
    assert guests["fc8"].defined is True
    assert guests["fc8"].domid == 5
    assert guests["spare"].phase is Phase.SHUT_OFF
    assert guests["Domain-0"].defined is False
    assert len(guests) == 3


def test_definitions_that_contradict_each_other_are_told(world):
    other = World()
    other.guests = {}
    other.defined = {U1: "other-name", U3: "spare"}
    with fake_host(
        FakeChannel("a", world.reads(), full_offers()),
        FakeChannel("b", other.reads(), full_offers(cost=2)),
    ) as host:
        listing = host.list(all=True)
    assert len(listing.conflicts) == 2
    assert {(g.name, g.uuid) for g in listing if g.domid is None} == {("spare", U2), ("spare", U3)}
    assert {g.name for g in listing if g.uuid == U1} == {"fc8"}


def test_a_keeper_that_fails_leaves_doubt_not_a_no(world):
    def lost(*args, **kwargs):
        raise ChannelLost("gone")

    channel = FakeChannel(
        "a", {**world.reads(), "list_defined": lost, "find_defined": lost}, full_offers()
    )
    with fake_host(channel) as host:
        guest = host.list(all=True).guests[1]
    assert guest.defined is None
    assert guest.missing[Field.DEFINED] == "a: gone"


def test_configuration_narrows_and_orders(world, monkeypatch):
    def pair():
        return (
            FakeChannel("a", world.reads(), full_offers()),
            FakeChannel("b", world.reads(), full_offers(cost=5)),
        )

    with fake_host(*pair(), prefer=("b",)) as host:
        assert host.list().guests[0].sources[Field.STATE] == "b"
    with fake_host(*pair(), disable=("a",)) as host:
        assert host.list().guests[0].sources[Field.STATE] == "b"
        assert {c.name: c.reason for c in host.channels()}["a"] == "disabled by configuration"
    monkeypatch.setenv("XENPARLEY_CHANNELS", "b")
    with fake_host(*pair()) as host:
        assert {c.name: c.state for c in host.channels()} == {"a": "refused", "b": "available"}
    with pytest.raises(NoChannel, match="not among the channels asked for"):
        fake_host(*pair(), channels=("a",))


def test_explain_tells_the_plan_as_data(world):
    down = FakeChannel("xend", {}, full_offers())
    down.down = "no socket"
    with fake_host(nameless(world), names(world), down) as host:
        told = host.explain(Capability.LIST_LIVE, (Field.NAME, Field.STATE, Field.CPU_TIME))
        assert [name for name, _ in told.chosen] == ["hypercall", "xenstore"]
        reasons = {v.channel: v.reason for v in told.verdicts}
        assert reasons["xend"] == "unavailable: no socket"
        assert "xend: unavailable: no socket" in told.missing[Field.CPU_TIME]
        pause = host.explain(Capability.PAUSE)
        assert pause.chosen == ()
        assert len(pause.verdicts) == 3


def test_explain_start_names_who_creates_what_others_define(world):
    keeper = FakeChannel("xm", {}, (offer(Capability.READ_DEFINED), offer(Capability.LIST_DEFINED)))
    maker = FakeChannel("xl", {}, (offer(Capability.CREATE, 9),))
    with fake_host(keeper, maker, nameless(world)) as host:
        told = host.explain(Capability.START)
        assert (told.capability, told.chosen) == (Capability.START, (("xl", ()),))
        reasons = {v.channel: (v.chosen, v.reason) for v in told.verdicts}
        assert reasons["xl"] == (True, "is given the definition that xm keeps")
        assert reasons["xm"] == (False, "keeps definitions, and starts none itself")
        assert reasons["hypercall"] == (False, "does not offer it")
    maker.down = "no such file"
    with fake_host(keeper, maker, nameless(world)) as host:
        gone = host.explain(Capability.START)
        assert gone.chosen == ()
        assert {v.channel: v.reason for v in gone.verdicts}["xl"] == "unavailable: no such file"


def test_a_caller_waits_for_the_probe_that_is_under_way(world):
    """Somebody who is lost may be back: a background probe that began before is not passed by."""
    lost = FakeChannel("xl", {"pause": lambda ref, *, deadline: Receipt()}, ())
    lost.offers = (offer(Capability.PAUSE),)
    under_way, go_on = threading.Event(), threading.Event()

    def slow():
        under_way.set()
        go_on.wait(20)
        return Available(version="1", offers=lost.offers)

    with fake_host(lost, nameless(world), names(world)) as host:
        world.guests[5] = ("fc8", U1, RunFlags.BLOCKED)
        host._channels["xl"]._note_loss("no hypervisor")
        lost.down = slow
        background = threading.Thread(target=host._channels.revive, args=(time.monotonic() + 20,))
        background.start()
        assert under_way.wait(20)
        timer = threading.Timer(0.2, go_on.set)
        timer.start()
        try:
            assert host.pause(5, wait=False).channel == "xl"
        finally:
            timer.join()
            background.join()


def test_dying_guests_and_unknown_states(world):
    world.guests[5] = ("fc8", U1, RunFlags.DYING)
    with fake_host(FakeChannel("a", world.reads(), full_offers())) as host:
        assert host.find("fc8").phase is Phase.DYING
    with fake_host(names(world)) as host:
        guest = host.list().guests[1]
        assert guest.phase is None
        assert guest.missing[Field.STATE]


def only_definitions(world, *capabilities):
    offers = tuple(offer(c, fields=(Field.UUID, Field.NAME)) for c in capabilities)
    return FakeChannel("files", world.reads(), offers)


def test_definitions_are_told_where_nobody_tells_the_living(world):
    """A definition is not called shut off then: nobody knows."""
    files = only_definitions(world, Capability.LIST_DEFINED, Capability.FIND_DEFINED)
    with fake_host(files) as host:
        guests = {g.name: g for g in host.list(all=True)}
        assert set(guests) == {"fc8", "spare"}
        assert guests["spare"].phase is None
        assert "list living guests" in guests["spare"].missing[Field.STATE]
        assert host.find("spare").phase is None
        with pytest.raises(NoChannel):
            host.list()
        with pytest.raises(NoChannel):
            host.find("nobody")


def test_a_keeper_that_can_not_search_is_listed(world):
    files = only_definitions(world, Capability.LIST_DEFINED)
    with fake_host(nameless(world), names(world), files) as host:
        assert host.find("spare").uuid == U2
        assert host.find("fc8").defined is True
    assert "find_defined" not in files.calls


def test_a_listing_is_planned_anew_only_when_a_channel_changed(world, monkeypatch):
    made = []

    def counted(*args, **kwargs):
        made.append(args)
        return plan_read(*args, **kwargs)

    monkeypatch.setattr("xenparley.application.reading.plan_read", counted)
    channel = FakeChannel("a", world.reads(), full_offers())
    with fake_host(channel, FakeChannel("b", world.reads(), full_offers())) as host:
        first = host.list(fields=[Field.NAME])
        count = len(made)
        assert [g.name for g in host.list(fields=[Field.NAME])] == [g.name for g in first]
        assert len(made) == count
        host.list(fields=[Field.NAME, Field.STATE])
        assert len(made) == count + 1

        def lost(*args, **kwargs):
            raise ChannelLost("gone")

        channel.methods["list_live"] = lost
        assert [g.name for g in host.list(fields=[Field.NAME])] == [g.name for g in first]
        assert len(made) > count + 1
        assert {g.sources[Field.NAME] for g in host.list(fields=[Field.NAME])} == {"b"}
