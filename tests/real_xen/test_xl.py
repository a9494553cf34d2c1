"""xl 4.17 itself: guests made, steered and moved through it, compared with xl's own table."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import xenparley
from real_xen.guests import Guest, Guests, now, until
from real_xen.looks import command, xenstore_list, xenstore_read, xl_list
from xenparley import Capability
from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_xl.channel import XlChannel, make

pytestmark = [pytest.mark.real_xen, pytest.mark.timeout(900)]

FIELDS = frozenset(
    {
        Field.DOMID,
        Field.UUID,
        Field.NAME,
        Field.STATE,
        Field.REASON,
        Field.MEMORY,
        Field.VCPUS,
        Field.CPU_TIME,
    }
)
KERNELS = Path("/lab/guest")


def soon(seconds: float = 120) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def channel() -> Iterator[XlChannel]:
    made = make(ChannelContext(adapter="xl", uri=parse_uri("xen:///"), local=True))
    yield made
    made.close()


@pytest.fixture
def bridge() -> Iterator[str]:
    """A bridge for interfaces, and what serves them and disks."""
    for module in ("bridge", "xen-netback", "xen-blkback", "loop"):
        command("modprobe", module)
    command("ip", "link", "add", "xenbr0", "type", "bridge")
    command("ip", "link", "set", "xenbr0", "up")
    yield "xenbr0"
    command("ip", "link", "delete", "xenbr0")


@pytest.fixture
def loops(bridge: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two block devices."""
    made = []
    for name in ("first", "second"):
        image = tmp_path / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(8 << 20)
        found = subprocess.run(
            ["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False
        )
        if found.returncode != 0:
            pytest.skip(f"this dom0 has no loop devices: {found.stderr}")
        made.append(found.stdout.strip())
    yield made[0], made[1]
    for device in made:
        subprocess.run(["losetup", "-d", device], check=False)


def ref(guest: Guest) -> GuestRef:
    return GuestRef(domid=guest.domid, uuid=guest.uuid, name=guest.name)


def tiny_config(name: str, words: str = "idle", **more: object) -> GuestConfig:
    return GuestConfig(
        name=name,
        uuid=str(uuid.uuid4()),
        memory_kib=4096,
        boot=Boot(kernel=str(KERNELS / "tiny.elf"), cmdline=words),
        **more,  # type: ignore[arg-type]
    )


def state(domid: int | None) -> str:
    row = xl_list().get(domid if domid is not None else -1)
    return "gone" if row is None else row.state


def gone(made: GuestRef) -> None:
    until("the guest is gone", lambda: made.domid not in xl_list())


def test_the_probe_starts_no_xl_and_knows_the_release(channel: XlChannel) -> None:
    result = channel.probe(deadline=soon())
    assert isinstance(result, Available)
    assert result.version == "4.17"
    assert result.withheld == ()
    assert result.facts["path"].endswith("/xl")


def test_rows_are_those_of_the_table(channel: XlChannel, tiny: Guest, paused_tiny: Guest) -> None:
    inventory = channel.port(Role.INVENTORY)
    rows = {row.domid: row for row in inventory.list_live(FIELDS, deadline=soon())}
    table = xl_list()
    assert set(rows) == set(table)
    for domid, row in rows.items():
        assert row.uuid == table[domid].uuid
        assert row.values[Field.NAME] == table[domid].name
        assert row.values[Field.MEMORY] == table[domid].memory * 1024
        assert row.values[Field.VCPUS] == table[domid].vcpus
    assert rows[paused_tiny.domid].values[Field.STATE] & RunFlags.PAUSED
    assert not rows[tiny.domid].values[Field.STATE] & RunFlags.PAUSED
    (found,) = inventory.find_live(FIELDS, name=tiny.name, deadline=soon())
    assert found.domid == tiny.domid
    assert inventory.find_live(FIELDS, domid=30000, deadline=soon()) == []


def test_odd_names_are_told_apart(channel: XlChannel, guests: Guests) -> None:
    made = [guests.tiny(paused=True, name=name) for name in ("two words", "-dash", "semi;x")]
    digits = guests.tiny(paused=True, name=str(made[0].domid))
    rows = channel.port(Role.INVENTORY).list_live(FIELDS, deadline=soon())
    names = {row.domid: row.values[Field.NAME] for row in rows}
    for guest in (*made, digits):
        assert names[guest.domid] == guest.name
    # xl would take this name for the first guest's id.
    channel.port(Role.LIFECYCLE).destroy(ref(digits), deadline=soon())
    assert made[0].domid in xl_list()
    until("destroyed", lambda: digits.domid not in xl_list())


def test_a_paravirtualised_guests_life(channel: XlChannel) -> None:
    life = channel.port(Role.LIFECYCLE)
    config = tiny_config("life of tiny")
    life.dry_run(config, deadline=soon())
    assert config.uuid not in {row.uuid for row in xl_list().values()}
    receipt = life.create(config, paused=True, deadline=soon())
    made = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
    try:
        assert xl_list()[receipt.domid].uuid == config.uuid
        assert "p" in state(made.domid)
        assert not list(Path("/tmp").glob("xenparley-*.cfg"))
        for other in (tiny_config("life of tiny"), config):
            with pytest.raises(AlreadyExists):
                life.create(other, paused=False, deadline=soon())
        life.unpause(made, deadline=soon())
        life.unpause(made, deadline=soon())
        assert "p" not in state(made.domid)
        life.pause(made, deadline=soon())
        life.pause(made, deadline=soon())
        assert "p" in state(made.domid)
        life.unpause(made, deadline=soon())
        assert "p" not in state(made.domid)
        life.rename(made, "-rf new name", deadline=soon())
        assert xl_list()[made.domid].name == "-rf new name"
        held = channel.port(Role.DEFINITIONS).read_live(made, deadline=soon())
        assert (held.name, held.uuid, held.memory_kib) == ("-rf new name", config.uuid, 4096)
        assert held.boot.kernel == config.boot.kernel
        with pytest.raises(NotFound):
            life.pause(GuestRef(domid=made.domid, uuid=str(uuid.uuid4())), deadline=soon())
        receipt = life.reboot(made, deadline=soon())
        assert receipt.how == "pv"
        until(
            "the guest is back under a new id",
            lambda: any(
                r.uuid == config.uuid and r.domid != made.domid for r in xl_list().values()
            ),
        )
        (row,) = (r for r in xl_list().values() if r.uuid == config.uuid)
        made = GuestRef(domid=row.domid, uuid=config.uuid)
        until("it runs", lambda: state(made.domid)[:2] != "--")
        assert life.shutdown(made, deadline=soon()).how == "pv"
        gone(made)
        with pytest.raises(NotFound):
            life.destroy(made, deadline=soon())
    finally:
        for row in xl_list().values():
            if row.uuid == config.uuid:
                command("xl", "destroy", str(row.domid), check=False)


def test_a_crashed_guest_is_shown_and_destroyed(channel: XlChannel) -> None:
    life = channel.port(Role.LIFECYCLE)
    config = tiny_config("crashes", "crash", on_crash="preserve")
    receipt = life.create(config, paused=False, deadline=soon())
    made = GuestRef(domid=receipt.domid, uuid=config.uuid)
    until("crashed", lambda: state(made.domid)[3:5] == "sc")
    (row,) = channel.port(Role.INVENTORY).find_live(FIELDS, domid=made.domid, deadline=soon())
    assert row.values[Field.STATE] & RunFlags.SHUTDOWN
    assert row.values[Field.REASON] == 3
    with pytest.raises(InvalidState, match="destroy"):
        life.shutdown(made, deadline=soon())
    life.destroy(made, deadline=soon())
    gone(made)


def test_what_cannot_be_made_leaves_nothing(channel: XlChannel) -> None:
    life = channel.port(Role.LIFECYCLE)
    before = set(xl_list())
    for config, words in (
        (tiny_config("too big"), "not enough free memory"),
        (tiny_config("no disk"), "none"),
    ):
        if config.name == "too big":
            config = GuestConfig(
                name="too big", memory_kib=1 << 30, boot=Boot(kernel=str(KERNELS / "tiny.elf"))
            )
        else:
            disk = Disk(target="xvda", source=DiskSource(type="block", path="/dev/none"))
            config = tiny_config("no disk", disks=(disk,))
        with pytest.raises(OperationFailed, match=words):
            life.create(config, paused=False, deadline=soon())
    assert set(xl_list()) == before


@pytest.mark.heavy
def test_sizes_cpus_and_scheduling(channel: XlChannel, guests: Guests) -> None:
    guest = guests.linux("pvh", maxmem=192)
    memory, vcpus = channel.port(Role.MEMORY), channel.port(Role.VCPUS)
    scheduler = channel.port(Role.SCHEDULER)
    here = ref(guest)
    info = memory.memory(here, deadline=soon())
    assert abs(info.current_kib - 128 * 1024) <= 2048
    memory.set_target(here, 100 * 1024, deadline=soon())
    assert xenstore_read(f"/local/domain/{guest.domid}/memory/target") == str(100 * 1024)
    until("the balloon moved", lambda: xl_list()[guest.domid].memory in (100, 101))
    assert memory.memory(here, deadline=soon()).target_kib == 100 * 1024
    memory.set_maximum(here, 224 * 1024, deadline=soon())
    assert xenstore_read(f"/local/domain/{guest.domid}/memory/static-max") == str(224 * 1024)
    for bad in (0, 1024 * 1024):
        with pytest.raises(InvalidInput):
            memory.set_target(here, bad, deadline=soon())
    with pytest.raises(InvalidInput):
        memory.set_maximum(here, 1024, deadline=soon())
    told = vcpus.vcpus(here, deadline=soon())
    assert [v.number for v in told] == [0, 1]
    assert all(v.affinity == frozenset({0, 1}) for v in told)
    vcpus.set_vcpus(here, 1, deadline=soon())
    until("one CPU is online", lambda: xl_list()[guest.domid].vcpus == 1)
    assert [v.online for v in vcpus.vcpus(here, deadline=soon())] == [True, False]
    vcpus.set_vcpus(here, 2, deadline=soon())
    vcpus.pin_vcpu(here, 0, [1], deadline=soon())
    assert vcpus.vcpus(here, deadline=soon())[0].affinity == frozenset({1})
    with pytest.raises(InvalidInput):
        vcpus.pin_vcpu(here, 0, [77], deadline=soon())
    assert scheduler.scheduler_name(deadline=soon()) == "credit2"
    scheduler.set_parameters(here, {"weight": 512}, deadline=soon())
    assert scheduler.parameters(here, deadline=soon()) == {"weight": 512, "cap": 0}
    with pytest.raises(InvalidInput):
        scheduler.set_parameters(here, {"weight": 0}, deadline=soon())
    shown = command("xl", "sched-credit2", "-d", str(guest.domid))
    assert re.search(r"\b512\b", shown)


@contextlib.contextmanager
def frontends(domid: int, *devices: str) -> Iterator[None]:
    """Do for a guest without drivers what they would: close a device when its back end closes.

    :param devices: as ``vbd/51728``.
    """
    stop = threading.Event()

    def close() -> None:
        while not stop.wait(0.3):
            for device in devices:
                kind, number = device.split("/")
                if xenstore_read(f"/local/domain/0/backend/{kind}/{domid}/{number}/state") == "5":
                    path = f"/local/domain/{domid}/device/{kind}/{number}/state"
                    command("xenstore-write", "-s", path, "6", check=False)

    thread = threading.Thread(target=close)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_devices_of_a_guest_without_drivers(
    channel: XlChannel, tiny: Guest, bridge: str, loops: tuple[str, str]
) -> None:
    devices, here = channel.port(Role.DEVICES), ref(tiny)
    disk = Disk(target="xvdb", source=DiskSource(type="block", path=loops[1]), driver="phy")
    nic = Interface(source=bridge, mac="00:16:3e:00:10:02")
    with pytest.raises(NotFound):
        devices.detach(here, disk, deadline=soon())
    devices.attach(here, disk, deadline=soon())
    devices.attach(here, nic, deadline=soon())
    assert xenstore_list(f"/local/domain/0/backend/vbd/{tiny.domid}") == ["51728"]
    assert xenstore_list(f"/local/domain/0/backend/vif/{tiny.domid}") == ["0"]
    assert {d.name for d in devices.devices(here, deadline=soon())} == {"xvdb", nic.mac}
    for taken in (disk, nic):
        with pytest.raises(AlreadyExists):
            devices.attach(here, taken, deadline=soon())
    held = channel.port(Role.DEFINITIONS).read_live(here, deadline=soon())
    assert [(d.target, d.source.path) for d in held.disks] == [("xvdb", loops[1])]
    assert [(i.mac, i.source) for i in held.interfaces] == [(nic.mac, bridge)]
    with frontends(tiny.domid, "vbd/51728", "vif/0"):
        devices.detach(here, disk, deadline=soon())
        devices.detach(here, nic, deadline=soon())
    assert devices.devices(here, deadline=soon()) == []
    assert xenstore_list(f"/local/domain/0/backend/vbd/{tiny.domid}") == []


@pytest.mark.heavy
def test_devices_come_and_go(channel: XlChannel, bridge: str, loops: tuple[str, str]) -> None:
    life, devices = channel.port(Role.LIFECYCLE), channel.port(Role.DEVICES)
    config = GuestConfig(
        name="with devices",
        uuid=str(uuid.uuid4()),
        memory_kib=128 * 1024,
        vcpus=Vcpus(maximum=1),
        boot=Boot(
            virt="pvh",
            kernel=str(KERNELS / "vmlinux"),
            initrd=str(KERNELS / "initrd.img"),
            cmdline="console=hvc0 quiet",
        ),
        disks=(Disk(target="xvda", source=DiskSource(type="block", path=loops[0]), driver="phy"),),
        interfaces=(Interface(source=bridge, mac="00:16:3e:00:10:01"),),
    )
    life.create(config, paused=False, deadline=soon(300))
    assert config.uuid is not None

    def current() -> GuestRef:
        # it may have died as it booted, and been made anew: see Guests.linux
        return GuestRef(domid=now(config.uuid or "").domid, uuid=config.uuid)

    try:

        def connected(name: str) -> bool:
            with contextlib.suppress(NotFound):
                found = devices.devices(current(), deadline=soon())
                return any(d.name == name and d.frontend_state == 4 for d in found)
            return False

        until("the disk is connected", lambda: connected("xvda"), 400)
        until("the interface is connected", lambda: connected("00:16:3e:00:10:01"), 400)
        here = current()
        disk = Disk(target="xvdb", source=DiskSource(type="block", path=loops[1]), driver="phy")
        devices.attach(here, disk, deadline=soon())
        until("the second disk is connected", lambda: connected("xvdb"), 400)
        with pytest.raises(AlreadyExists):
            devices.attach(here, disk, deadline=soon())
        nic = Interface(source=bridge, mac="00:16:3e:00:10:02")
        devices.attach(here, nic, deadline=soon())
        until("the second interface is connected", lambda: connected("00:16:3e:00:10:02"), 400)
        held = channel.port(Role.DEFINITIONS).read_live(here, deadline=soon())
        assert [d.target for d in held.disks] == ["xvda", "xvdb"]
        assert [i.mac for i in held.interfaces] == ["00:16:3e:00:10:01", "00:16:3e:00:10:02"]
        devices.detach(here, disk, deadline=soon())
        devices.detach(here, nic, deadline=soon())
        with pytest.raises(NotFound):
            devices.detach(here, disk, deadline=soon())
        left = {d.name for d in devices.devices(here, deadline=soon())}
        assert left == {"xvda", "00:16:3e:00:10:01"}
        assert xenstore_list(f"/local/domain/0/backend/vbd/{here.domid}") == ["51712"]
    finally:
        here = current()
        life.destroy(here, deadline=soon())
    gone(here)


@pytest.mark.heavy
def test_a_core_dump(channel: XlChannel, guests: Guests, tmp_path: Path) -> None:
    # The tiny guest can't be dumped: it tells the hypervisor nothing of its memory's map. One with
    # hardware's help has a map of 4 GiB, of which xl asks for each page: minutes here.
    guest = guests.linux("pv")
    core = tmp_path / "core"
    channel.port(Role.IMAGES).dump(ref(guest), str(core), live=False, deadline=soon(300))
    size = core.stat().st_size
    with core.open("rb") as held:
        assert held.read(4) == b"\x7fELF"
    core.unlink()  # it is in memory
    assert size > 64 << 20
    assert "p" not in state(guest.domid)


@pytest.mark.parametrize("kind", ["pv", pytest.param("pvh", marks=pytest.mark.heavy)])
def test_saved_restored_and_migrated(
    channel: XlChannel, guests: Guests, tmp_path: Path, kind: str
) -> None:
    images = channel.port(Role.IMAGES)
    guest = guests.linux(kind)
    path = str(tmp_path / "guest.save")
    images.save(ref(guest), path, deadline=soon(300))
    gone(ref(guest))
    with pytest.raises(NotFound):
        images.restore(path + ".none", paused=False, deadline=soon())
    receipt = images.restore(path, paused=True, deadline=soon(300))
    row = xl_list()[receipt.domid]
    assert (row.uuid, row.name) == (guest.uuid, guest.name)
    assert "p" in row.state
    back = GuestRef(domid=receipt.domid, uuid=guest.uuid, name=guest.name)
    with pytest.raises(AlreadyExists):
        images.restore(path, paused=True, deadline=soon())
    with pytest.raises(AlreadyExists):
        images.save(back, path, deadline=soon())
    channel.port(Role.LIFECYCLE).unpause(back, deadline=soon())
    assert "p" not in state(back.domid)
    if kind == "pv":
        return  # the emulated host has no log of dirty pages for these
    Path(path).unlink()  # it is in memory, as the guest that is made anew
    channel.port(Role.MIGRATION).migrate(
        back, "localhost", live=True, options={"ssh": ""}, deadline=soon(400)
    )
    gone(back)
    (moved,) = (r for r in xl_list().values() if r.uuid == guest.uuid)
    assert moved.name == guest.name
    assert moved.domid != back.domid


def test_a_change_at_its_deadline_runs_on(channel: XlChannel, guests: Guests) -> None:
    life = channel.port(Role.LIFECYCLE)
    config = tiny_config("in a hurry")
    end = time.monotonic() + 120
    patience = 0.6
    while True:
        try:
            receipt = life.create(config, paused=True, deadline=time.monotonic() + patience)
        except OutcomeUnknown as unknown:
            assert re.search(r"process \d+", str(unknown))
            break
        except xenparley.DeadlineExceeded:
            patience += 0.1  # not even the looks before it were done
        else:
            life.destroy(GuestRef(domid=receipt.domid, uuid=config.uuid), deadline=soon())
            patience -= 0.05
        assert time.monotonic() < end
    until("xl finished", lambda: any(r.uuid == config.uuid for r in xl_list().values()))
    until("its file is gone", lambda: not list(Path("/tmp").glob("xenparley-*.cfg")))
    (row,) = (r for r in xl_list().values() if r.uuid == config.uuid)
    until("it is whole", lambda: xl_list()[row.domid].name == config.name)
    life.destroy(GuestRef(domid=row.domid, uuid=config.uuid), deadline=soon())


def test_the_planner_reads_without_it_and_creates_with_it(tiny: Guest) -> None:
    with xenparley.connect("xen:///") as host:
        listing = host.explain(Capability.LIST_LIVE)
        assert "xl" not in {channel for channel, _ in listing.chosen}
        assert {channel for channel, _ in host.explain(Capability.CREATE).chosen} == {"xl"}
        assert tiny.uuid in {guest.uuid for guest in host.list()}


def test_facts_of_the_host(channel: XlChannel) -> None:
    port = channel.port(Role.HOST)
    info = port.host_info(deadline=soon())
    assert str(info.version) == command("cat", "/sys/hypervisor/version/major").strip() + "." + (
        command("cat", "/sys/hypervisor/version/minor").strip()
        + command("cat", "/sys/hypervisor/version/extra").strip()
    )
    assert info.scheduler == "credit2"
    (node,) = port.numa_nodes(deadline=soon())
    assert node.cpus == tuple(range(info.cpus))
    assert command("xl", "dmesg")[-2000:] in port.console_ring(deadline=soon())
    (pool,) = port.cpupools(deadline=soon())
    assert (pool.number, pool.name) == (0, "Pool-0")
    assert {guest.virt for guest in port.host_capabilities(deadline=soon()).guests} == {
        "pv",
        "hvm",
        "pvh",
    }
