"""Transactions: all or nothing, and tried again while others get in between."""

from __future__ import annotations

import threading

import pytest

from xenparley.domain.errors import ChannelLost, Conflict, Unavailable
from xenparley_xenstore.client import open_store
from xenparley_xenstore.errors import StoreConflict, StoreNotFound


def test_commit_and_abort(store, soon):
    transaction = store.begin(deadline=soon())
    transaction.write("/t/a", b"1", deadline=soon())
    assert transaction.read("/t/a", deadline=soon()) == b"1"
    assert not store.exists("/t/a", deadline=soon())
    transaction.commit(deadline=soon())
    assert store.read("/t/a", deadline=soon()) == b"1"
    other = store.begin(deadline=soon())
    other.remove("/t", deadline=soon())
    other.abort()
    other.abort()
    assert store.read("/t/a", deadline=soon()) == b"1"


def test_conflict_writes_nothing(store, soon):
    store.write("/c", b"0", deadline=soon())
    transaction = store.begin(deadline=soon())
    transaction.read("/c", deadline=soon())
    transaction.write("/c", b"mine", deadline=soon())
    store.write("/c", b"theirs", deadline=soon())
    with pytest.raises(StoreConflict) as caught:
        transaction.commit(deadline=soon())
    assert isinstance(caught.value, Conflict)
    assert store.read("/c", deadline=soon()) == b"theirs"


def test_an_error_in_the_body_throws_everything_away(store, soon):
    def body(transaction):
        transaction.write("/ghost", b"", deadline=soon())
        transaction.read("/not-there", deadline=soon())

    with pytest.raises(StoreNotFound):
        store.transact(body, deadline=soon())
    assert not store.exists("/ghost", deadline=soon())


def test_eight_threads_lose_no_increment(daemon, store, soon):
    rounds = 25
    store.write("/counter", b"0", deadline=soon())

    def add_one(transaction):
        value = int(transaction.read("/counter", deadline=soon()))
        transaction.write("/counter", b"%d" % (value + 1), deadline=soon())
        return value + 1

    failures: list[BaseException] = []
    seen: list[int] = []

    def work(client):
        try:
            seen.extend(client.transact(add_one, deadline=soon(100)) for _ in range(rounds))
        except BaseException as exc:
            failures.append(exc)

    with open_store(str(daemon.socket)) as second:
        # Half of the threads share one connection, half another.
        threads = [threading.Thread(target=work, args=((store, second)[n % 2],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert store.read("/counter", deadline=soon()) == b"%d" % (8 * rounds)
    assert sorted(seen) == list(range(1, 8 * rounds + 1))


def test_transaction_ends_with_its_connection(daemon, store, soon):
    transaction = store.begin(deadline=soon())
    transaction.write("/lost", b"", deadline=soon())
    daemon.kill()
    with pytest.raises((ChannelLost, Unavailable)):
        for _ in range(50):
            transaction.read("/lost", deadline=soon())
    transaction.abort()


def test_walk_and_bulk_reads_within_a_transaction(store, soon):
    transaction = store.begin(deadline=soon())
    transaction.write("/w/x", b"1", deadline=soon())
    assert transaction.read_many(["/w/x", "/w/y"], deadline=soon()) == [b"1", None]
    assert [n.path for n in transaction.walk("/w", deadline=soon())] == ["/w", "/w/x"]
    transaction.abort()
