"""A host in a file: killed at any moment, shared, damaged, locked, foreign, oddly named."""

import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from support.level import examples
from support.sim_guests import config, soon
from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available
from xenparley.negotiation.offer import Unavailable as NotThere
from xenparley_sim import Hypervisor, SimChannel, Timing
from xenparley_sim.toolstack import live_config

WRITER = """
import sys
from xenparley.domain.config import Boot, Disk, GuestConfig
from xenparley_sim import Hypervisor, Timing

host = Hypervisor(sys.argv[1], timing=Timing(obey=0, linger=0, dying=0))
prefix = sys.argv[2]
print("ready", flush=True)
number = 0
while True:
    number += 1
    guest = GuestConfig(name=f"{prefix}{number}", memory_kib=4096, boot=Boot(kernel="/k"),
                        disks=(Disk(target="xvda"),))
    made = host.define(guest)
    domain = host.create(guest)
    host.set_target(domain.domid, 2048)
    host.pause(domain.domid)
    host.unpause(domain.domid)
    if number % 3:
        host.destroy(domain.domid)
    else:
        host.request(domain.domid, "reboot")
    print(number, flush=True)
"""


@contextlib.contextmanager
def writer(path, prefix="g"):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), path, prefix],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def check_consistent(path):
    # A process that was killed while it made the file leaves one that is still empty.
    first = Hypervisor(path)
    first.settle()
    first.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        held = raw.execute("SELECT sum(max(memory_kib, target_kib)) FROM domains").fetchone()[0]
        assert raw.execute("SELECT held_kib FROM host").fetchone()[0] == held
        strays = raw.execute(
            "SELECT count(*) FROM timers WHERE domid NOT IN (SELECT domid FROM domains)"
        )
        assert strays.fetchone() == (0,)
        living = {row[0] for row in raw.execute("SELECT domid FROM domains WHERE domid > 0")}
        defined = {row[0] for row in raw.execute("SELECT uuid FROM definitions")}
        keys = {row[0] for row in raw.execute("SELECT key FROM documents")}
        wanted = {f"c:{d}" for d in living} | {f"h:{d}" for d in living}
        assert keys == wanted | {f"d:{uuid}" for uuid in defined}
    host = Hypervisor(path)
    try:
        with host.look() as tx:  # one moment: guests that were ending go on ending
            domains = list(tx.domains())
            assert domains[0].domid == 0
            for domain in domains[1:]:
                assert live_config(tx, domain).uuid == domain.handle
    finally:
        host.close()


@pytest.mark.parametrize("kills", [4, pytest.param(examples(30), marks=pytest.mark.heavy)])
def test_killed_at_any_moment_the_file_is_whole(tmp_path, kills):
    path = str(tmp_path / "host.sim")
    chance = random.Random(kills)
    done = 0
    for round_number in range(kills):
        with writer(path, f"r{round_number}-") as process:
            for _ in range(chance.randrange(1, 4)):
                process.stdout.readline()
            time.sleep(chance.random() * 0.02)
            process.send_signal(signal.SIGKILL)
            done += 1
        check_consistent(path)
    host = Hypervisor(path)
    assert len(host.definitions()) >= done
    host.close()


def test_killed_while_it_makes_the_file(tmp_path):
    for number in range(5):
        file = tmp_path / f"{number}.sim"
        path = str(file)
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), path, "g"], stdout=subprocess.DEVNULL
        ) as process:
            while not file.exists() and process.poll() is None:
                time.sleep(0.0005)
            process.kill()
        check_consistent(path)


def test_two_processes_and_this_one_at_once(tmp_path):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    seen = []
    with writer(path, "a") as one, writer(path, "b") as two:
        for number in range(5):
            host.create(config(f"here-{number}"))
            seen.append(one.stdout.readline())
            seen.append(two.stdout.readline())
            host.domains()
        names = {d.name for d in host.definitions()}
        assert {"a1", "a5", "b1", "b5"} <= names
    assert all(line.strip() for line in seen)
    assert {d.name for d in host.domains()} >= {f"here-{n}" for n in range(5)}
    host.close()
    check_consistent(path)


def test_the_guests_live_on_between_processes(tmp_path):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    domid = host.create(config()).domid
    host.close()
    again = Hypervisor(path)
    first = again.domain(domid).cpu_ns
    time.sleep(0.01)
    assert again.domain(domid).cpu_ns > first
    again.close()


def test_only_its_owner_may_read_the_file(tmp_path):
    path = tmp_path / "host.sim"
    host = Hypervisor(str(path))
    host.create(config())
    for entry in tmp_path.iterdir():
        assert stat.S_IMODE(entry.stat().st_mode) & 0o077 == 0, entry.name
    host.close()


@pytest.mark.parametrize(
    "content",
    [
        b"not a database at all, but long enough to be read as one" * 50,
        b"SQLite format 3\0",
        b"\0" * 4096,
    ],
    ids=["text", "header only", "zeros"],
)
def test_a_file_that_is_no_database(tmp_path, content):
    path = tmp_path / "host.sim"
    path.write_bytes(content)
    host = Hypervisor(str(path))
    with pytest.raises(Unavailable, match=r"host\.sim"):
        host.domains()
    host.close()
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    host = Hypervisor(str(path))
    with pytest.raises(Unavailable, match="another program's"):
        host.create(config())
    probe = SimChannel(host).probe(deadline=soon())
    assert isinstance(probe, NotThere)
    assert "another program's" in probe.reason
    host.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("PRAGMA user_version = 99", "another xenparley"),
        ("CREATE TRIGGER t AFTER INSERT ON journal BEGIN SELECT 1; END", "tables"),
        ("CREATE VIEW v AS SELECT 1", "tables"),
        ("DROP TABLE files", "tables"),
        ("ALTER TABLE domains RENAME COLUMN name TO nom", "damaged"),
        ("UPDATE documents SET text = '{'", "damaged"),
        ("UPDATE documents SET text = replace(hex(zeroblob(100000)), '0', '[')", "damaged"),
        ("UPDATE documents SET text = x'ff00'", "damaged"),
        ("UPDATE host SET facts = '[]'", "damaged"),
        ('UPDATE host SET facts = \'{"version": [4, 17, ""], "cpus": "many"}\'', "damaged"),
        ("UPDATE domains SET since = 'never'", "damaged"),
        ("UPDATE domains SET pauses = 'some'", "damaged"),
    ],
)
def test_a_file_that_was_tampered_with(tmp_path, change, word):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    host.create(config())
    host.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(change)
    host = Hypervisor(path)
    channel = SimChannel(host, owns=True)
    with pytest.raises(Unavailable, match=word):
        for role, method, arguments in (
            (Role.INVENTORY, "list_live", (tuple(Field),)),
            (Role.HOST, "host_info", ()),
            (Role.DEFINITIONS, "read_live", (_one(),)),
            (Role.DEVICES, "devices", (_one(),)),
        ):
            getattr(channel.port(role), method)(*arguments, deadline=soon())
    channel.close()


def _one():
    from xenparley.domain.identity import GuestRef

    return GuestRef(domid=1)


@pytest.mark.parametrize("seed", range(8))
def test_bytes_turned_over_never_bring_a_foreign_error(tmp_path, seed):
    path = tmp_path / "host.sim"
    host = Hypervisor(str(path))
    for number in range(10):
        host.create(config(f"g{number}"))
        host.define(config(f"g{number}"))
    host.close()
    raw = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(400):
        raw[chance.randrange(100, len(raw))] = chance.randrange(256)
    path.write_bytes(raw)
    host = Hypervisor(str(path))
    channel = SimChannel(host, owns=True)
    outcomes = []
    for role, method, arguments in (
        (Role.INVENTORY, "list_live", (tuple(Field),)),
        (Role.INVENTORY, "list_defined", (tuple(Field),)),
        (Role.DEFINITIONS, "read_live", (_one(),)),
        (Role.DEFINITIONS, "define", (config("new"),)),
        (Role.HOST, "host_info", ()),
        (Role.HOST, "console_ring", ()),
        (Role.DEVICES, "devices", (_one(),)),
    ):
        try:
            outcomes.append(getattr(channel.port(role), method)(*arguments, deadline=soon()))
        except XenparleyError as exc:
            outcomes.append(exc)
    assert len(outcomes) == 7
    channel.close()


def test_a_locked_file_answers_at_the_deadline(tmp_path):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    host.create(config())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DeadlineExceeded, match="locked"), host.change(soon(0.05)):
            pass
        with host.look(soon()) as tx:  # readers are not held up
            assert tx.domain(1) is not None
        other.execute("ROLLBACK")
    host.pause(1)
    host.close()


def test_a_file_locked_as_a_whole_is_unavailable_to_the_probe(tmp_path):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    host.create(config())
    host.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        blocked = Hypervisor(path)
        probe = SimChannel(blocked, owns=True).probe(deadline=soon(0.05))
        assert isinstance(probe, NotThere)
        assert "locked" in probe.reason
        blocked.close()


def test_a_thread_that_holds_the_host_bounds_others_by_their_deadline():
    host = Hypervisor()
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with host.change():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(30)
    with pytest.raises(DeadlineExceeded), host.look(soon(0.02)):
        pass
    leave.set()
    thread.join()
    host.close()


def test_an_error_inside_leaves_nothing(host):
    host.create(config())
    with pytest.raises(ZeroDivisionError), host.change() as tx:
        domain = tx.domain(1)
        domain.name = "changed"
        tx.put(domain)
        raise ZeroDivisionError
    assert host.domain(1).name == "web"


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "?query#frag",
        "100%",
        "file:x?mode=memory",
        ":memory:",
        "ünï",
        "a'b\"c;--",
        "new\nline",
        "-dash",
        "x" * 200,
        "\udcff bytes",
    ],
)
def test_paths_with_odd_characters(tmp_path, name):
    path = f"{tmp_path}/{name}"
    host = Hypervisor(path)
    host.create(config())
    host.close()
    assert name in {p.name for p in tmp_path.iterdir()}
    again = Hypervisor(path)
    assert again.domain(1).name == "web"
    again.close()


@pytest.mark.parametrize("path", ["", "nul\0byte", "\ud800"])
def test_paths_that_are_none(path):
    with pytest.raises(InvalidInput):
        Hypervisor(path)


def test_places_where_no_file_can_be(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in (
        (tmp_path / "missing" / "host.sim", Unavailable),
        (tmp_path, Unavailable),
        (tmp_path / "pipe", Unavailable),
        ("/dev/null", Unavailable),
        (tmp_path / ("x" * 5000), AccessRefused),
    ):
        host = Hypervisor(str(path))
        with pytest.raises(kind):
            host.domains()
        assert isinstance(SimChannel(host).probe(deadline=soon()), NotThere)
        host.close()


def test_a_probe_makes_no_file(tmp_path):
    host = Hypervisor(str(tmp_path / "new.sim"))
    assert isinstance(SimChannel(host).probe(deadline=soon()), Available)
    assert list(tmp_path.iterdir()) == []
    host.close()


def test_after_a_fork_a_file_is_opened_anew_and_memory_is_not_shared(tmp_path):
    filed, in_memory = Hypervisor(str(tmp_path / "host.sim")), Hypervisor()
    for host in (filed, in_memory):
        host.create(config())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            filed.pause(1)
            filed.close()
            try:
                in_memory.domains()
            except ChannelLost:
                in_memory.close()
                code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert filed.domain(1).pauses == 1
    filed.close()
    in_memory.close()
    check_consistent(str(tmp_path / "host.sim"))


def test_close_twice_and_use_after(host):
    host.create(config())
    host.close()
    host.close()
    with pytest.raises(ChannelLost):
        host.domains()


def test_timing_zero_ends_guests_at_once():
    host = Hypervisor(timing=Timing(obey=0, linger=0, dying=0))
    host.create(config())
    host.request(1, "poweroff")
    assert host.domain(1) is None
    host.close()
