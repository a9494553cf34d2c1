"""A peer that dies, stalls or talks rubbish fails the calls in flight and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.xenstored import peer
from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    XenparleyError,
)
from xenparley_wire.xenstore import encode
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.client import open_store
from xenparley_xenstore.subscription import Change, Resync


class Scripted:
    """A peer that answers each connection with given bytes and then closes or stays."""

    def __init__(self, path, answers, *, stay=False):
        self.path = str(path)
        self._answers, self._stay = list(answers), stay
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        for answer in self._answers:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            with connected, contextlib.suppress(OSError):
                connected.recv(65536)
                for piece in answer if isinstance(answer, list) else [answer]:
                    connected.sendall(piece)
                if self._stay:
                    self._over.wait(30)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


GOOD = encode(MessageType.READ, 1, 0, b"value")


@pytest.mark.parametrize("cut", range(len(GOOD)))
def test_cut_at_any_byte(tmp_path, soon, cut):
    with Scripted(tmp_path / "s", [GOOD[:cut], GOOD]) as there, open_store(there.path) as store:
        with pytest.raises((ChannelLost, ProtocolError)):
            store.read("/x", deadline=soon())
        # The next call has a new connection, whose request ids begin anew.
        assert store.read("/x", deadline=soon()) == b"value"


def test_one_byte_at_a_time(tmp_path, soon):
    pieces = [[bytes([byte]) for byte in GOOD]]
    with Scripted(tmp_path / "s", pieces, stay=True) as there, open_store(there.path) as store:
        assert store.read("/x", deadline=soon()) == b"value"


@pytest.mark.parametrize(
    "rubbish",
    [
        encode(MessageType.READ, 99, 0, b"never asked"),
        encode(MessageType.WRITE, 1, 0, b"OK\0"),
        struct.pack("=IIII", 77, 1, 0, 0),
        struct.pack("=IIII", 2, 1, 0, 0xFFFFFFFF),
        encode(MessageType.WATCH_EVENT, 0, 0, b"no token"),
        encode(MessageType.ERROR, 1, 0, b"\xff\xfe"),
    ],
)
def test_rubbish_is_a_typed_error(tmp_path, soon, rubbish):
    with Scripted(tmp_path / "s", [rubbish], stay=True) as there, open_store(there.path) as store:
        with pytest.raises(ProtocolError):
            store.read("/x", deadline=soon())


def test_unknown_error_words_are_kept(tmp_path, soon):
    answer = encode(MessageType.ERROR, 1, 0, b"EFLOOD\0")
    with Scripted(tmp_path / "s", [answer], stay=True) as there, open_store(there.path) as store:
        with pytest.raises(XenparleyError, match="EFLOOD") as caught:
            store.read("/x", deadline=soon())
        assert caught.value.name == "EFLOOD"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=300))
def test_noise_ends_in_a_typed_error_or_an_answer(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("n")
    with Scripted(folder / "s", [noise]) as there, open_store(there.path) as store:
        try:
            value = store.read("/x", deadline=time.monotonic() + 20)
        except XenparleyError as exc:
            assert not isinstance(exc, DeadlineExceeded)
        else:
            assert isinstance(value, bytes)


def test_a_change_that_is_not_answered_has_an_unknown_outcome(tmp_path, soon):
    with Scripted(tmp_path / "s", [b"", b""]) as there, open_store(there.path) as store:
        with pytest.raises(OutcomeUnknown):
            store.write("/x", b"1", deadline=soon())
        with pytest.raises(ChannelLost):
            store.read("/x", deadline=soon())


def test_a_stalled_daemon_costs_the_deadline_only(daemon, store, soon):
    if daemon.kind == "simulated":
        pytest.skip("a thread of this process can't be stopped by a signal")
    store.write("/x", b"1", deadline=soon())
    daemon.pause()
    with pytest.raises(DeadlineExceeded):
        store.read("/x", deadline=time.monotonic() + 0.2)
    with pytest.raises(OutcomeUnknown):
        store.write("/x", b"2", deadline=time.monotonic() + 0.2)
    with pytest.raises(DeadlineExceeded):
        store.read_many(["/x"] * 2000, deadline=time.monotonic() + 0.2)
    with pytest.raises(DeadlineExceeded):
        store.read("/x", deadline=time.monotonic() - 1)
    daemon.resume()
    # Late answers are dropped, not mistaken for others.
    assert store.read("/x", deadline=soon()) == b"2"
    assert store.read_many(["/x", "/y"], deadline=soon()) == [b"2", None]


def test_kill_9_in_the_middle_of_a_thousand_calls(daemon, store, soon):
    """No hang, no wrong answer; afterwards everything works again."""
    expected = {f"/k/{n}": b"value-%d" % n for n in range(200)}
    for path, value in expected.items():
        store.write(path, value, deadline=soon())
    wrong: list[object] = []
    answered = [0, 0]
    begun = threading.Barrier(9)

    def work(start):
        begun.wait()
        for n in range(start, start + 125):
            path = f"/k/{n % 200}"
            try:
                value = store.read(path, deadline=soon())
                many = store.read_many([path, "/none"], deadline=soon())
            except (Unavailable, XenparleyError) as exc:
                answered[1] += 1
                # Started again it is empty: then "no such node" is the right answer.
                if isinstance(exc, (DeadlineExceeded, ProtocolError)):
                    wrong.append(exc)
                continue
            answered[0] += 1
            if value != expected[path] or many[0] not in (expected[path], None):
                wrong.append((path, value, many))

    threads = [threading.Thread(target=work, args=(125 * k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.01)
    daemon.kill()
    daemon.start()
    for thread in threads:
        thread.join(100)
        assert not thread.is_alive()
    assert wrong == []
    assert sum(answered) == 1000
    store.write("/k/again", b"yes", deadline=soon())
    assert store.read("/k/again", deadline=soon()) == b"yes"


def test_closing_fails_what_is_in_flight(soon):
    with peer("xenstored") as daemon, open_store(str(daemon.socket)) as store:
        store.read("/", deadline=soon())
        daemon.pause()
        told: list[BaseException] = []

        def wait():
            try:
                store.read("/", deadline=soon())
            except XenparleyError as exc:
                told.append(exc)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.05)
        store.close()
        thread.join(20)
        assert [type(error) for error in told] == [ChannelLost]


def unix_peers():
    """Return what the sockets of this process are connected to."""
    peers = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as copy:
            peers.append(copy.getpeername())
    return peers


def test_fork_closes_the_connection_and_the_parent_goes_on(daemon, store, soon):
    store.write("/f", b"1", deadline=soon())
    with store.watch("/f", deadline=soon()) as subscription:
        subscription.wait(deadline=soon())
        before = store._link.connection(soon())
        child = os.fork()
        if child == 0:
            verdict = 1
            try:
                store.read("/f", deadline=soon())
            except Unavailable:
                verdict = 3 if str(daemon.socket) in unix_peers() else 0
            except BaseException:
                verdict = 2
            os._exit(verdict)
        assert not before.alive
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert store.read("/f", deadline=soon()) == b"1"
        event = None
        while event != Resync("reconnected"):
            # Before it may come the first event of the watch that was registered anew.
            event = subscription.wait(deadline=soon())
            assert event is not None
        store.write("/f", b"2", deadline=soon())
        assert subscription.wait(deadline=soon()) == Change("/f", "/f")


STOPPED = """
import os, signal, sys, time
from xenparley_xenstore.client import open_store
from xenparley_xenstore.lifetime import StopGuard

# A group of its own, with its parent in the same session: the kernel does not stop orphans.
os.setpgid(0, 0)
called = []
if sys.argv[2] == "chained":
    signal.signal(signal.SIGTSTP, lambda *_: called.append("before"))
with open_store(sys.argv[1]) as store, StopGuard():
    with store.watch("/w", deadline=time.monotonic() + 20) as subscription:
        subscription.wait(deadline=time.monotonic() + 20)
        print("ready", flush=True)
        event = None
        while event is None or getattr(event, "reason", "") != "reconnected":
            event = subscription.wait(deadline=time.monotonic() + 20)
        print("resync", called, flush=True)
        print(signal.getsignal(signal.SIGTSTP) is not None, flush=True)
"""


@pytest.mark.parametrize("mode", ["plain", "chained"])
def test_stop_signal_closes_the_connection(soon, mode):
    """Ctrl-Z: the daemon sees the end before the process stops; afterwards it comes back."""
    with (
        peer("simulated") as daemon,
        subprocess.Popen(
            [sys.executable, "-c", STOPPED, str(daemon.socket), mode],
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        try:
            assert child.stdout.readline() == "ready\n"
            assert daemon._server.connections == 1
            child.send_signal(signal.SIGTSTP)
            if mode == "plain":
                wait_for(lambda: state(child.pid) == "T")
                wait_for(lambda: daemon._server.connections == 0)
                child.send_signal(signal.SIGCONT)
            expected = "resync ['before']\n" if mode == "chained" else "resync []\n"
            assert child.stdout.readline() == expected
            assert child.wait(30) == 0
        finally:
            child.send_signal(signal.SIGCONT)
            child.kill()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_for(condition, seconds=30.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_client_left_to_the_collector_ends_no_other(daemon, soon):
    with open_store(str(daemon.socket)) as first:
        second = open_store(str(daemon.socket))
        second.read("/", deadline=soon())
        second.close()
        del second
        assert first.read("/", deadline=soon()) == b""
