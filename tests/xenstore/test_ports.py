"""What the ports make of a store: more than the contract kit asks."""

from __future__ import annotations

import threading
import time

import pytest

from support.xenstore_guests import Guests
from xenparley.domain.errors import (
    AccessRefused,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import DOM0_HANDLE, GuestRef
from xenparley.negotiation.capability import Capability, Role
from xenparley.negotiation.offer import Available
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley.ports.console import ConsoleInfo, DisplayInfo
from xenparley.ports.devices import DeviceInfo
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.statistics import BlockStats, InterfaceStats
from xenparley_sim.xenstore_server import XenStoreServer
from xenparley_testing.subject import DEFAULT_CDROM, DEFAULT_TEMPLATE
from xenparley_xenstore.channel import make

UUID = "c0ffee00-1111-4222-8333-444455556666"


def context(server, sysfs):
    return ChannelContext(
        adapter="xenstore",
        uri=parse_uri("xen:///"),
        local=True,
        settings={"path": str(server.path), "sysfs": str(sysfs)},
    )


@pytest.fixture
def server(tmp_path):
    with XenStoreServer(tmp_path / "socket") as running:
        yield running


@pytest.fixture
def guests(server, tmp_path):
    return Guests(server.store, tmp_path / "sys")


@pytest.fixture
def channel(server, guests):
    made = make(context(server, guests.sysfs))
    yield made
    made.close()


@pytest.fixture
def guest(guests):
    return guests.make(named(DEFAULT_TEMPLATE, "web", UUID))


def named(config, name, uuid):
    from attrs import evolve

    return evolve(config, name=name, uuid=uuid)


def test_probe_tells_the_daemon_and_its_place(channel, server, soon):
    found = channel.probe(deadline=soon())
    assert isinstance(found, Available)
    assert (found.version, found.facts["path"]) == ("xenstored", str(server.path))
    assert not found.withheld


def test_without_sysfs_statistics_are_withheld(server, tmp_path, soon):
    channel = make(context(server, tmp_path / "nothing"))
    found = channel.probe(deadline=soon())
    assert {w.capability for w in found.withheld} == {
        Capability.BLOCK_STATS,
        Capability.INTERFACE_STATS,
    }
    channel.close()


def test_unknown_settings_and_roles_are_refused(channel):
    bad = ChannelContext(
        adapter="xenstore", uri=parse_uri("xen:///"), local=True, settings={"port": "1"}
    )
    with pytest.raises(InvalidInput, match="port"):
        make(bad)
    with pytest.raises(Unsupported):
        channel.port(Role.SCHEDULER)


def test_ghosts_are_no_guests(channel, guests, guest, server, soon):
    """Folders that nobody serves: written by mistake, or left by a destroy behind the daemon."""
    server.store.write("/local/domain/999/control/shutdown", b"poweroff")
    server.store.write("/local/domain/not-a-number", b"")
    port = channel.port(Role.INVENTORY)
    rows = port.list_live([Field.UUID, Field.NAME], deadline=soon())
    assert [(row.domid, row.uuid) for row in rows] == [(0, DOM0_HANDLE), (guest.domid, UUID)]
    assert port.find_live([Field.NAME], domid=999, deadline=soon()) == []
    with pytest.raises(NotFound):
        channel.port(Role.LIFECYCLE).shutdown(GuestRef(domid=999), deadline=soon())


def test_uuid_with_a_suffix(channel, guests, soon):
    first = guests.make(named(DEFAULT_TEMPLATE, "one", UUID))
    second = guests.make(named(DEFAULT_TEMPLATE, "two", UUID), uuid_suffix="-1")
    rows = channel.port(Role.INVENTORY).find_live([Field.NAME], uuid=UUID, deadline=soon())
    assert [(row.domid, row.uuid) for row in rows] == [(first.domid, UUID), (second.domid, UUID)]
    assert [row.values for row in rows] == [{Field.NAME: "one"}, {Field.NAME: "two"}]


def test_a_guest_without_name_or_vm_says_so(channel, server, soon):
    server.store.introduce(77)
    (row,) = channel.port(Role.INVENTORY).list_live(
        [Field.NAME, Field.UUID], domids=[77, -3, 1 << 40], deadline=soon()
    )
    assert (row.values, set(row.absent)) == ({}, {Field.NAME, Field.UUID})


def test_domains_that_are_known_to_live_are_not_asked_about(channel, guests, server, soon):
    """The hypervisor has told that they live: one question for each name, not two."""
    ref = guests.make(named(DEFAULT_TEMPLATE, "one", UUID))
    server.store.write("/local/domain/4711/name", b"ghost")
    inventory = channel.port(Role.INVENTORY)
    ids = [ref.domid, 4711, 4712]

    def asked(fields):
        rows = inventory.list_live(fields, domids=ids, deadline=soon())
        return [(row.domid, row.values.get(Field.NAME)) for row in rows]

    assert asked([Field.NAME]) == [(ref.domid, "one"), (4711, "ghost")]
    # Who asks which of them live is told.
    assert asked([Field.DOMID, Field.NAME]) == [(ref.domid, "one")]
    assert asked([]) == [(ref.domid, None)]


def test_names_of_any_bytes(channel, guests, server, soon):
    ref = guests.make(named(DEFAULT_TEMPLATE, "x", UUID))
    server.store.write(f"/local/domain/{ref.domid}/name", b"a\nb\xff\x00")
    (row,) = channel.port(Role.INVENTORY).list_live(
        [Field.NAME], domids=[ref.domid], deadline=soon()
    )
    assert row.values[Field.NAME] == "a\nb\\xff\x00"


def test_a_listing_of_many_takes_few_round_trips(channel, guests, server, soon):
    for number in range(150):
        guests.make(named(DEFAULT_TEMPLATE, f"g{number}", f"{number:08d}{UUID[8:]}"))
    rows = channel.port(Role.INVENTORY).list_live([Field.NAME, Field.UUID], deadline=soon())
    assert len(rows) == 151
    assert rows[5].values[Field.NAME] == "g4"


# control/shutdown


def control(server, guest, key="shutdown"):
    return server.store.read(f"/local/domain/{guest.domid}/control/{key}")


def test_an_obedient_guest_takes_the_request(channel, guests, guest, server, soon):
    receipt = channel.port(Role.LIFECYCLE).shutdown(guest, deadline=soon())
    assert receipt.how == "pv"
    assert (f"/local/domain/{guest.domid}/control/shutdown", b"poweroff") in guests.commands
    assert control(server, guest) == b""
    channel.port(Role.LIFECYCLE).reboot(guest, deadline=soon())
    assert (f"/local/domain/{guest.domid}/control/shutdown", b"reboot") in guests.commands


def test_a_request_that_is_not_taken_is_withdrawn(channel, guests, guest, server):
    guests.obedient = False
    with pytest.raises(DeadlineExceeded, match="withdrawn") as caught:
        channel.port(Role.LIFECYCLE).shutdown(guest, deadline=time.monotonic() + 0.5)
    assert caught.value.guest
    assert control(server, guest) == b""


def test_a_guest_that_says_it_does_not_react_is_not_asked(channel, guests, guest, server, soon):
    server.store.write(f"/local/domain/{guest.domid}/control/feature-poweroff", b"0")
    with pytest.raises(Unsupported):
        channel.port(Role.LIFECYCLE).shutdown(guest, deadline=soon())
    assert guests.commands == []


def test_another_request_under_way_is_not_overwritten(channel, guests, guest, server, soon):
    guests.obedient = False
    server.store.write(f"/local/domain/{guest.domid}/control/shutdown", b"suspend")
    with pytest.raises(Conflict, match="suspend"):
        channel.port(Role.LIFECYCLE).reboot(guest, deadline=soon())
    assert control(server, guest) == b"suspend"


def test_a_guest_that_goes_meanwhile_makes_no_ghost(channel, guests, guest, server, soon):
    guests.obedient = False
    timer = threading.Timer(0.1, guests.remove, [guest])
    timer.start()
    receipt = channel.port(Role.LIFECYCLE).shutdown(guest, deadline=soon())
    timer.join()
    assert receipt.how == "pv"
    assert not server.store.exists(f"/local/domain/{guest.domid}")


def test_domain_0_and_stale_references_are_refused(channel, guest, soon):
    port = channel.port(Role.LIFECYCLE)
    with pytest.raises(Unsupported):
        port.shutdown(GuestRef(domid=0, uuid=DOM0_HANDLE), deadline=soon())
    with pytest.raises(NotFound, match="belongs to"):
        port.reboot(GuestRef(domid=guest.domid, uuid="0" + UUID[1:]), deadline=soon())


# Memory and CPUs


def test_memory_target_and_its_limits(channel, guests, guest, server, soon):
    port = channel.port(Role.MEMORY)
    assert port.memory(guest, deadline=soon()) == MemoryInfo(target_kib=131072, maximum_kib=262144)
    port.set_target(guest, 100_000, deadline=soon())
    assert server.store.read(f"/local/domain/{guest.domid}/memory/target") == b"100000"
    with pytest.raises(InvalidInput, match="above its maximum"):
        port.set_target(guest, 262_145, deadline=soon())
    # libxl keeps the hypervisor's limit at the target: the balloon would get stuck.
    with pytest.raises(Unsupported, match="limit raised first"):
        port.set_target(guest, 131_072, deadline=soon())
    assert server.store.read(f"/local/domain/{guest.domid}/memory/target") == b"100000"


def test_memory_as_xend_keeps_it(channel, guest, server, soon):
    server.store.remove(f"/local/domain/{guest.domid}/memory/static-max")
    server.store.write(f"/vm/{UUID}/maxmem", b"200")
    port = channel.port(Role.MEMORY)
    assert port.memory(guest, deadline=soon()).maximum_kib == 200 * 1024
    port.set_target(guest, 150 * 1024, deadline=soon())
    assert port.memory(guest, deadline=soon()).target_kib == 150 * 1024
    with pytest.raises(InvalidInput):
        port.set_target(guest, 201 * 1024, deadline=soon())


def test_nonsense_in_the_store_is_not_believed(channel, guest, server, soon):
    server.store.write(f"/local/domain/{guest.domid}/memory/target", b"9" * 400)
    server.store.write(f"/local/domain/{guest.domid}/memory/static-max", b"-1")
    server.store.write(f"/local/domain/{guest.domid}/console/tty", b"/etc/passwd")
    server.store.write(f"/local/domain/{guest.domid}/console/vnc-port", b"99999")
    server.store.write(f"/local/domain/{guest.domid}/cpu/x/availability", b"online")
    assert channel.port(Role.MEMORY).memory(guest, deadline=soon()) == MemoryInfo()
    console = channel.port(Role.CONSOLE)
    assert console.consoles(guest, deadline=soon()) == [ConsoleInfo(kind="pv")]
    assert console.displays(guest, deadline=soon()) == []
    assert len(channel.port(Role.VCPUS).vcpus(guest, deadline=soon())) == 2


def test_vcpus(channel, guests, guest, server, soon):
    port = channel.port(Role.VCPUS)
    port.set_vcpus(guest, 1, deadline=soon())
    assert [(v.number, v.online) for v in port.vcpus(guest, deadline=soon())] == [
        (0, True),
        (1, False),
    ]
    hvm = guests.make(named(DEFAULT_CDROM, "hvm", "1" + UUID[1:]))
    with pytest.raises(Unsupported, match="HVM"):
        port.set_vcpus(hvm, 1, deadline=soon())


# Devices, consoles, statistics


def test_devices_with_both_ends(channel, guest, server, soon):
    server.store.write(f"/local/domain/0/backend/vif/{guest.domid}/0/state", b"2")
    found = channel.port(Role.DEVICES).devices(guest, deadline=soon())
    assert found == [
        DeviceInfo(kind="vbd", devid=51712, frontend_state=4, backend_state=4, name="xvda"),
        DeviceInfo(
            kind="vif", devid=0, frontend_state=4, backend_state=2, name="00:16:3e:00:00:01"
        ),
    ]


def test_a_guest_cannot_point_at_anothers_back_end(channel, guests, guest, server, soon):
    """A front end's folder is the guest's: a back end that is not its own is not followed."""
    other = guests.make(named(DEFAULT_TEMPLATE, "other", "2" + UUID[1:]))
    home = f"/local/domain/{guest.domid}"
    for number, lie in enumerate(
        [
            f"/local/domain/0/backend/vbd/{other.domid}/51712",
            "/local/domain/0/backend/vbd/../../..",
            "/etc",
            f"{home}/data",
        ]
    ):
        server.store.write(f"{home}/device/vbd/{600 + number}/backend", lie.encode())
    found = channel.port(Role.DEVICES).devices(guest, deadline=soon())
    lied = [device for device in found if 600 <= device.devid < 700]
    assert len(lied) == 4
    assert all(d.name is None and d.backend_state is None for d in lied)


def test_consoles_and_displays_of_an_hvm_guest(channel, guests, soon):
    hvm = guests.make(named(DEFAULT_CDROM, "hvm", UUID))
    port = channel.port(Role.CONSOLE)
    assert port.consoles(hvm, deadline=soon()) == [
        ConsoleInfo(kind="serial", number=0, tty=f"/dev/pts/{1000 + hvm.domid}"),
        ConsoleInfo(kind="pv", number=0, tty=f"/dev/pts/{hvm.domid}"),
    ]
    assert port.displays(hvm, deadline=soon()) == [
        DisplayInfo(type="vnc", host="127.0.0.1", port=5900 + hvm.domid)
    ]


def test_statistics_as_the_guest_sees_them(channel, guest, soon):
    port = channel.port(Role.STATISTICS)
    assert port.block_stats(guest, deadline=soon()) == [
        BlockStats(
            target="xvda", read_requests=7, read_bytes=8192, write_requests=3, write_bytes=4096
        )
    ]
    assert port.interface_stats(guest, deadline=soon()) == [
        InterfaceStats(
            target=f"vif{guest.domid}.0",
            rx_bytes=200,
            rx_packets=201,
            rx_errors=202,
            rx_drops=203,
            tx_bytes=100,
            tx_packets=101,
            tx_errors=102,
            tx_drops=103,
        )
    ]


def test_a_disk_that_the_kernel_does_not_serve_has_no_numbers(channel, guests, guest, soon):
    import shutil

    shutil.rmtree(guests.sysfs / "bus")
    assert channel.port(Role.STATISTICS).block_stats(guest, deadline=soon()) == [
        BlockStats(target="xvda")
    ]


def test_an_unprivileged_connection_is_refused(tmp_path, guests, soon):
    with XenStoreServer(tmp_path / "guest", guests.store, domain_id=5) as server:
        channel = make(context(server, guests.sysfs))
        with pytest.raises(AccessRefused) as caught:
            channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
        assert (caught.value.channel, caught.value.operation) == ("xenstore", "list-live")
        channel.close()
