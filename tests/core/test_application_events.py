"""Event streams: from a channel, by polling, for asyncio."""

from __future__ import annotations

import asyncio
import threading

import pytest

from core.hosts import LIVE, U1, U2, FakeChannel, World, _Plugin, fake_host, full_offers, offer
from xenparley import Capability, EventKind, Plugins, connect
from xenparley.application.asynchronous import AsyncHost
from xenparley.application.events import QUEUE_SIZE
from xenparley.application.observe import differences, seen
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import ChannelLost, InvalidInput, NotFound
from xenparley.domain.events import GuestEvent
from xenparley.domain.guest import GuestInfo
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags


@pytest.fixture
def world():
    return World()


def guest(domid, uuid, state=RunFlags.BLOCKED, **rest):
    return GuestInfo(domid=domid, uuid=uuid, name=rest.pop("name", "g"), state=state, **rest)


def told(before, after):
    return [(e.kind, e.detail) for e in differences(seen(before), seen(after), "t", 1.0)]


def test_differences_are_told_once_each():
    assert told([], [guest(1, U1)]) == [(EventKind.STARTED, None)]
    assert told([guest(1, U1)], [guest(1, U1)]) == []
    assert told([guest(1, U1)], [guest(1, U1, RunFlags.PAUSED)]) == [(EventKind.PAUSED, None)]
    assert told([guest(1, U1, RunFlags.PAUSED)], [guest(1, U1)]) == [(EventKind.UNPAUSED, None)]
    ended = guest(1, U1, RunFlags.SHUTDOWN, reason=0)
    crashed = guest(1, U1, RunFlags.SHUTDOWN, reason=3)
    assert told([guest(1, U1)], [ended]) == [(EventKind.SHUTDOWN, "poweroff")]
    assert told([guest(1, U1)], [crashed]) == [(EventKind.CRASHED, "crash")]
    assert told([ended], []) == [(EventKind.STOPPED, "poweroff")]
    assert told([guest(1, U1, RunFlags.DYING)], []) == [(EventKind.STOPPED, "destroyed")]
    assert told([guest(1, U1)], []) == [(EventKind.STOPPED, "unknown")]
    renamed = guest(1, U1, name="new")
    assert told([guest(1, U1)], [renamed]) == [(EventKind.RENAMED, "g")]
    # A reboot: a new domain id with the same handle.
    assert told([guest(1, U1, RunFlags.SHUTDOWN, reason=1)], [guest(2, U1)]) == [
        (EventKind.STOPPED, "reboot"),
        (EventKind.STARTED, None),
    ]
    # An id that was given to another guest.
    assert told([guest(1, U1)], [guest(1, U2)]) == [
        (EventKind.STOPPED, "unknown"),
        (EventKind.STARTED, None),
    ]
    off = GuestInfo(uuid=U1, name="g", defined=True)
    assert told([], [off]) == [(EventKind.DEFINED, None)]
    assert told([off], []) == [(EventKind.UNDEFINED, None)]
    assert told([off], [guest(1, U1, defined=True)]) == [(EventKind.STARTED, None)]


def test_polling_sees_what_no_channel_tells(world):
    with fake_host(FakeChannel("a", world.reads(), full_offers())) as host:
        with host.events(poll=0.01) as stream:
            assert stream.source == "polling"
            world.guests[5] = ("fc8", U1, RunFlags.PAUSED)
            event = stream.get(10)
            assert (event.kind, event.guest.name) == (EventKind.PAUSED, "fc8")
            del world.guests[5]
            assert stream.get(10).kind is EventKind.STOPPED
        assert stream.get(0) is None


def test_a_gap_is_told_as_resync(world):
    channel = FakeChannel("a", world.reads(), full_offers())
    good = dict(channel.methods)

    def lost(*args, **kwargs):
        raise ChannelLost("gone")

    with fake_host(channel) as host, host.events(poll=0.01) as stream:
        channel.methods["list_live"] = lost
        while channel.calls.count("list_live") < 3:
            assert stream.get(0.01) is None
        channel.methods.update(good)
        host._channels["a"].probe(1e12)
        assert stream.get(10).kind is EventKind.RESYNC


def subscribing(world):
    callbacks, closed = [], threading.Event()

    class Subscription:
        def close(self):
            closed.set()

    def subscribe(callback, *, deadline):
        callbacks.append(callback)
        return Subscription()

    channel = FakeChannel(
        "a",
        {**world.reads(), "subscribe": subscribe},
        (*full_offers(), offer(Capability.EVENTS)),
    )
    return channel, callbacks, closed


def started(number=1):
    return GuestEvent(kind=EventKind.STARTED, guest=None, source="a", at=float(number))


def test_a_channel_that_tells_is_used_and_closed(world):
    channel, callbacks, closed = subscribing(world)
    with fake_host(channel) as host:
        with host.events() as stream:
            assert stream.source == "a"
            callbacks[0](started())
            assert stream.get(1).kind is EventKind.STARTED
        assert closed.is_set()


def test_closing_the_host_ends_its_streams(world):
    channel, _, closed = subscribing(world)
    host = fake_host(channel)
    stream = host.events()
    threading.Timer(0.05, host.close).start()
    assert list(stream) == []
    assert closed.is_set()


def test_a_slow_consumer_is_told_to_look_again(world):
    channel, callbacks, _ = subscribing(world)
    with fake_host(channel) as host, host.events() as stream:
        for number in range(QUEUE_SIZE + 5):
            callbacks[0](started(number))
        assert stream.get(0).kind is EventKind.RESYNC
        assert stream.get(0).at == QUEUE_SIZE + 1


def test_intervals_are_checked(world):
    with fake_host(FakeChannel("a", world.reads(), full_offers())) as host:
        for poll in (0, -1, float("nan"), 1e9):
            with pytest.raises(InvalidInput):
                host.events(poll=poll)


def about(kind, domid, uuid, detail=None):
    ref = GuestRef(domid=domid, uuid=uuid, name="g")
    return GuestEvent(kind=kind, guest=ref, source="a", at=1.0, detail=detail)


def drained(stream):
    found = []
    while (event := stream.get(0)) is not None:
        found.append((event.kind, event.guest and event.guest.domid, event.detail))
    return found


def test_a_reboot_is_one_event_where_that_is_wanted(world):
    channel, callbacks, _ = subscribing(world)
    with fake_host(channel) as host, host.events(debounce=3600) as stream:
        callbacks[0](about(EventKind.STOPPED, 5, U1, "reboot"))
        # Others are told meanwhile.
        callbacks[0](about(EventKind.STARTED, 6, U2))
        assert drained(stream) == [(EventKind.STARTED, 6, None)]
        callbacks[0](about(EventKind.STARTED, 7, U1))
        assert drained(stream) == [(EventKind.STARTED, 7, "reboot")]


def test_an_end_without_a_start_is_told_late(world):
    channel, callbacks, _ = subscribing(world)
    with fake_host(channel) as host, host.events(debounce=0.05) as stream:
        callbacks[0](about(EventKind.STOPPED, 5, U1, "poweroff"))
        assert stream.get(0) is None
        event = stream.get(20)
        assert (event.kind, event.guest.domid, event.detail) == (EventKind.STOPPED, 5, "poweroff")
        callbacks[0](about(EventKind.STARTED, 7, U1))
        assert drained(stream) == [(EventKind.STARTED, 7, None)]


def test_nothing_that_is_kept_back_is_lost(world):
    channel, callbacks, _ = subscribing(world)
    with fake_host(channel) as host:
        stream = host.events(debounce=3600)
        callbacks[0](about(EventKind.STOPPED, 5, U1))
        callbacks[0](GuestEvent(kind=EventKind.RESYNC, guest=None, source="a", at=1.0))
        assert drained(stream) == [(EventKind.STOPPED, 5, None), (EventKind.RESYNC, None, None)]
        # Two domains of one handle: each end is told.
        for domid in (8, 9):
            callbacks[0](about(EventKind.STOPPED, domid, U2))
        assert drained(stream) == [(EventKind.STOPPED, 8, None)]
        stream.close()
        assert drained(stream) == [(EventKind.STOPPED, 9, None)]
        assert stream.get() is None


def test_the_time_to_wait_for_a_start_is_checked(world):
    channel, _, closed = subscribing(world)
    with fake_host(channel) as host:
        for debounce in (0, -1, float("nan"), 1e9):
            for poll in (None, 1.0):
                with pytest.raises(InvalidInput):
                    host.events(debounce=debounce, poll=poll)
        assert not closed.is_set()


def test_a_reboot_of_a_simulated_guest_is_one_event():
    with connect("sim:") as host, host.events(debounce=3600) as stream:
        config = GuestConfig(name="job", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))
        old = host.create(config).guest
        assert stream.get(20).kind is EventKind.STARTED
        host.reboot("job")
        lives = {EventKind.STARTED, EventKind.STOPPED}
        told = next(event for event in iter(lambda: stream.get(20), None) if event.kind in lives)
        assert (told.kind, told.detail) == (EventKind.STARTED, "reboot")
        assert told.guest.uuid == host.find("job").uuid
        assert told.guest.domid == host.find("job").domid != getattr(old, "domid", None)


def test_the_same_host_for_asyncio(world):
    channel, callbacks, closed = subscribing(world)

    async def main():
        async with AsyncHost(fake_host(channel)) as host:
            listing, guest = await asyncio.gather(host.list(), host.find("fc8"))
            assert [g.domid for g in listing] == [0, 5]
            assert guest.uuid == U1
            with pytest.raises(NotFound):
                await host.find("nobody")
            async with await host.events() as stream:
                callbacks[0](started())
                async for event in stream:
                    assert event.kind is EventKind.STARTED
                    break
                assert await stream.get(0.01) is None
            assert closed.is_set()
            told = await host.explain(Capability.LIST_LIVE)
            assert told.chosen[0][0] == "a"

    asyncio.run(main())
    assert channel.closed == 1


def test_fields_of_the_async_host_are_those_of_the_host():
    from xenparley import Host

    public = {n for n in dir(Host) if not n.startswith("_")}
    assert public <= set(dir(AsyncHost)) | {"uri", "label"}
    assert LIVE


class Telling:
    """A channel that tells some kinds of events."""

    def __init__(self, name, kinds, *, cost=1.0, fails=None):
        self.callbacks, self.closed = [], 0
        kinds = None if kinds is None else frozenset(kinds)

        def subscribe(callback, *, deadline):
            if fails is not None:
                raise fails
            self.callbacks.append(callback)
            return self

        offers = (*full_offers(), offer(Capability.EVENTS, cost, events=kinds))
        self.channel = FakeChannel(name, {**World().reads(), "subscribe": subscribe}, offers)

    def close(self):
        self.closed += 1

    def tell(self, *kinds):
        for kind in kinds:
            for callback in self.callbacks:
                callback(GuestEvent(kind=kind, guest=None, source=self.channel.name, at=0.0))


def heard(stream):
    told = []
    while (event := stream.get(0)) is not None:
        told.append((event.kind, event.source))
    return told


LIVES = (EventKind.STARTED, EventKind.STOPPED)
FILES = (EventKind.DEFINED, EventKind.UNDEFINED)


def test_each_kind_comes_from_one_channel():
    store = Telling("store", (*LIVES, EventKind.RENAMED), cost=2)
    files = Telling("files", FILES, cost=1)
    other = Telling("other", (*LIVES, *FILES, EventKind.PAUSED), cost=3)
    with fake_host(store.channel, files.channel, other.channel) as host:
        with host.events() as stream:
            assert stream.source == "store, files, other"
            for each in (store, files, other):
                each.tell(*EventKind)
            assert heard(stream) == [
                (EventKind.STARTED, "store"),
                (EventKind.STOPPED, "store"),
                (EventKind.RENAMED, "store"),
                (EventKind.RESYNC, "store"),
                (EventKind.DEFINED, "files"),
                (EventKind.UNDEFINED, "files"),
                (EventKind.RESYNC, "files"),
                (EventKind.PAUSED, "other"),
                (EventKind.RESYNC, "other"),
            ]
        assert (store.closed, files.closed, other.closed) == (1, 1, 1)


def test_one_that_tells_all_is_asked_alone():
    all_of_them, files = Telling("all", None), Telling("files", FILES, cost=9)
    with fake_host(all_of_them.channel, files.channel) as host, host.events() as stream:
        assert stream.source == "all"
        all_of_them.tell(EventKind.DEFINED)
        assert heard(stream) == [(EventKind.DEFINED, "all")]
    assert files.callbacks == []


def test_without_starts_and_stops_the_guests_are_looked_at():
    files = Telling("files", FILES)
    with fake_host(files.channel) as host, host.events() as stream:
        assert stream.source == "polling"
    assert files.callbacks == []


def test_a_channel_that_fails_is_done_without(caplog):
    store = Telling("store", LIVES, cost=2)
    files = Telling("files", FILES, fails=ChannelLost("gone"))
    dead = Telling("dead", LIVES, cost=1, fails=ChannelLost("gone too"))
    with fake_host(store.channel, files.channel, dead.channel) as host, host.events() as stream:
        assert stream.source == "store"
    assert "nobody tells of defined, undefined: gone" in caplog.text
    with fake_host(dead.channel) as host, pytest.raises(ChannelLost, match="gone too"):
        host.events()


def test_files_are_told_beside_lives(tmp_path):
    store = Telling("store", LIVES)
    plugins = Plugins(environ={}, allow=["xm"])
    plugins.register(_Plugin(store.channel, True, False), "store")
    uri = f"xen:///?xm.folder={tmp_path}&xm.toolstack=xm&xm.notify=poll"
    with connect(uri, plugins=plugins) as host, host.events() as stream:
        assert stream.source == "store, xm"
        store.tell(EventKind.STARTED)
        assert stream.get(5).source == "store"
        (tmp_path / "web").write_text("name = 'web'\nmemory = 64\nkernel = '/k'\n")
        event = stream.get(10)
        assert (event.kind, event.source, event.guest.name) == (EventKind.DEFINED, "xm", "web")
