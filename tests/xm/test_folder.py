"""Reading a folder in which anything may lie."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import xenparley_xm.folder as folder_module
from xenparley.domain.errors import (
    AccessRefused,
    AmbiguousGuest,
    DeadlineExceeded,
    NotFound,
    ParseError,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import canonical_uuid
from xenparley.negotiation.capability import Role
from xm.conftest import Files

GOOD = {"good"}


@contextmanager
def unprivileged():
    """Be nobody for a while, if we are root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "#edited#",
        "web~",
        "xend-config.sxp",
        "xend-config.sxp.orig",
        "xend-pci-permissive.sxp",
        "xmexample1",
        "xlexample.pvlinux",
        "qemu-ifup",
    ],
)
def test_names_that_are_never_a_guests(files, name):
    files.write("good")
    files.write(name)
    assert set(files.rows()) == GOOD
    assert name in files.facts()["left out"]


def test_what_is_no_regular_file_is_not_opened(files):
    """A named pipe would hang whoever opens it; a socket and a folder can't be read."""
    files.write("good")
    os.mkfifo(files.path / "pipe")
    (files.path / "scripts").mkdir()
    (files.path / "pipelink").symlink_to("pipe")
    (files.path / "zero").symlink_to("/dev/zero")
    (files.path / "loop").symlink_to("loop")
    (files.path / "nowhere").symlink_to("/nonexistent/file")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(files.path / "socket"))
        assert set(files.rows()) == GOOD


def test_a_link_is_followed(files, tmp_path):
    target = tmp_path / "elsewhere.cfg"
    target.write_text('name = "linked"\nmemory = 64\n')
    (files.path / "link").symlink_to(target)
    assert set(files.rows()) == {"linked"}
    target.write_text('name = "linked"\nmemory = 128\n')
    assert files.rows()["linked"].values[Field.MEMORY] == 128 * 1024


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "nothing"),
        (b"\0" * 4096, "nothing"),
        (b"\x7fELF\x01\x02\x03" * 100, "nothing"),
        (b"# only a comment\n", "nothing"),
        (b"memory = 64\n", "nothing"),
        (b"Read me first: these are examples.\n", "nothing"),
        (b"<domain type='xen'><name>x</name></domain>", "nothing"),
        (b"(vm (name x))", "nothing"),
        (b'name = "half', "row"),
        (b'name = "web"\ndisk = [ "phy:/dev/sda', "row"),
        (b'name = "web"\nmemory = 64\n\0\0\0\0', "row"),
        (b"import os\nname = os.uname()[1]\n", "row"),
    ],
)
def test_a_bad_file_hides_no_other(files, content, told):
    files.write("good")
    files.write("bad", content)
    rows = files.rows()
    assert "good" in rows
    assert len(rows) == (2 if told == "row" else 1)
    if told == "row":
        bad = next(row for name, row in rows.items() if name != "good")
        assert f"{files.path}/bad:" in bad.absent[Field.MEMORY]
        assert bad.uuid == canonical_uuid(bad.uuid)
    elif content:
        assert "bad: " in files.facts()["left out"]


def test_a_huge_file_is_not_read(files):
    files.write("good")
    with (files.path / "huge").open("wb") as huge:
        huge.truncate(1 << 40)
    assert set(files.rows()) == GOOD


def test_a_file_that_may_not_be_read_is_told():
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name))
        files.path.chmod(0o755)
        files.write("good").chmod(0o644)
        files.write("secret").chmod(0o000)
        (files.path / "auto").mkdir(0o700)
        (files.path / "auto").chmod(0o000)
        with unprivileged():
            rows = files.rows()
            (secret,) = (row for name, row in rows.items() if name != "good")
            with pytest.raises(AccessRefused):
                files.read(uuid=secret.uuid)
            assert files.read("good").autostart is None
            probed = files.channel.probe(deadline=files.soon())
        files.channel.close()
    assert set(rows) == {"good", secret.uuid}
    assert "Permission denied" in secret.absent[Field.NAME]
    assert "auto: Permission denied" in rows["good"].absent[Field.AUTOSTART]
    if os.geteuid() == 0:  # elsewhere the folder is our own
        assert {w.capability.value for w in probed.withheld} >= {"define", "undefine"}


REAL_WORLD = {
    "an import": 'import os, re\narch = os.uname()[4]\nname = "web"\n',
    "a condition": 'name = "web"\nif True:\n    memory = 64\n',
    "a call": 'name = "web"\nmemory = int("64")\n',
    "a function": 'name = "web"\ndef vncviewer():\n    return 1\n',
    "xm's variables": "xm_vars.var('vmid', use='the id')\nname = \"web\"\n",
    "a loop": 'name = "web"\nfor n in [1]:\n    pass\n',
    "a comprehension": 'name = "web"\ndisk = [d for d in []]\n',
    "a print": 'name = "web"\nprint "starting"\n',
    "an attribute": 'name = "web"\nmemory = os.memory\n',
}


@pytest.mark.parametrize("what", REAL_WORLD)
def test_what_xm_would_execute_is_refused_with_its_line(files, what):
    text = REAL_WORLD[what]
    files.write("web.cfg", text)
    files.write("good")
    rows = files.rows()
    assert set(rows) == {"web", "good"}, "found by the name that it gives in so many words"
    assert Field.MEMORY not in rows["web"].values
    with pytest.raises(ParseError) as caught:
        files.read("web")
    assert str(caught.value).startswith(f"{files.path}/web.cfg:")
    assert caught.value.line is not None
    assert caught.value.line <= text.count("\n")


def test_building_strings_needs_no_execution(files):
    files.write(
        "web.cfg",
        'base = "web"\nvmid = 3\nname = base + "-%d" % vmid\nmemory = 64\n'
        'disk = [ "phy:/dev/vg/" + name + ",xvda,w" ]\n',
    )
    config = files.read("web-3")
    assert config.disks[0].source.path == "/dev/vg/web-3"


def test_a_name_that_is_computed_is_not_guessed(files):
    files.write("web", 'import os\nname = "web-%d" % os.getpid()\n')
    files.write("two", 'import os\nname = "one"\nname = "two"\n')
    assert all(row.values.get(Field.NAME) is None for row in files.rows().values())


def test_a_file_without_uuid_has_a_stable_one(files):
    files.write("web")
    files.write("db")
    first = {name: row.uuid for name, row in files.rows().items()}
    assert first["web"] != first["db"]
    files.write("web", 'name = "web"\nmemory = 256\n')
    again = files.rows(channel=files.open())
    assert {name: row.uuid for name, row in again.items()} == first
    assert "no uuid" in again["web"].absent[Field.UUID]
    assert files.read("web").uuid == first["web"]
    assert files.read(uuid=first["db"]).name == "db"
    (files.path / "web").rename(files.path / "moved")
    assert files.rows()["web"].uuid != first["web"]


@pytest.mark.parametrize("bad", ["not a uuid", "00000000-0000-0000-0000-000000000000", "12"])
def test_a_uuid_that_is_none_is_told(files, bad):
    files.write("web", f'name = "web"\nuuid = "{bad}"\nmemory = 64\n')
    row = files.rows()["web"]
    assert f"{files.path}/web:2:" in row.absent[Field.UUID]
    assert row.uuid != bad


def test_duplicates_are_told_and_never_chosen_from(files):
    uuid = "6b6e5a3a-7d0c-4d4e-9f5a-0a8f4f5b8f11"
    files.write("a", f'name = "web"\nuuid = "{uuid}"\nmemory = 64\n')
    files.write("b", f'name = "web"\nuuid = "{uuid.upper()}"\nmemory = 128\n')
    inventory = files.port(Role.INVENTORY)
    for criterion in ({"name": "web"}, {"uuid": uuid}):
        rows = inventory.find_defined([Field.MEMORY], deadline=files.soon(), **criterion)
        assert [row.values[Field.MEMORY] for row in rows] == [64 * 1024, 128 * 1024]
    with pytest.raises(AmbiguousGuest) as caught:
        files.read("web")
    assert caught.value.candidates == ("a", "b")
    with pytest.raises(AmbiguousGuest):
        files.undefine("web")
    assert sorted(p.name for p in files.path.iterdir()) == ["a", "b"]


def test_a_folder_that_is_not_there_and_comes_back(files):
    files.write("good")
    assert set(files.rows()) == GOOD
    away = files.path.with_name("away")
    files.path.rename(away)
    with pytest.raises(Unavailable):
        files.rows()
    assert "No such file" in files.channel.probe(deadline=files.soon()).reason
    away.rename(files.path)
    assert set(files.rows()) == GOOD


def test_odd_file_names(files):
    for name in (b"\xff\xfe", b"new\nline", b"-rf", b"a b", b"\xc3\xa4", b"x" * 255):
        file = files.path / os.fsdecode(name)
        file.write_bytes(b'name = "' + name.hex()[:20].encode() + b'"\nmemory = 64\n')
    rows = files.rows()
    assert len(rows) == 6
    for row in rows.values():
        files.read(uuid=row.uuid)


def test_the_deadline_is_kept_between_files(files):
    for number in range(200):
        files.write(f"g{number}")
    with pytest.raises(DeadlineExceeded):
        files.port(Role.INVENTORY).list_defined([Field.NAME], deadline=time.monotonic() + 1e-4)
    assert len(files.rows()) == 200


@pytest.fixture
def reads(monkeypatch):
    """Note each file that is read."""
    noted = []
    real = folder_module.read_file

    def noting(file, *args):
        noted.append(file)
        return real(file, *args)

    monkeypatch.setattr(folder_module, "read_file", noting)
    return noted


def test_a_second_look_reads_nothing(files, reads):
    for number in range(20):
        files.write(f"g{number}")
    files.rows()
    time.sleep(2.1)  # a file that was touched just now could change again unseen
    files.rows()
    del reads[:]
    files.rows()
    assert reads == []
    files.write("g7", 'name = "seven"\nmemory = 1\n')
    assert "seven" in files.rows()
    assert reads == ["g7"]


def test_a_change_that_keeps_size_and_time_is_seen(files):
    path = files.write("web", 'name = "web"\nmemory = 64\n')
    times = path.stat()
    assert files.rows()["web"].values[Field.MEMORY] == 64 * 1024
    files.write("web", 'name = "web"\nmemory = 32\n')
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert files.rows()["web"].values[Field.MEMORY] == 32 * 1024


def test_every_error_names_channel_and_operation(files):
    with pytest.raises(NotFound) as caught:
        files.read("nobody")
    assert (caught.value.channel, caught.value.operation) == ("xm", "read-defined")
    assert caught.value.guest == "nobody"


@pytest.mark.parametrize(
    "settings",
    [
        {"fodler": "/etc/xen"},
        {"folder": "relative"},
        {"folder": "/a\0b"},
        {"toolstack": "kvm"},
        {"xend-config-version": "5"},
        {"xen-version": "new"},
        {"notify": "never"},
    ],
)
def test_settings_that_make_no_sense(files, settings):
    with pytest.raises(XenparleyError):
        files.open(**settings)
