"""Changing files: what stays, what is refused, and what happens when two do it at once."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import textwrap
from threading import Thread

import pytest
from attrs import evolve

from xenparley.domain.config import (
    Boot,
    Disk,
    DiskSource,
    Graphics,
    GuestConfig,
    HostPci,
    Interface,
    PciAddress,
    Vcpus,
)
from xenparley.domain.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    OperationFailed,
    ParseError,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_xm.reading import read_file
from xenparley_xm.writing import writing

WEB = """\
# The web server. Ask Ann before you touch it.
name   =  'web'      # short
uuid   = "6b6e5a3a-7d0c-4d4e-9f5a-0a8f4f5b8f11"
memory = 64
vcpus  = 2

extra_key = [ "nobody", "knows", "it" ]
kernel = "/boot/vmlinuz"   # of 2006
disk = [ 'phy:/dev/vg/web,xvda,w' ]
"""
UUID = "6b6e5a3a-7d0c-4d4e-9f5a-0a8f4f5b8f11"
BARE = GuestConfig(name="bare", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))


def test_only_what_changed_is_changed(files):
    path = files.write("web.cfg", WEB)
    files.define(evolve(files.read("web"), vcpus=Vcpus(maximum=3)))
    assert path.read_text() == WEB.replace("vcpus  = 2", "vcpus  = 3")


def test_what_is_said_already_touches_nothing(files):
    path = files.write("web.cfg", WEB)
    before = path.stat()
    files.define(files.read("web"))
    assert path.read_text() == WEB
    assert path.stat().st_ino == before.st_ino


def test_a_uuid_from_the_path_is_not_written(files):
    path = files.write("db")
    config = files.read("db")
    ref = files.define(evolve(config, memory_kib=96 * 1024, max_memory_kib=96 * 1024))
    assert ref.uuid == config.uuid
    assert "uuid" not in path.read_text()
    assert "memory = 96" in path.read_text()


def test_a_file_keeps_its_name_when_its_guest_gets_another(files):
    path = files.write("web.cfg", WEB)
    files.define(evolve(files.read("web"), name="www"))
    assert files.read("www").uuid == UUID
    assert path.read_text() == WEB.replace("'web' ", '"www" ')
    assert [p.name for p in files.path.iterdir()] == ["web.cfg"]


def test_mode_owner_and_attributes_stay(files):
    path = files.write("web.cfg", WEB)
    path.chmod(0o640)
    owner = (os.geteuid(), os.getegid()) if os.geteuid() else (1234, 4321)
    os.chown(path, *owner)
    try:
        os.setxattr(path, "user.note", b"kept")
        noted = True
    except OSError:
        noted = False  # a file system without attributes
    files.define(evolve(files.read("web"), memory_kib=128 * 1024, max_memory_kib=None))
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert (found.st_uid, found.st_gid) == owner
    if noted:
        assert os.getxattr(path, "user.note") == b"kept"


def test_a_password_is_for_the_owner_only(files):
    shown = Graphics(type="vnc", password="geheim")
    path = files.path / files.define(evolve(BARE, graphics=(shown,))).name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = files.write("web.cfg", WEB)
    other.chmod(0o644)
    files.define(evolve(files.read("web"), graphics=(shown,)))
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    plain = files.path / files.define(evolve(BARE, name="plain")).name
    assert stat.S_IMODE(plain.stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", ".", "a/b", "a\0b", ""])
def test_a_name_cannot_leave_the_folder(files, name):
    with pytest.raises(InvalidInput):
        files.define(evolve(BARE, name=name))
    assert list(files.path.iterdir()) == []


@pytest.mark.parametrize("name", [".hidden", "#x", "old~", "xmexample1", "auto", "taken"])
def test_a_name_that_no_file_may_have_is_held_all_the_same(files, name):
    (files.path / "auto").mkdir()
    files.write("taken", "# a note\n")
    ref = files.define(evolve(BARE, name=name))
    assert files.read(name).uuid == ref.uuid
    assert (files.path / f"{ref.uuid}.cfg").is_file()
    assert (files.path / "taken").read_text() == "# a note\n"


def test_a_file_that_cannot_be_read_is_not_replaced(files):
    text = 'import os\nname = "web"\n'
    path = files.write("web", text)
    with pytest.raises(AlreadyExists):
        files.define(evolve(BARE, name="web", uuid=UUID))
    with pytest.raises(ParseError):
        files.define(evolve(BARE, name="web"))
    assert path.read_text() == text


def test_a_link_is_not_written_through(files, tmp_path):
    target = tmp_path / "precious.cfg"
    target.write_text(WEB)
    link = files.path / "web"
    link.symlink_to(target)
    with pytest.raises(Unsupported):
        files.define(evolve(files.read("web"), memory_kib=32 * 1024))
    assert target.read_text() == WEB
    assert link.is_symlink()
    files.undefine("web")
    assert target.read_text() == WEB
    assert not link.is_symlink()


def test_a_file_that_somebody_else_changed_is_left_alone(files):
    path = files.write("web.cfg", WEB)
    files.rows()
    folder = files.port(Role.INVENTORY)._calls.folder
    with writing(folder, files.soon()) as writer:
        read = read_file("web.cfg", writer.opened, str(path))
        path.write_text(WEB.replace("64", "65"))  # an editor, which takes no lock
        with pytest.raises(Conflict):
            writer.replace("web.cfg", b"ours", read, secret=False)
        with pytest.raises(Conflict):
            writer.remove("web.cfg", read.key)
        with pytest.raises(Conflict):
            writer.create("web.cfg", b"ours", secret=False)
    assert path.read_text() == WEB.replace("64", "65")
    assert [p.name for p in files.path.iterdir()] == ["web.cfg"]


def test_a_lock_that_is_held_is_waited_for_until_the_deadline(files):
    fd = os.open(files.path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(DeadlineExceeded) as caught:
            files.port(Role.DEFINITIONS).define(BARE, deadline=files.soon(0.05))
        assert caught.value.retry_safe
        assert list(files.path.iterdir()) == []
        files.write("web.cfg", WEB)
        assert set(files.rows()) == {"web"}, "readers don't wait"
    finally:
        os.close(fd)


def test_what_a_killed_writer_left_is_cleared_away(files):
    files.write(".xenparley-99-abcdef.tmp", WEB)
    files.define(BARE)
    assert [p.name for p in files.path.iterdir()] == ["bare"]


def test_many_writers_lose_nothing(files):
    """Each of several processes changes its own key of one file, and adds guests of its own."""
    files.write("web.cfg", WEB)
    script = textwrap.dedent(
        """
        import sys, time
        from xenparley.domain.config import Boot, GuestConfig
        from xenparley.domain.identity import GuestRef
        from xenparley.negotiation.capability import Role
        from xenparley_xm.channel import XmChannel
        folder, who = sys.argv[1], int(sys.argv[2])
        channel = XmChannel({"folder": folder, "toolstack": "xm"})
        end = time.monotonic() + 60
        web = GuestRef(name="web")
        for turn in range(1, 16):
            if who == 0:
                channel.port(Role.MEMORY).set_maximum(web, (100 + turn) * 1024, deadline=end)
            elif who == 1:
                channel.port(Role.VCPUS).set_vcpus(web, 1 + turn % 2, deadline=end)
            else:
                channel.port(Role.DEFINITIONS).set_autostart(web, turn % 2 == 1, deadline=end)
            channel.port(Role.DEFINITIONS).define(GuestConfig(
                name=f"g{who}-{turn}", memory_kib=65536, boot=Boot(kernel="/boot/x")
            ), deadline=end)
        channel.close()
        """
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(files.path), str(who)])
        for who in range(3)
    ]
    assert [process.wait(100) for process in running] == [0, 0, 0]
    rows = files.rows()
    assert len(rows) == 1 + 3 * 15
    web = rows["web"].values
    assert web[Field.MAX_MEMORY] == 115 * 1024
    assert (web[Field.VCPUS], web[Field.MAX_VCPUS]) == (2, 2)
    assert web[Field.AUTOSTART] is True
    assert "# The web server. Ask Ann before you touch it." in (files.path / "web.cfg").read_text()


def test_threads_define_one_name_once(files):
    results = []

    def define():
        try:
            results.append(files.define(evolve(BARE, uuid=os.urandom(16).hex())))
        except AlreadyExists as exc:
            results.append(exc)

    threads = [Thread(target=define) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(isinstance(r, GuestRef) for r in results) == 1
    assert len(results) == 6
    assert set(files.rows()) == {"bare"}


def test_memory_and_vcpus_of_a_definition(files):
    path = files.write("web.cfg", WEB)
    web = GuestRef(name="web")
    memory, vcpus = files.port(Role.MEMORY), files.port(Role.VCPUS)
    memory.set_target(web, 32 * 1024, deadline=files.soon())
    told = memory.memory(web, deadline=files.soon())
    assert (told.target_kib, told.maximum_kib) == (32 * 1024, 64 * 1024), "the maximum stays"
    vcpus.set_vcpus(web, 1, deadline=files.soon())
    assert "vcpu_avail = 1\n" in path.read_text()
    assert [v.online for v in vcpus.vcpus(web, deadline=files.soon())] == [True, False]
    assert files.read("web").vcpus == evolve(Vcpus(maximum=2, current=1), placement="static")
    vcpus.set_vcpus(web, 2, deadline=files.soon())
    assert "vcpu_avail" not in path.read_text()
    memory.set_maximum(web, 100 * 1024 + 1, deadline=files.soon())
    assert files.rows()["web"].values[Field.MAX_MEMORY] == 101 * 1024, "MiB, rounded up"
    for bad in (0, -1, 101 * 1024 + 1, True, 1 << 60):
        with pytest.raises(InvalidInput):
            memory.set_target(web, bad, deadline=files.soon())


def test_a_living_guest_is_for_other_channels(files):
    files.write("web.cfg", WEB)
    living = GuestRef(domid=7, uuid=UUID, name="web")
    with pytest.raises(Unsupported):
        files.port(Role.MEMORY).set_target(living, 1024, deadline=files.soon())
    with pytest.raises(Unsupported):
        files.port(Role.VCPUS).vcpus(living, deadline=files.soon())
    assert (files.path / "web.cfg").read_text() == WEB


def started(files):
    auto = files.path / "auto"
    return {p.name for p in auto.iterdir()} if auto.is_dir() else set()


def test_autostart_is_a_link_to_the_file(files):
    files.write("web.cfg", WEB)
    files.autostart("web", True)
    files.autostart("web", True)
    link = files.path / "auto" / "web.cfg"
    assert str(link.readlink()) == str(files.path / "web.cfg")
    assert files.read("web").autostart is True
    files.define(evolve(files.read("web"), memory_kib=128 * 1024, max_memory_kib=None))
    assert files.rows()["web"].values[Field.AUTOSTART] is True, "the new file is started too"
    assert "on_xend_start" not in (files.path / "web.cfg").read_text()
    files.autostart("web", False)
    files.autostart("web", False)
    assert started(files) == set()
    assert files.rows()["web"].values[Field.AUTOSTART] is False


def test_autostart_by_links_of_other_names(files):
    files.write("web.cfg", WEB)
    (files.path / "auto").mkdir()
    (files.path / "auto" / "01-web").symlink_to("../web.cfg")
    (files.path / "auto" / "gone").symlink_to("../gone")
    assert files.rows()["web"].values[Field.AUTOSTART] is True
    files.autostart("web", True)
    assert started(files) == {"01-web", "gone"}
    files.autostart("web", False)
    assert started(files) == {"gone"}


def test_autostart_whose_link_is_taken(files):
    files.write("web.cfg", WEB)
    other = files.write("other")
    (files.path / "auto").mkdir()
    link = files.path / "auto" / "web.cfg"
    link.symlink_to(other)
    with pytest.raises(Conflict):
        files.autostart("web", True)
    assert str(link.readlink()) == str(other)
    link.unlink()
    link.symlink_to("/nowhere")
    files.autostart("web", True)
    assert files.rows()["web"].values[Field.AUTOSTART] is True


def test_undefine_takes_the_links_with_it(files):
    files.write("web.cfg", WEB)
    files.write("other")
    files.autostart("web", True)
    files.autostart("other", True)
    files.undefine("web")
    assert started(files) == {"other"}
    assert set(files.rows()) == {"other"}


def test_define_says_autostart_by_a_link(files):
    files.define(evolve(BARE, autostart=True))
    assert started(files) == {"bare"}
    files.define(evolve(files.read("bare"), autostart=False))
    assert started(files) == set()


def test_define_that_cannot_link_says_what_is_done(files):
    (files.path / "auto").write_text("no folder")
    with pytest.raises(OperationFailed, match="is written, but"):
        files.define(evolve(BARE, autostart=True))
    assert set(files.rows()) == {"bare"}


def test_a_file_in_auto_that_is_no_link_is_not_removed(files):
    path = files.write("web.cfg", WEB)
    (files.path / "auto").mkdir()
    os.link(path, files.path / "auto" / "hard")
    (files.path / "auto" / "soft").symlink_to(path)
    with pytest.raises(OperationFailed, match="hard"):
        files.autostart("web", False)
    assert started(files) == {"hard", "soft"}


def test_devices_of_a_definition(files):
    path = files.write("web.cfg", WEB)
    web, devices = GuestRef(name="web"), files.port(Role.DEVICES)
    spare = Disk(target="xvdb", source=DiskSource(type="block", path="/dev/vg/b"), driver="phy")
    devices.attach(web, spare, deadline=files.soon())
    assert "phy:/dev/vg/b,xvdb,w" in path.read_text()
    with pytest.raises(AlreadyExists):
        devices.attach(web, spare, deadline=files.soon())
    card = Interface(source="xenbr0", mac="00:16:3e:00:00:07")
    devices.attach(web, card, deadline=files.soon())
    devices.attach(web, HostPci(address=PciAddress(bus=3, slot=1)), deadline=files.soon())
    held = files.read("web")
    assert [i.mac for i in held.interfaces] == ["00:16:3e:00:00:07"]
    assert [p.address.bus for p in held.pci] == [3]
    for device in (spare, evolve(card, mac="00:16:3E:00:00:07"), held.pci[0]):
        devices.detach(web, device, deadline=files.soon())
        with pytest.raises(NotFound):
            devices.detach(web, device, deadline=files.soon())
    held = files.read("web")
    assert ([d.target for d in held.disks], held.interfaces, held.pci) == (["xvda"], (), ())
    assert "# The web server. Ask Ann before you touch it." in path.read_text()


def test_pins_of_a_definition(files):
    path = files.write("web.cfg", WEB + 'cpus = "0-3"\n')
    web, vcpus = GuestRef(name="web"), files.port(Role.VCPUS)
    vcpus.pin_vcpu(web, 1, [5, 4], deadline=files.soon())
    pins = {pin.vcpu: pin.cpuset for pin in files.read("web").vcpus.pins}
    assert pins == {0: "0-3", 1: "4,5"}
    assert "# of 2006" in path.read_text()
    for vcpu, cpus in ((2, [0]), (-1, [0]), (0, []), (0, [-1]), (0, [1 << 20]), (True, [0])):
        with pytest.raises(InvalidInput):
            vcpus.pin_vcpu(web, vcpu, cpus, deadline=files.soon())
