"""Commands: one channel at a time, at most once, ambiguity told."""

from __future__ import annotations

import threading
import time

import pytest

from core.hosts import LIVE, U1, U2, FakeChannel, World, fake_host, full_offers, offer
from xenparley import Capability, Phase
from xenparley.domain.errors import (
    AccessRefused,
    AmbiguousGuest,
    ChannelLost,
    DeadlineExceeded,
    InvalidState,
    NoChannel,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Unavailable,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.offer import Authority
from xenparley.ports.lifecycle import Receipt


def raising(error):
    def call(*args, **kwargs):
        raise error

    return call


@pytest.fixture
def world():
    return World()


def reader(world, *commands, **methods):
    """A channel that knows the guests."""
    return FakeChannel("a", {**world.reads(), **methods}, full_offers(*commands))


def helper(name, capability, method, cost=1.0, authority=Authority.OWNER, **rest):
    """A channel that can do one thing only."""
    return FakeChannel(
        name, {capability.value: method}, (offer(capability, cost, authority, **rest),)
    )


def pauses(world):
    def pause(guest, *, deadline):
        name, uuid, _ = world.guests[guest.domid]
        world.guests[guest.domid] = (name, uuid, RunFlags.PAUSED)
        return Receipt()

    return pause


def test_accepted_and_reached_are_told_apart(world):
    with fake_host(reader(world, Capability.PAUSE, pause=pauses(world))) as host:
        outcome = host.pause("fc8")
        assert (outcome.accepted, outcome.reached, outcome.already) == (True, True, False)
        assert outcome.phase is Phase.PAUSED
        assert outcome.channel == "a"
        again = host.pause("fc8")
        assert (again.accepted, again.reached, again.already) == (False, True, True)


def test_already_there_sends_nothing(world):
    world.guests[5] = ("fc8", U1, RunFlags.PAUSED)
    channel = reader(world, Capability.PAUSE, pause=pauses(world))
    with fake_host(channel) as host:
        assert host.pause("fc8").already
    assert "pause" not in channel.calls


@pytest.mark.parametrize("error", [Unsupported("no"), AccessRefused("no"), ChannelLost("no")])
def test_the_next_channel_is_asked_when_the_first_certainly_did_not_act(world, error):
    bad = helper("b", Capability.PAUSE, raising(error), cost=1)
    good = helper("c", Capability.PAUSE, pauses(world), cost=2)
    with fake_host(reader(world), bad, good) as host:
        outcome = host.pause("fc8")
    assert outcome.channel == "c"
    assert bad.calls == ["pause"]
    assert good.calls == ["pause"]


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("?"), OperationFailed("no"), RuntimeError("bug"), OSError(5, "bug")]
)
def test_nobody_else_is_asked_after_an_ambiguous_end(world, error):
    bad = helper("b", Capability.DESTROY, raising(error), cost=1)
    good = helper("c", Capability.DESTROY, pauses(world), cost=2)
    with fake_host(reader(world), bad, good) as host:
        with pytest.raises((OutcomeUnknown, OperationFailed)) as caught:
            host.destroy("fc8")
    assert bad.calls == ["destroy"]
    assert good.calls == []
    assert caught.value.guest == "fc8 (domain id 5)"
    assert caught.value.operation == "destroy"
    assert caught.value.channel == "b"
    assert [a.channel for a in caught.value.attempts] == ["b"]
    if not isinstance(error, OperationFailed):
        assert caught.value.last_seen == "active"
    if isinstance(error, (RuntimeError, OSError)):
        assert caught.value.__cause__ is error


def test_the_target_is_looked_at_again_before_the_next_channel(world):
    def replaced(guest, *, deadline):
        world.guests[5] = ("other", U2, RunFlags.BLOCKED)
        raise Unsupported("no")

    good = helper("c", Capability.DESTROY, pauses(world), cost=2)
    with fake_host(reader(world), helper("b", Capability.DESTROY, replaced), good) as host:
        with pytest.raises(NotFound):
            host.destroy("fc8")
    assert good.calls == []


def test_an_adapter_that_never_returns_is_quarantined(world):
    stop = threading.Event()

    def hang(guest, *, deadline):
        stop.wait(30)

    stuck = helper("b", Capability.DESTROY, hang)
    with fake_host(reader(world), stuck) as host:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="did not come back") as caught:
            host.destroy("fc8", timeout=0.1)
        assert time.monotonic() - started < 10
        assert caught.value.last_seen == "active"
        states = {c.name: c.state for c in host.channels()}
        assert states == {"a": "available", "b": "quarantined"}
        with pytest.raises(Unsupported):
            host.destroy("fc8")
        assert len(host.list()) == 2
    assert stuck.calls == ["destroy"]
    stop.set()


def test_a_timeout_while_waiting_says_what_was_seen_and_that_it_was_sent(world):
    channel = reader(world, Capability.SHUTDOWN, shutdown=lambda guest, *, deadline: Receipt())
    with fake_host(channel) as host:
        with pytest.raises(DeadlineExceeded, match="accepted, but") as caught:
            host.shutdown("fc8", timeout=0.1)
        assert caught.value.last_seen == "active"
        assert not caught.value.retry_safe
        outcome = host.shutdown("fc8", wait=False)
        assert (outcome.accepted, outcome.reached) == (True, False)
    assert channel.calls.count("shutdown") == 2


def test_the_phase_decides_before_anything_is_sent(world):
    world.guests[5] = ("fc8", U1, RunFlags.PAUSED)
    channel = reader(world, Capability.REBOOT, reboot=lambda *a, **k: Receipt())
    with fake_host(channel) as host:
        with pytest.raises(InvalidState, match="unpause") as caught:
            host.reboot("fc8")
        assert "destroy" in caught.value.allowed
        with pytest.raises(InvalidState):
            host.reboot("spare")
    assert "reboot" not in channel.calls


def test_domain_0_is_not_steered(world):
    channel = reader(world, Capability.DESTROY, destroy=lambda *a, **k: Receipt())
    with fake_host(channel) as host, pytest.raises(Unsupported, match="Domain 0"):
        host.destroy(0)
    assert "destroy" not in channel.calls


def test_force_is_needed_for_what_leaves_something_behind(world):
    def gone(guest, *, deadline):
        del world.guests[guest.domid]
        return Receipt()

    last = helper("h", Capability.DESTROY, gone, force_only="XenStore keys stay behind")
    with fake_host(reader(world), last) as host:
        with pytest.raises(Unsupported, match="XenStore keys stay behind"):
            host.destroy("fc8")
        assert host.destroy("fc8", force=True).reached


def test_nobody_offering_it_lists_every_reason(world):
    other = helper("b", Capability.PAUSE, pauses(world))
    other.down = "no socket"
    with fake_host(reader(world), other) as host:
        with pytest.raises(Unsupported) as caught:
            host.pause("fc8")
        assert {a.channel: a.reason for a in caught.value.attempts} == {
            "a": "does not offer it",
            "b": "unavailable: no socket",
        }


def test_a_lost_channel_is_probed_again_for_whom_nobody_else_can_serve(world):
    other = helper("b", Capability.PAUSE, pauses(world))
    other.down = "not yet"
    with fake_host(reader(world), other) as host:
        other.down = None
        assert host.pause("fc8").reached


def test_no_channel_at_all_lists_every_reason(world):
    first, second = reader(world), helper("b", Capability.PAUSE, pauses(world))
    first.down, second.down = "no device", "no socket"
    with pytest.raises(NoChannel) as caught:
        fake_host(first, second)
    assert {a.channel: a.reason for a in caught.value.attempts} == {
        "a": "no device",
        "b": "no socket",
    }
    assert first.closed == 1


def test_a_name_held_twice_is_ambiguous(world):
    world.guests[6] = ("fc8", U2, RunFlags.BLOCKED)
    world.guests[7] = ("5", "33333333-3333-3333-3333-333333333333", RunFlags.BLOCKED)
    with fake_host(reader(world)) as host:
        with pytest.raises(AmbiguousGuest) as caught:
            host.find("fc8")
        assert len(caught.value.candidates) == 2
        # The guest named 5 and domain id 5: never a choice.
        with pytest.raises(AmbiguousGuest):
            host.find("5")
        assert host.find("5", by="name").domid == 7
        assert host.find("5", by="id").uuid == U1
        assert host.find(5).uuid == U1
        assert host.find(U1).domid == 5


def test_one_uuid_with_two_living_holders_is_ambiguous(world):
    world.guests[9] = ("fc8--incoming", U1, RunFlags.PAUSED)
    with fake_host(reader(world)) as host:
        with pytest.raises(AmbiguousGuest):
            host.find(U1)
        assert host.find("fc8--incoming").defined is True


def test_a_start_carries_the_configuration_from_its_keeper_to_who_can_create(world):
    from attrs import evolve

    from xenparley import GuestConfig

    config = GuestConfig(name="spare", uuid=U2, memory_kib=65536, autostart=True)

    def create(given, *, paused, deadline):
        # Who starts it at boot is the keeper's affair: an xl.cfg has no word for it.
        assert given == evolve(config, autostart=None)
        world.guests[8] = ("spare", U2, RunFlags.PAUSED if paused else RunFlags.BLOCKED)
        return Receipt(domid=8)

    keeper = reader(world, Capability.READ_DEFINED, read_defined=lambda guest, *, deadline: config)
    maker = helper("b", Capability.CREATE, create)
    with fake_host(keeper, maker) as host:
        outcome = host.start("spare", paused=True)
        assert (outcome.guest.domid, outcome.phase) == (8, Phase.PAUSED)
        assert outcome.channel == "b"
        assert host.start("spare").already


def test_what_is_living_is_not_created_again(world):
    from xenparley import GuestConfig
    from xenparley.domain.errors import AlreadyExists

    maker = helper("b", Capability.CREATE, lambda *a, **k: Receipt(domid=9))
    config = GuestConfig(name="new", uuid=U1, memory_kib=65536)
    config_b = GuestConfig(name="fc8", memory_kib=65536)
    from attrs import evolve

    from xenparley.domain.config import Boot

    boot = Boot(kernel="/boot/vmlinuz")
    with fake_host(reader(world), maker) as host:
        for one in (config, config_b):
            with pytest.raises(AlreadyExists):
                host.create(evolve(one, boot=boot))
    assert maker.calls == []


def test_a_closed_host_says_so(world):
    channel = reader(world)
    host = fake_host(channel)
    host.close()
    host.close()
    assert channel.closed == 1
    with pytest.raises(Unavailable, match="closed"):
        host.list()


def test_a_serial_adapter_gets_one_call_at_a_time(world):
    at_once, most = [], []

    def slow(fields, *, domids=None, deadline):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.01)
        at_once.pop()
        return world.list_live(fields, domids=domids, deadline=deadline)

    channel = FakeChannel("a", {"list_live": slow}, (offer(Capability.LIST_LIVE, fields=LIVE),))
    with fake_host(channel, thread_safe=False) as host:
        threads = [threading.Thread(target=host.list) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1] * 8


def test_a_shutdown_that_leaves_the_domain_behind_counts_as_ended(world):
    def preserve(guest, *, deadline):
        world.guests[5] = ("fc8", U1, RunFlags.SHUTDOWN)
        return Receipt(how="pv")

    with fake_host(reader(world, Capability.SHUTDOWN, shutdown=preserve)) as host:
        outcome = host.shutdown("fc8")
        assert (outcome.phase, outcome.how) == (Phase.SHUTDOWN, "pv")


def test_a_reboot_is_reached_under_a_new_domain_id(world):
    def reboot(guest, *, deadline):
        world.guests[6] = world.guests.pop(5)
        return Receipt()

    with fake_host(reader(world, Capability.REBOOT, reboot=reboot)) as host:
        outcome = host.reboot("fc8")
        assert outcome.guest.domid == 6
        assert outcome.phase is Phase.ACTIVE


def test_fields_that_only_definitions_tell_have_their_reason(world):
    channel = FakeChannel(
        "a", {"list_live": world.list_live}, (offer(Capability.LIST_LIVE, fields=LIVE),)
    )
    with fake_host(channel) as host:
        guest = host.list(all=True).guests[0]
        assert guest.defined is None
        assert guest.missing[Field.DEFINED] == "no channel keeps definitions"
        assert guest.missing[Field.CPU_TIME]
