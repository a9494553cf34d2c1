"""Events: each observed difference once, whatever the watches say."""

from __future__ import annotations

import queue

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from support.xenstore_guests import Guests
from support.xenstored import peer
from xenparley.domain.events import EventKind
from xenparley.domain.identity import DOM0_HANDLE
from xenparley.negotiation.capability import Role
from xenparley_sim.xenstore_server import XenStoreServer
from xenparley_testing.subject import DEFAULT_TEMPLATE
from xenparley_xenstore.channel import XenStoreChannel
from xenparley_xenstore.client import open_store
from xenparley_xenstore.sight import Seen, Sight, differences

UUID = "c0ffee00-1111-4222-8333-44445555%04d"
KINDS = EventKind


@pytest.fixture
def server(tmp_path):
    with XenStoreServer(tmp_path / "socket") as running:
        yield running


@pytest.fixture
def guests(server, tmp_path):
    return Guests(server.store, tmp_path / "sys")


@pytest.fixture
def channel(server):
    made = XenStoreChannel(open_store(str(server.path)))
    yield made
    made.close()


@pytest.fixture
def heard(channel, soon):
    events = queue.Queue()
    subscription = channel.port(Role.EVENTS).subscribe(events.put, deadline=soon())
    yield events
    subscription.close()


def config(number, name=None):
    return evolve(DEFAULT_TEMPLATE, name=name or f"g{number}", uuid=UUID % number)


def take(events, count):
    """Return the next events as (kind, domain id, name, detail)."""
    found = [events.get(timeout=60) for _ in range(count)]
    return [(e.kind, e.guest.domid, e.guest.name, e.detail) for e in found]


def test_start_rename_and_end(heard, guests, server):
    ref = guests.make(config(1))
    assert take(heard, 1) == [(KINDS.STARTED, ref.domid, "g1", None)]
    server.store.write(f"/local/domain/{ref.domid}/name", b"new")
    assert take(heard, 1) == [(KINDS.RENAMED, ref.domid, "new", "g1")]
    guests.remove(ref)
    assert take(heard, 1) == [(KINDS.STOPPED, ref.domid, "new", "unknown")]
    assert heard.empty()


def test_devices_come_and_go(heard, guests, server):
    ref = guests.make(config(1))
    take(heard, 1)
    server.store.write(f"/libxl/{ref.domid}/device/vif/1/backend", b"x")
    assert take(heard, 1) == [(KINDS.DEVICE_ADDED, ref.domid, "g1", "vif/1")]
    server.store.remove(f"/libxl/{ref.domid}/device/vif/1")
    assert take(heard, 1) == [(KINDS.DEVICE_REMOVED, ref.domid, "g1", "vif/1")]


def test_a_reboot_is_an_end_and_a_start_of_the_same_handle(heard, guests):
    first = guests.make(config(1))
    take(heard, 1)
    guests.remove(first)
    second = guests.make(config(1))
    # That its devices go before it may be seen, or not.
    kinds = []
    while len(kinds) < 2:
        kinds += [(kind, n) for kind, n, *_ in take(heard, 1) if kind is not KINDS.DEVICE_REMOVED]
    assert kinds == [(KINDS.STOPPED, first.domid), (KINDS.STARTED, second.domid)]


def test_xends_reason(heard, guests, server):
    ref = guests.make(config(1))
    take(heard, 1)
    server.store.write(f"/vm/{ref.uuid}/xend/last_shutdown_reason", b"poweroff")
    server.store.remove(f"/local/domain/{ref.domid}")
    server.store.release(ref.domid)
    assert take(heard, 1) == [(KINDS.STOPPED, ref.domid, "g1", "poweroff")]


def test_guests_write_as_they_like_and_nobody_is_told(heard, guests, server):
    ref = guests.make(config(1))
    take(heard, 1)
    for number in range(2000):
        server.store.write(f"/local/domain/{ref.domid}/data/x", b"%d" % number)
    other = guests.make(config(2))
    assert take(heard, 1) == [(KINDS.STARTED, other.domid, "g2", None)]


def test_a_hundred_at_once_each_once(heard, guests):
    refs = [guests.make(config(n)) for n in range(1, 101)]
    started = take(heard, 100)
    assert sorted(domid for _, domid, *_ in started) == [ref.domid for ref in refs]
    for ref in refs:
        guests.remove(ref)
    stopped = []
    while len(stopped) < 100:
        (told,) = take(heard, 1)
        # Where that takes its time, a guest's devices are seen to go before it.
        if told[0] is not KINDS.DEVICE_REMOVED:
            stopped.append(told)
    assert {kind for kind, *_ in stopped} == {KINDS.STOPPED}
    assert sorted(domid for _, domid, *_ in stopped) == [ref.domid for ref in refs]
    assert heard.empty()


def test_a_lost_daemon_is_a_resync_and_then_the_differences(soon):
    """kill -9 of the real daemon: it comes back empty, so the guest is no more."""
    with peer("xenstored") as daemon:
        daemon.domains.write_text("7 r\n8 r\n")
        channel = XenStoreChannel(open_store(str(daemon.socket)))
        with open_store(str(daemon.socket)) as toolstack:
            for key, value in (("name", b"seven"), ("vm", b"/vm/" + (UUID % 7).encode())):
                toolstack.write(f"/local/domain/7/{key}", value, deadline=soon())
            toolstack.introduce(7, 1, 1, deadline=soon())
            events = queue.Queue()
            subscription = channel.port(Role.EVENTS).subscribe(events.put, deadline=soon())
            daemon.kill()
            daemon.start()
            told = [events.get(timeout=60) for _ in range(2)]
            assert [event.kind for event in told] == [KINDS.RESYNC, KINDS.STOPPED]
            assert told[1].guest.name == "seven"
            toolstack.write("/local/domain/8/name", b"eight", deadline=soon())
            toolstack.introduce(8, 1, 1, deadline=soon())
            assert take(events, 1) == [(KINDS.STARTED, 8, "eight", None)]
            subscription.close()
        channel.close()


def test_real_daemon_tells_of_a_guest_that_dies(soon):
    """The daemon itself finds out, by the hypervisor, and fires @releaseDomain."""
    with peer("xenstored") as daemon, open_store(str(daemon.socket)) as toolstack:
        daemon.domains.write_text("7 r\n")
        toolstack.write("/local/domain/7/name", b"seven", deadline=soon())
        toolstack.introduce(7, 1, 1, deadline=soon())
        channel = XenStoreChannel(open_store(str(daemon.socket)))
        events = queue.Queue()
        subscription = channel.port(Role.EVENTS).subscribe(events.put, deadline=soon())
        toolstack.remove("/local/domain/7", deadline=soon())
        toolstack.release(7, deadline=soon())
        assert take(events, 1) == [(KINDS.STOPPED, 7, "seven", "unknown")]
        subscription.close()
        channel.close()


guests_at_a_moment = st.dictionaries(
    st.integers(1, 6),
    st.builds(
        Seen,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["x", "y", None]),
        st.frozensets(st.sampled_from(["vif/0", "vbd/1"])),
    ),
)


@given(guests_at_a_moment, guests_at_a_moment)
def test_differences_lead_from_one_sight_to_the_other(before, now):
    """Played back over what was there before, the events give what is there now."""
    state = dict(before)
    for event in differences(Sight(before, {}), Sight(now, {}), 1.0):
        domid = event.guest.domid
        if event.kind is KINDS.STOPPED:
            assert state.pop(domid).uuid == event.guest.uuid
        elif event.kind is KINDS.STARTED:
            assert domid not in state
            state[domid] = now[domid]
        elif event.kind is KINDS.RENAMED:
            state[domid] = state[domid]._replace(name=event.guest.name)
        elif event.kind is KINDS.DEVICE_ADDED:
            state[domid] = state[domid]._replace(devices=state[domid].devices | {event.detail})
        elif event.kind is KINDS.DEVICE_REMOVED:
            state[domid] = state[domid]._replace(devices=state[domid].devices - {event.detail})
    nameless = {
        domid: seen._replace(name=now[domid].name) if seen.name is None else seen
        for domid, seen in state.items()
    }
    assert nameless == now
    assert DOM0_HANDLE not in {seen.uuid for seen in state.values()}
    assert not list(differences(Sight(now, {}), Sight(now, {}), 1.0))
