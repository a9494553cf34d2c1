"""Pipelined reads, walks, listings of any length, removal in parts; memory stays bounded."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
import tracemalloc

import pytest

from support.level import examples
from xenparley.domain.errors import DeadlineExceeded
from xenparley_sim.xenstore_server import Dialect, XenStoreServer
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.client import open_store
from xenparley_xenstore.errors import StoreNotFound, StoreTooBig
from xenparley_xenstore.transport import SocketTransport


def fill(store, entries, soon):
    """Write many nodes, pipelined."""
    exchange = store._connect(soon()).exchange(soon(500))
    source = iter(entries)
    while burst := list(itertools.islice(source, 32)):
        exchange.send([(MessageType.WRITE, requests.write(p, v)) for p, v in burst])
        assert all(answer.type == MessageType.WRITE for answer in exchange.take())


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 33, 500])
def test_read_many(store, soon, count):
    fill(store, ((f"/m/{n}", b"value-%d" % n) for n in range(0, count, 2)), soon)
    values = store.read_many([f"/m/{n}" for n in range(count)], deadline=soon())
    assert values == [b"value-%d" % n if n % 2 == 0 else None for n in range(count)]


@pytest.mark.parametrize("works", [lambda n: False, lambda n: n % 3 == 0])
def test_what_the_reader_cannot_send_its_caller_sends(store, soon, monkeypatch, works):
    """The socket is full, or another caller is sending: the reader does not wait for it."""
    fill(store, ((f"/m/{n}", b"%d" % n) for n in range(500)), soon)
    asked = itertools.count()
    offer = SocketTransport.offer
    monkeypatch.setattr(
        SocketTransport, "offer", lambda self, data: works(next(asked)) and offer(self, data)
    )
    paths = [f"/m/{n}" for n in range(500)]
    assert store.read_many(paths, deadline=soon()) == [b"%d" % n for n in range(500)]
    assert sum(1 for _ in store.walk("/m", deadline=soon())) == 501
    assert next(asked) > 10


def test_many_threads_read_at_once(store, soon):
    fill(store, ((f"/m/{n}", b"%d" % n) for n in range(300)), soon)
    wrong = []

    def work(step):
        numbers = [n * step % 300 for n in range(1000)]
        values = store.read_many([f"/m/{n}" for n in numbers], deadline=soon())
        if values != [b"%d" % n for n in numbers]:
            wrong.append(step)

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 7, 11, 13, 17, 19)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert not wrong


@pytest.mark.parametrize("task", ["read", "walk"])
def test_no_more_than_the_window_is_under_way(tmp_path, soon, task):
    """A peer that takes everything and answers nothing gets 32 requests and no more."""
    taken = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            decoder, listed = (
                Decoder(),
                encode(MessageType.DIRECTORY, 1, 0, b"".join(b"n%d\0" % n for n in range(500))),
            )
            with peer:
                while data := peer.recv(65536):
                    taken.extend(decoder.feed(data))
                    if task == "walk" and listed:
                        # The root lists many; then the peer falls silent.
                        peer.sendall(listed)
                        listed = b""

        server = threading.Thread(target=serve)
        server.start()
        with open_store(str(tmp_path / "s")) as store, pytest.raises(DeadlineExceeded):
            until = time.monotonic() + 0.5
            if task == "read":
                store.read_many([f"/m/{n}" for n in range(500)], deadline=until)
            else:
                list(store.walk("/m", values=False, deadline=until))
        server.join(20)
    assert len(taken) == (32 if task == "read" else 33)


def test_read_many_of_large_values(store, soon):
    fill(store, ((f"/m/{n}", b"%04d" % n * 500) for n in range(100)), soon)
    paths = [f"/m/{n % 100}" for n in range(1000)]
    values = store.read_many(paths, deadline=soon())
    assert values == [b"%04d" % (n % 100) * 500 for n in range(1000)]


def build(rng, depth, path, tree):
    """Grow a random tree."""
    for name in rng.sample("abcdefghij", rng.randint(0, 4) if depth else 8):
        below = f"{path}/{name}"
        tree[below] = f"{rng.random()}".encode()
        if depth < 5:
            build(rng, depth + 1, below, tree)


@pytest.mark.parametrize("seed", range(3))
def test_walk_is_the_tree_parents_first(store, soon, seed):
    tree = {"/tree": b"top"}
    build(random.Random(seed), 0, "/tree", tree)
    fill(store, tree.items(), soon)
    nodes = list(store.walk("/tree", deadline=soon()))
    assert {node.path: node.value for node in nodes} == tree
    assert len(nodes) == len(tree)
    # The order is that of a reader who asks one by one.
    assert [node.path for node in nodes] == list(one_by_one(store, "/tree", soon))
    bare = list(store.walk("/tree", values=False, deadline=soon()))
    assert [node.path for node in bare] == [node.path for node in nodes]
    assert {node.value for node in bare} == {b""}


def one_by_one(store, path, soon):
    yield path
    for name in store.directory(path, deadline=soon()):
        yield from one_by_one(store, f"{path}/{name}", soon)


def test_walk_of_nothing(store, soon):
    with pytest.raises(StoreNotFound):
        list(store.walk("/nowhere", deadline=soon()))


def test_walk_while_the_tree_goes_away(store, soon):
    fill(store, ((f"/gone/{n}/x", b"1") for n in range(400)), soon)
    walk = store.walk("/gone", deadline=soon())
    seen = [next(walk).path for _ in range(5)]
    store.remove_tree("/gone", deadline=soon())
    seen += [node.path for node in walk]
    assert seen[0] == "/gone"
    assert len(seen) <= 801


def test_a_walk_that_is_left_costs_nothing_later(store, soon):
    fill(store, ((f"/left/{n}", b"1") for n in range(200)), soon)
    for _ in range(20):
        walk = store.walk("/left", deadline=soon())
        next(walk)
        walk.close()
    assert store.read("/left/7", deadline=soon()) == b"1"


def test_listing_over_4096_bytes(store, soon):
    names = [f"{n:037d}" for n in range(3000)]
    fill(store, ((f"/vm/{name}", b"") for name in names), soon)
    assert sorted(store.directory("/vm", deadline=soon())) == names
    assert sum(1 for _ in store.walk("/vm", deadline=soon())) == 3001


def test_listing_that_changes_between_its_parts(daemon, store, soon):
    if daemon.kind == "oxenstored":
        pytest.skip("oxenstored sends it in one piece")
    names = [f"{n:037d}" for n in range(300)]
    fill(store, ((f"/d/{name}", b"") for name in names), soon)
    real_ask, asked = store._ask, []

    def ask(kind, *rest, **more):
        asked.append(kind)
        if kind == MessageType.DIRECTORY_PART and asked.count(kind) == 2:
            real_ask(MessageType.WRITE, requests.write("/d/late", b""), "", soon())
        return real_ask(kind, *rest, **more)

    store._ask = ask
    assert sorted(store.directory("/d", deadline=soon())) == sorted([*names, "late"])


def test_device_of_oxenstored_cannot_list_it(tmp_path, soon):
    """Behind the kernel's device oxenstored has neither long answers nor parts."""
    dialect = Dialect(answer_max=4096, directory_part=False, value_max=2048, quotas=False)
    with (
        XenStoreServer(tmp_path / "socket", dialect=dialect) as server,
        open_store(str(server.path)) as store,
    ):
        fill(store, ((f"/d/{n:037d}", b"") for n in range(200)), soon)
        with pytest.raises(StoreTooBig, match="E2BIG"):
            store.directory("/d", deadline=soon())


def test_remove_tree_in_parts(store, soon):
    fill(store, ((f"/big/{n // 50}/{n}", b"v") for n in range(3000)), soon)
    store.write("/bigger", b"stays", deadline=soon())
    requests_made = store.remove_tree("/big", deadline=soon())
    assert not store.exists("/big", deadline=soon())
    assert store.read("/bigger", deadline=soon()) == b"stays"
    assert 3000 / 64 <= requests_made <= 3000 / 40


def test_remove_tree_of_one_wide_folder(store, soon):
    fill(store, ((f"/wide/{n}", b"v") for n in range(300)), soon)
    store.remove_tree("/wide", deadline=soon())
    assert not store.exists("/wide", deadline=soon())
    with pytest.raises(StoreNotFound):
        store.remove_tree("/wide", deadline=soon())


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_memory_stays_bounded_on_many_nodes(daemon, store, soon):
    """100,000 nodes and more on the real daemons (the simulated one takes its time for so many)."""
    folders = examples(20) if daemon.kind == "simulated" else 100
    fill(
        store,
        (
            (f"/big/{n // 1000}/{n // 20 % 50}/key{n % 20}", b"some value or other %d" % n)
            for n in range(folders * 1000)
        ),
        soon,
    )
    tracemalloc.start()
    try:
        count = sum(1 for _ in store.walk("/big", deadline=soon(500)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == folders * 1051 + 1
    # The nodes themselves, all at once, would be some 300 bytes each: 6 MB, of 100,000 30 MB.
    assert peak < 2 << 20
