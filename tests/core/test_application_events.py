"""Event streams: from a channel, by polling, for asyncio."""

from __future__ import annotations

import asyncio
import threading

import pytest

from core.hosts import LIVE, U1, U2, FakeChannel, World, fake_host, full_offers, offer
from xenparley import Capability, EventKind
from xenparley.application.asynchronous import AsyncHost
from xenparley.application.events import QUEUE_SIZE
from xenparley.application.observe import differences, seen
from xenparley.domain.errors import ChannelLost, InvalidInput, NotFound
from xenparley.domain.events import GuestEvent
from xenparley.domain.guest import GuestInfo
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
