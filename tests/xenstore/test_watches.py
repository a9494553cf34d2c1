"""Watches: what is told, what a slow consumer loses, and that nobody waits for it."""

from __future__ import annotations

import threading
import time

import pytest

from xenparley.domain.errors import InvalidInput, Unavailable
from xenparley_xenstore.client import open_store
from xenparley_xenstore.subscription import Change, Resync


def drain(subscription, soon, *, until, limit=200):
    """Return the events up to the one that fits."""
    events = []
    for _ in range(limit):
        event = subscription.wait(deadline=soon())
        assert event is not None, f"only these came: {events}"
        events.append(event)
        if until(event):
            return events
    raise AssertionError(f"not among these: {events}")


def test_first_event_and_changes_in_order(store, soon):
    with store.watch("/w", deadline=soon()) as subscription:
        assert subscription.wait(deadline=soon()) == Change("/w", "/w")
        for name in ("a", "b", "c"):
            store.write(f"/w/{name}", b"1", deadline=soon())
        paths = [subscription.wait(deadline=soon()).path for _ in range(3)]
        assert paths == ["/w/a", "/w/b", "/w/c"]
        assert subscription.wait(deadline=soon(0.05)) is None


def test_removal_of_a_tree(store, soon):
    store.write("/w/deep/er", b"1", deadline=soon())
    with store.watch("/w", "/w/deep/er", deadline=soon()) as subscription:
        drain(subscription, soon, until=lambda e: e.watched == "/w/deep/er")
        store.remove("/w/deep", deadline=soon())
        events = {subscription.wait(deadline=soon()), subscription.wait(deadline=soon())}
        assert events == {Change("/w/deep", "/w"), Change("/w/deep/er", "/w/deep/er")}


def test_special_watches(store, soon):
    with store.watch("@introduceDomain", "@releaseDomain", deadline=soon()) as subscription:
        seen = {subscription.wait(deadline=soon()).watched for _ in range(2)}
        assert seen == {"@introduceDomain", "@releaseDomain"}


def test_introduce_and_release(daemon, store, soon):
    if daemon.kind == "oxenstored":
        pytest.skip("oxenstored maps the guest's ring, which the stand-in below it has not")
    daemon.domains.write_text("7 r\n")
    store.write("/local/domain/7/name", b"guest", deadline=soon())
    with store.watch("@introduceDomain", "@releaseDomain", deadline=soon()) as subscription:
        for _ in range(2):
            subscription.wait(deadline=soon())
        store.introduce(7, 1, 1, deadline=soon())
        assert subscription.wait(deadline=soon()).path == "@introduceDomain"
        assert store.is_introduced(7, deadline=soon())
        store.release(7, deadline=soon())
        assert subscription.wait(deadline=soon()).path.startswith("@releaseDomain")
        assert not store.is_introduced(7, deadline=soon())


def test_one_watch_serves_two_subscribers(store, soon):
    with store.watch("/w", deadline=soon()) as first:
        with store.watch("/w", deadline=soon()) as second:
            assert first.wait(deadline=soon()) == Change("/w", "/w")
            assert second.wait(deadline=soon()) == Change("/w", "/w")
            store.write("/w", b"1", deadline=soon())
            assert first.wait(deadline=soon()) == second.wait(deadline=soon())
        store.write("/w", b"2", deadline=soon())
        assert first.wait(deadline=soon()) == Change("/w", "/w")


def test_paths_come_and_go(store, soon):
    with store.watch("/one", deadline=soon()) as subscription:
        subscription.wait(deadline=soon())
        subscription.add("/two", "/three", deadline=soon())
        drain(subscription, soon, until=lambda e: e.watched == "/three")
        subscription.remove("/one")
        store.write("/one", b"", deadline=soon())
        store.write("/two", b"", deadline=soon())
        assert subscription.wait(deadline=soon()).watched == "/two"


def test_many_watches_at_once(store, soon):
    paths = [f"/local/domain/{n}/name" for n in range(300)]
    with store.watch(*paths, deadline=soon()) as subscription:
        for _ in paths:
            subscription.wait(deadline=soon())
        store.write(paths[250], b"renamed", deadline=soon())
        assert subscription.wait(deadline=soon()) == Change(paths[250], paths[250])


def test_bad_path_watches_nothing(store, soon):
    with pytest.raises(InvalidInput):
        store.watch("/fine", "not/fine/", deadline=soon())
    store.write("/fine", b"", deadline=soon())


def test_a_consumer_that_does_not_consume_loses_events_and_is_told(daemon, store, soon):
    """Ten thousand events, a queue of 100, nobody takes them: the writer is never held up."""
    with (
        open_store(str(daemon.socket)) as writer,
        store.watch("/w", deadline=soon(), capacity=100) as subscription,
    ):
        for number in range(10_000):
            if number % 500 == 0:
                # The same connection goes on answering meanwhile.
                assert store.exists("/", deadline=soon())
            writer.write("/w/x", b"%d" % number, deadline=soon())
        writer.write("/w/last", b"", deadline=soon())
        store.read("/w/last", deadline=soon())
        assert subscription.pending() <= 101
        events = drain(subscription, soon, until=lambda e: e[0] == "/w/last", limit=300)
        assert Resync("overflow") in events


def test_closing_wakes_who_waits(store, soon):
    subscription = store.watch("/w", deadline=soon())
    subscription.wait(deadline=soon())
    ended: list[str] = []

    def consume():
        try:
            subscription.wait(deadline=soon())
        except Unavailable:
            ended.append("told")

    thread = threading.Thread(target=consume)
    thread.start()
    time.sleep(0.05)
    subscription.close()
    thread.join()
    assert ended == ["told"]


def test_watches_live_again_after_kill_9(daemon, store, soon):
    store.write("/w", b"", deadline=soon())
    with store.watch("/w", "@releaseDomain", deadline=soon()) as subscription:
        for _ in range(2):
            subscription.wait(deadline=soon())
        daemon.kill()
        daemon.start()
        # Nobody calls anything: the link comes back by itself, tells it and watches again.
        drain(subscription, soon, until=lambda e: e == Resync("reconnected"))
        with open_store(str(daemon.socket)) as other:
            other.write("/w/new", b"", deadline=soon())
        drain(subscription, soon, until=lambda e: e == Change("/w/new", "/w"))
