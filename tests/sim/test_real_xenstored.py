"""A real xenstored below a simulated host: chosen, started, and what it tells."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.simulated_hosts import CONFIG, eventually, simulated
from support.xenstored import need, tool
from xenparley.domain import errors as e
from xenparley_sim import SimulatedXen
from xenparley_sim.xenstore_tree import StoreFault
from xenparley_sim.xenstored_build import CHOICES, build_preload, choose, find
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import Access, MessageType, Permission

KEEPERS = ["in-process", "xenstored", "oxenstored"]


@pytest.fixture(params=KEEPERS)
def keeper(request):
    need(request.param)
    return request.param


@pytest.fixture
def xen(keeper):
    with simulated("4.14", toolstack=None, xenstored=keeper) as made:
        yield made


def test_the_same_is_read_whoever_keeps_it(xen):
    """Each call of the host's inside, once in its plain use and once in its error."""
    store = xen.store
    store.write("/a/b/c", b"\x00\xff value")
    assert store.read("/a/b/c") == b"\x00\xff value"
    assert store.read("/a") == b"" and store.directory("/a") == ["b"]
    assert store.exists("/a/b") and not store.exists("/a/x")
    store.mkdir("/a/d")
    store.mkdir("/a/b")
    assert sorted(store.directory("/a")) == ["b", "d"]
    store.set_permissions("/a/d", [Permission(0, Access.NONE), Permission(3, Access.READ)])
    assert store.permissions("/a/d") == (Permission(0, Access.NONE), Permission(3, Access.READ))
    store.remove("/a")
    assert not store.exists("/a/b/c")
    for call in (store.read, store.directory, store.permissions):
        with pytest.raises(StoreFault, match="ENOENT"):
            call("/a")
    store.remove("/a")
    with pytest.raises(StoreFault, match="ENOENT"):
        store.remove("/a/b")


def test_watches_are_told_in_order_and_ended(xen):
    store, told = xen.store, []
    store.watch("/w", "mine", "me", lambda path, token: told.append((path, token)))
    assert told == [("/w", "mine")]
    with pytest.raises(StoreFault, match="EEXIST"):
        store.watch("/w", "mine", "me", print)
    for number in range(5):
        store.write(f"/w/{number}", b"")
    assert eventually(lambda: len(told) == 6)
    assert told[1:] == [(f"/w/{number}", "mine") for number in range(5)]
    store.unwatch("/w", "mine", "me")
    with pytest.raises(StoreFault, match="ENOENT"):
        store.unwatch("/w", "mine", "me")
    store.watch("/v", "a", "me", lambda path, token: told.append(token))
    store.forget("me")
    del told[:]
    store.write("/w/6", b"")
    store.write("/v/6", b"")
    xen.settle()
    assert told == []


@pytest.mark.parametrize("keeper", KEEPERS[1:], indirect=True)
def test_a_watch_may_ask_and_its_failure_silences_no_other(xen, caplog):
    store, told = xen.store, []

    def fails(path, token):
        if told:
            raise RuntimeError("on purpose")

    def asks(path, token):
        told.append(store.exists(path) and store.read(path))

    store.watch("/w", "1", "me", fails)
    store.watch("/w", "2", "me", asks)
    assert told == [False]
    store.write("/w", b"x")
    assert eventually(lambda: told == [False, b"x"])
    # The daemon tells them in an order of its own.
    assert eventually(lambda: "on purpose" in caplog.text)


def test_a_listing_longer_than_a_message(xen):
    names = [f"{number:04}-{'x' * 20}" for number in range(400)]
    for name in names:
        xen.store.mkdir(f"/many/{name}")
    assert sorted(xen.store.directory("/many")) == names


def test_domains_come_and_go_with_their_watches(xen):
    told = []
    for path in ("@introduceDomain", "@releaseDomain"):
        xen.store.watch(path, "t", "me", lambda path, token: told.append(path))
    del told[:]
    domain = xen.hypervisor.create(CONFIG)
    xen.settle()
    assert eventually(lambda: told == ["@introduceDomain"])
    assert xen.store.introduced(domain.domid) and not xen.store.introduced(domain.domid + 1)
    xen.store.introduce(domain.domid)
    xen.hypervisor.stop(domain.domid, 3)
    assert eventually(lambda: "@releaseDomain" in told)
    assert eventually(lambda: not xen.store.introduced(domain.domid))
    assert eventually(lambda: told.count("@releaseDomain") >= 2)
    # oxenstored has another word for it.
    with pytest.raises(StoreFault, match=r"ENOENT|EINVAL"):
        xen.store.release(77)


def test_the_guests_part_is_played_once_for_each_request(xen):
    """What the toolstack writes itself is no request, and a request is one whoever keeps it."""
    asked = []
    xen.hypervisor.observe(
        lambda change: asked.append(change.detail) if change.kind == "requested" else None
    )
    domain = xen.hypervisor.create(CONFIG, paused=True)
    path = f"/local/domain/{domain.domid}/control/shutdown"
    for word in (b"poweroff", b"", b"reboot"):
        xen.store.write(path, word)
        assert (xen.hypervisor.domain(domain.domid).request or "") == word.decode()
    xen.hypervisor.request(domain.domid, "poweroff")
    xen.settle()
    assert xen.store.read(path) == b"poweroff"
    assert asked == ["poweroff", "", "reboot", "poweroff"]


def test_readers_get_answers_in_order_and_change_nothing(xen):
    """The second socket of releases up to 4.14, with all requests sent at once."""
    xen.store.write("/r", b"before")
    asked = [
        (MessageType.READ, b"/r\0", b"before"),
        (MessageType.WRITE, b"/r\0after", b"EROFS\0"),
        (MessageType.READ, b"/r\0", b"before"),
        (MessageType.RM, b"/r\0", b"EROFS\0"),
        (MessageType.IS_DOMAIN_INTRODUCED, b"0\0", b"T\0"),
        (MessageType.READ, b"/none\0", b"ENOENT\0"),
    ]
    decoder, answers = Decoder(), []
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(xen.directory / "socket_ro"))
        frames = [encode(kind, n, 0, payload) for n, (kind, payload, _) in enumerate(asked)]
        link.sendall(b"".join(frames))
        while len(answers) < len(asked):
            answers += decoder.feed(link.recv(65536))
        assert [(a.request_id, a.payload) for a in answers] == [
            (n, answer) for n, (_, _, answer) in enumerate(asked)
        ]
        # A stream out of step ends, as at the daemon itself.
        link.sendall(b"\xff" * 64)
        assert link.recv(1) == b""
    assert xen.store.read("/r") == b"before"


def test_xens_own_tool_reads_it(xen):
    xen.hypervisor.create(CONFIG)
    xen.settle()
    done = subprocess.run(
        [tool("xenstore-read"), "/local/domain/1/name"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "XENSTORED_PATH": xen.settings["xenstore"]["path"]},
    )
    assert (done.stdout, done.stderr) == ("web\n", "")


# What is there


def test_what_keeps_it_is_chosen(tmp_path):
    assert choose("in-process") is None
    need("xenstored")
    assert choose("real") == choose("auto") == choose("xenstored") == find("xenstored")
    assert choose(str(find("xenstored"))) == find("xenstored")
    with pytest.raises(e.InvalidInput, match="in-process, auto, real"):
        SimulatedXen(xenstored="qmp").start()
    with pytest.raises(e.Unavailable, match="no program"):
        SimulatedXen(xenstored=tmp_path / "xenstored").start()
    assert set(CHOICES) >= {"in-process", "auto", "real"}


def test_without_a_compiler_or_a_daemon_it_says_so(monkeypatch, tmp_path):
    from xenparley_sim import xenstored_build as build

    daemon = tmp_path / "xen-4.99" / "bin" / "xenstored"
    daemon.parent.mkdir(parents=True)
    daemon.write_text("#!/bin/sh\n")
    daemon.chmod(0o755)
    older = tmp_path / "xen-4.9" / "bin" / "xenstored"
    older.parent.mkdir(parents=True)
    older.write_text("#!/bin/sh\n")
    older.chmod(0o755)
    monkeypatch.setattr(build, "_FOLDERS", (str(tmp_path),))
    assert find("xenstored") == daemon
    monkeypatch.setenv("PATH", str(tmp_path))
    for word in ("real", "xenstored", str(daemon)):
        with pytest.raises(e.Unavailable, match="no C compiler"):
            choose(word)
    with pytest.raises(e.Unavailable, match="no C compiler"):
        build_preload(tmp_path)
    assert choose("auto") is None
    monkeypatch.setattr(build, "_FOLDERS", ())
    monkeypatch.setattr(build, "_DIRECT", (str(tmp_path),))
    with pytest.raises(e.Unavailable, match=r"no oxenstored .* xen-utils"):
        choose("oxenstored")
    with pytest.raises(e.Unavailable, match=r"no xenstored .* xen-utils"):
        choose("real")
    with SimulatedXen(xenstored="auto") as xen:
        assert xen.xenstored is None
        assert xen.store.read("/local/domain/0/name") == b"Domain-0"


def test_a_compiler_that_fails_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho no such header >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(e.Unavailable, match="no such header"):
        build_preload(tmp_path)


@pytest.mark.parametrize("words", ["echo it broke >&2; exit 1", "exit 0"])
def test_a_program_that_is_no_daemon_leaves_nothing(tmp_path, words):
    need("xenstored")
    program, place = tmp_path / "xenstored", tmp_path / "x"
    program.write_text(f"#!/bin/sh\n{words}\n")
    program.chmod(0o755)
    with pytest.raises(e.Unavailable, match=r"it broke|no answer"):
        SimulatedXen(xenstored=program, directory=place).start()
    assert not list(place.glob("xs-*"))


# Its end


def _pid(xen):
    (folder,) = xen.directory.glob("xs-*")
    return int((folder / "pid").read_text())


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_ends_with_its_host():
    need("xenstored")
    with simulated("4.17", xenstored="real") as xen:
        pid, place = _pid(xen), xen.directory
        assert _runs(pid)
    assert not _runs(pid) and not place.exists()


def test_it_ends_with_the_process_of_its_host(tmp_path):
    need("xenstored")
    code = (
        "import sys, time\n"
        "from xenparley_sim import SimulatedXen\n"
        "xen = SimulatedXen(xenstored=sys.argv[1], directory=sys.argv[2])\n"
        "xen.start()\n"
        "print('up', flush=True)\n"
        "time.sleep(100)\n"
    )
    for number, kind in enumerate(("xenstored", "oxenstored")):
        if find(kind) is None:
            continue
        place = tmp_path / str(number)
        with subprocess.Popen(
            [sys.executable, "-c", code, kind, str(place)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "up\n"
            (link,) = place.glob("xs-*/socket")
            found = _listener(link)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert eventually(lambda found=found: not _runs(found))


def _listener(path):
    """Return the process at the other end of a socket."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        pid = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(pid[:4], sys.byteorder)


def test_a_daemon_that_dies_is_told_and_the_host_ends_all_the_same():
    need("xenstored")
    with simulated("4.17", xenstored="real") as xen, xen.connect() as host:
        guest = host.create(CONFIG).guest
        os.kill(_pid(xen), signal.SIGKILL)
        with pytest.raises(e.ChannelLost):
            for _ in range(100):
                xen.store.read("/")
                time.sleep(0.05)
        with pytest.raises(e.ChannelLost):
            xen.store.write("/x", b"")
        # Without XenStore the hypervisor goes on, as a real one does.
        assert guest.domid in [each.domid for each in host.list()]
        xen.hypervisor.destroy(guest.domid)
