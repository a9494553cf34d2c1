"""The kernel's device: one request at a time, 4080 bytes of payload, opens and writes that hang.

A socket that keeps the borders of writes stands in for the node, and a thread for the kernel,
which carries out the first request of each write and throws the rest away. Like the kernel's, its
one buffer must not be written again before the answer is there: that is counted.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    OutcomeUnknown,
    Unavailable,
)
from xenparley_sim.xenstore_server import XenStoreServer
from xenparley_wire.xenstore import HEADER, Decoder
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore import device
from xenparley_xenstore.client import XenStore
from xenparley_xenstore.endpoints import Endpoint

NODE = Endpoint("/dev/xen/xenbus", True)


class Kernel:
    """Stands between the node's descriptors and a daemon."""

    def __init__(self, daemon):
        self._daemon = str(daemon)
        self.writes: list[int] = []
        self.unanswered = 0
        self.overlaps = 0
        self.open_hangs = threading.Event()
        self.taking = threading.Event()
        self.taking.set()
        self.open_hangs.set()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self, path, flags):
        self.open_hangs.wait(30)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._daemon)
        self._ends += [ours, server]
        for run in (self._take, self._give):
            thread = threading.Thread(target=run, args=(ours, server), daemon=True)
            thread.start()
            self._threads.append(thread)
        return theirs.detach()

    def _take(self, ours, server):
        with contextlib.suppress(OSError):
            while data := ours.recv(1 << 20):
                self.taking.wait(30)
                self.writes.append(len(data))
                self.overlaps += self.unanswered
                self.unanswered = 1
                length = HEADER.unpack_from(data)[3] + HEADER.size
                if length > 4096:
                    break
                server.sendall(data[:length])
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _give(self, ours, server):
        with contextlib.suppress(OSError):
            decoder = Decoder()
            while data := server.recv(4096):
                if any(m.type != MessageType.WATCH_EVENT for m in decoder.feed(data)):
                    self.unanswered = 0
                ours.send(data)
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.taking.set()
        self.open_hangs.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in self._ends:
            end.close()


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    with XenStoreServer(tmp_path / "socket") as server:
        made = Kernel(server.path)
        monkeypatch.setattr(device, "open_node", made.open)
        yield made
        made.close()


@pytest.fixture
def store(kernel):
    with XenStore([NODE]) as client:
        yield client


def test_each_request_is_a_write_of_its_own(store, kernel, soon):
    for number in range(100):
        store.write(f"/m/{number}", b"v%d" % number, deadline=soon())
    kernel.writes.clear()
    values = store.read_many([f"/m/{number}" for number in range(100)], deadline=soon())
    assert values == [b"v%d" % number for number in range(100)]
    assert len(kernel.writes) == 100
    assert max(kernel.writes) < 40
    assert kernel.overlaps == 0


def test_threads_take_turns(store, kernel, soon):
    """Whatever is asked at once, the kernel has one request of ours at a time."""
    for number in range(8):
        store.write(f"/m/{number}", b"v%d" % number, deadline=soon())
    wrong = []

    def work(number):
        values = {store.read(f"/m/{number}", deadline=soon()) for _ in range(50)}
        wrong.extend(values - {b"v%d" % number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert kernel.overlaps == 0


def test_payload_of_4080_bytes_and_not_one_more(store, soon):
    value = b"x" * (4080 - len("/big") - 1)
    store.write("/big", value, deadline=soon())
    assert store.read("/big", deadline=soon()) == value
    with pytest.raises(InvalidInput, match="4080"):
        store.write("/big", value + b"x", deadline=soon())
    assert store.read("/big", deadline=soon()) == value


def test_watches_transactions_and_walks(store, soon):
    with store.watch("/w", deadline=soon()) as subscription:
        subscription.wait(deadline=soon())
        store.transact(lambda t: t.write("/w/x", b"1", deadline=soon()), deadline=soon())
        assert subscription.wait(deadline=soon()).path == "/w/x"
    assert [node.path for node in store.walk("/w", deadline=soon())] == ["/w", "/w/x"]


def test_an_open_that_hangs_costs_the_deadline(kernel, store):
    kernel.open_hangs.clear()
    began = threading.active_count()
    with pytest.raises(DeadlineExceeded, match="stands still"):
        store.read("/", deadline=time.monotonic() + 0.1)
    kernel.open_hangs.set()
    # The descriptor that came too late is closed by the thread that waited for it.
    limit = time.monotonic() + 20
    while threading.active_count() > began + 3 and time.monotonic() < limit:
        time.sleep(0.01)
    assert store.read("/", deadline=time.monotonic() + 30) == b""


def test_a_ring_that_stands_still_costs_the_deadline(kernel, store, soon):
    store.write("/x", b"1", deadline=soon())
    kernel.taking.clear()
    with pytest.raises(DeadlineExceeded):
        store.read("/x", deadline=time.monotonic() + 0.1)
    with pytest.raises(OutcomeUnknown):
        store.write("/x", b"2", deadline=time.monotonic() + 0.1)
    kernel.taking.set()
    assert store.read("/x", deadline=soon()) == b"2"


def test_closing_ends_what_waits(kernel, store, soon):
    store.write("/x", b"1", deadline=soon())
    kernel.taking.clear()
    threading.Timer(0.1, store.close).start()
    with pytest.raises(ChannelLost):
        store.read("/x", deadline=soon())
    with pytest.raises(Unavailable):
        store.read("/x", deadline=soon())


def test_descriptors_are_given_back(kernel, soon):
    def held():
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = held()
    for _ in range(20):
        with XenStore([NODE]) as client:
            client.read("/", deadline=soon())
    kernel.close()
    kernel._ends.clear()
    limit = time.monotonic() + 20
    while held() > before and time.monotonic() < limit:
        time.sleep(0.01)
    assert held() <= before
