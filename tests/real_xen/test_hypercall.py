"""Hypercalls against a real hypervisor, checked against xl and Xen's own Python binding."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator

import pytest

from real_xen.guests import Guest, Guests, until
from real_xen.looks import command, hypervisor, xc_domains, xl_list
from xenparley.domain.errors import InvalidInput, NotFound, Unsupported
from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability, Role
from xenparley.negotiation.offer import Available
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_hypercall import host, reads
from xenparley_hypercall.channel import HypercallChannel, make
from xenparley_hypercall.device import NODES, open_device
from xenparley_hypercall.session import connect

pytestmark = pytest.mark.real_xen

EVERY = frozenset(Field) - {Field.NAME, Field.DEFINED, Field.AUTOSTART}


def soon() -> float:
    return time.monotonic() + 30


@pytest.fixture
def channel() -> Iterator[HypercallChannel]:
    made = make(
        ChannelContext(adapter="hypercall", uri=parse_uri("xen:///"), local=True, settings={})
    )
    yield made
    made.close()


def rows(channel: HypercallChannel) -> dict[int, GuestRow]:
    found = channel.port(Role.INVENTORY).list_live(EVERY, deadline=soon())
    return {row.domid: row for row in found}


def ref(guest: Guest) -> GuestRef:
    return GuestRef(domid=guest.domid, uuid=guest.uuid, name=guest.name)


def test_the_probe_knows_this_hypervisor(channel: HypercallChannel) -> None:
    result = channel.probe(deadline=soon())
    assert isinstance(result, Available)
    told = hypervisor()
    assert (
        result.version
        == told["version/major"] + "." + told["version/minor"] + (told["version/extra"])
    )
    assert result.facts["interface"] == "sysctl 0x15, domctl 0x15"
    assert result.withheld == ()
    assert result.facts["device"] == "/dev/xen/privcmd"


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("buffers", ["/dev/xen/hypercall", None])
def test_both_devices_and_both_kinds_of_memory_work(node: str, buffers: str | None) -> None:
    session = connect(soon(), open_device([node], buffers))
    found = session.run(session.reader.listing, deadline=soon(), operation="list")
    session.close()
    assert found[0].domain == 0
    assert found[0].handle == bytes(16)


def test_guests_are_what_xl_and_the_c_library_say(
    channel: HypercallChannel, tiny: Guest, paused_tiny: Guest, linux_pvh: Guest, paused_hvm: Guest
) -> None:
    ours, table, known = rows(channel), xl_list(), xc_domains()
    assert set(ours) == set(table) == set(known)
    for domid, row in ours.items():
        entry = known[domid]
        assert row.uuid == str(uuid.UUID(bytes=bytes(entry["handle"]))) == table[domid].uuid
        assert row.values[Field.MEMORY] == entry["mem_kb"]
        limit = row.values[Field.MAX_MEMORY]
        assert limit in (entry["maxmem_kb"], UNLIMITED_KIB)
        assert row.values[Field.VCPUS] == entry["online_vcpus"]
        assert row.values[Field.MAX_VCPUS] == entry["max_vcpu_id"] + 1
        state = row.values[Field.STATE]
        assert isinstance(state, RunFlags)
        assert bool(state & RunFlags.PAUSED) == bool(entry["paused"])
        assert bool(state & RunFlags.SHUTDOWN) == bool(entry["shutdown"])
        assert bool(state & RunFlags.DYING) == bool(entry["dying"])
    for guest in (tiny, paused_tiny, linux_pvh, paused_hvm):
        assert ours[guest.domid].values[Field.VIRT] == guest.kind
    assert ours[paused_tiny.domid].values[Field.STATE] & RunFlags.PAUSED
    before = ours[linux_pvh.domid].values[Field.CPU_TIME]
    after = channel.port(Role.STATISTICS).cpu_time_ns(ref(linux_pvh), deadline=soon())
    assert after >= before > 0


def test_find_by_id_and_handle(channel: HypercallChannel, tiny: Guest) -> None:
    inventory = channel.port(Role.INVENTORY)
    for criterion in ({"domid": tiny.domid}, {"uuid": tiny.uuid}):
        found = inventory.find_live(EVERY, deadline=soon(), **criterion)
        assert [row.domid for row in found] == [tiny.domid]
    absent = max(rows(channel)) + 1
    assert inventory.find_live(EVERY, domid=absent, deadline=soon()) == []


@pytest.mark.parametrize("kind", ["tiny", "linux_pvh"])
def test_pause_and_unpause(
    channel: HypercallChannel, kind: str, request: pytest.FixtureRequest
) -> None:
    guest = request.getfixturevalue(kind)
    port = channel.port(Role.LIFECYCLE)
    until("it ran", lambda: xc_domains()[guest.domid]["cpu_time"] > 0)
    for _ in range(2):
        # The second changes nothing: Xen counts pauses, and one unpause is enough below.
        port.pause(ref(guest), deadline=soon())
        assert xl_list()[guest.domid].state[2] == "p"
    for _ in range(2):
        port.unpause(ref(guest), deadline=soon())
        assert xl_list()[guest.domid].state[2] == "-"


def test_unpause_leaves_half_built_and_hvm_guests_to_their_toolstack(
    channel: HypercallChannel, paused_tiny: Guest, paused_hvm: Guest
) -> None:
    port = channel.port(Role.LIFECYCLE)
    with pytest.raises(Unsupported, match="construction"):
        port.unpause(ref(paused_tiny), deadline=soon())
    with pytest.raises(Unsupported, match="device model"):
        port.unpause(ref(paused_hvm), deadline=soon())
    for guest in (paused_tiny, paused_hvm):
        assert xl_list()[guest.domid].state[2] == "p"


def test_a_stale_reference_touches_nobody(channel: HypercallChannel, tiny: Guest) -> None:
    stale = GuestRef(domid=tiny.domid, uuid=str(uuid.uuid4()))
    for call in (channel.port(Role.LIFECYCLE).pause, channel.port(Role.LIFECYCLE).destroy):
        with pytest.raises(NotFound, match="another guest"):
            call(stale, deadline=soon())
    assert not xc_domains()[tiny.domid]["paused"]


def test_max_memory(channel: HypercallChannel, tiny: Guest) -> None:
    port = channel.port(Role.MEMORY)
    info = port.memory(ref(tiny), deadline=soon())
    assert info.current_kib == xc_domains()[tiny.domid]["mem_kb"]
    port.set_maximum(ref(tiny), 16384, deadline=soon())
    assert xc_domains()[tiny.domid]["maxmem_kb"] == 16384
    assert port.memory(ref(tiny), deadline=soon()).maximum_kib == 16384
    with pytest.raises(InvalidInput, match="holds"):
        port.set_maximum(ref(tiny), 1024, deadline=soon())
    assert xc_domains()[tiny.domid]["maxmem_kb"] == 16384


def vcpu_list(guest: Guest) -> dict[int, tuple[str, str]]:
    """xl's hard and soft affinity of each vCPU."""
    found = {}
    for line in command("xl", "vcpu-list", str(guest.domid)).splitlines()[1:]:
        match = re.search(r"\s(\d+)\s+\S+\s+\S+\s+[\d.]+\s+(\S+) / (\S+)\s*$", line)
        assert match, line
        found[int(match[1])] = (match[2], match[3])
    return found


def test_vcpus_and_pinning(channel: HypercallChannel, linux_pvh: Guest) -> None:
    port = channel.port(Role.VCPUS)
    first, second = port.vcpus(ref(linux_pvh), deadline=soon())
    assert (first.number, first.online, second.number) == (0, True, 1)
    assert first.cpu_time_ns > 0
    assert first.affinity == {0, 1}
    port.pin_vcpu(ref(linux_pvh), 1, [1], deadline=soon())
    assert vcpu_list(linux_pvh)[1][0] == "1"
    assert port.vcpus(ref(linux_pvh), deadline=soon())[1].affinity == {1}
    command("xl", "vcpu-pin", str(linux_pvh.domid), "1", "0", "1")
    pinned = port.vcpus(ref(linux_pvh), deadline=soon())[1]
    assert (pinned.affinity, pinned.soft_affinity) == ({0}, {1})
    port.pin_vcpu(ref(linux_pvh), 1, [0, 1], deadline=soon())
    assert vcpu_list(linux_pvh)[1][0] in ("all", "0-1")
    with pytest.raises(InvalidInput, match="CPUs 0 to"):
        port.pin_vcpu(ref(linux_pvh), 1, [77], deadline=soon())


def weight_of(guest: Guest) -> tuple[int, int]:
    text = command("xl", "sched-credit2", "-d", str(guest.domid))
    match = re.search(r"\s(\d+)\s+(\d+)\s+(\d+)\s*$", text.strip())
    assert match, text
    return int(match[2]), int(match[3])


def test_scheduler_parameters(channel: HypercallChannel, tiny: Guest) -> None:
    port = channel.port(Role.SCHEDULER)
    assert port.scheduler_name(deadline=soon()) == "credit2"
    before = port.parameters(ref(tiny), deadline=soon())
    assert (before["weight"], before["cap"]) == weight_of(tiny)
    port.set_parameters(ref(tiny), {"weight": 777}, deadline=soon())
    assert weight_of(tiny) == (777, before["cap"])
    port.set_parameters(ref(tiny), {"cap": 40}, deadline=soon())
    assert weight_of(tiny) == (777, 40)
    with pytest.raises(InvalidInput, match="tickets"):
        port.set_parameters(ref(tiny), {"tickets": 1}, deadline=soon())


def test_destroy(channel: HypercallChannel, guests: Guests) -> None:
    guest = guests.tiny()
    receipt = channel.port(Role.LIFECYCLE).destroy(ref(guest), deadline=soon())
    assert receipt.warnings
    until("it is gone", lambda: guest.domid not in xc_domains())
    with pytest.raises(NotFound):
        channel.port(Role.LIFECYCLE).destroy(ref(guest), deadline=soon())


@pytest.mark.heavy  # a PVH guest needs minutes to come up in emulation on a busy machine
def test_destroy_of_a_pvh_guest_leaves_a_zombie_to_the_toolstack(
    channel: HypercallChannel, guests: Guests
) -> None:
    guest = guests.linux("pvh")
    channel.port(Role.LIFECYCLE).destroy(ref(guest), deadline=soon())

    def gone_or_dying() -> bool:
        entry = xc_domains().get(guest.domid)
        return entry is None or bool(entry["dying"])

    until("it is gone or dying", gone_or_dying)


def xl_info() -> dict[str, str]:
    lines = (line.partition(":") for line in command("xl", "info").splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def test_host_info(channel: HypercallChannel) -> None:
    info, known = channel.port(Role.HOST).host_info(deadline=soon()), xl_info()
    assert str(info.version) == known["xen_version"]
    assert info.capabilities == known["xen_caps"]
    assert info.changeset == (known["xen_changeset"] or None)
    assert info.commandline == known["xen_commandline"]
    assert info.build_id == known["build_id"]
    assert (info.cpus, info.nodes) == (int(known["nr_cpus"]), int(known["nr_nodes"]))
    assert (info.cores, info.threads) == (
        int(known["cores_per_socket"]),
        int(known["threads_per_core"]),
    )
    assert info.cpu_khz is not None
    assert abs(info.cpu_khz / 1000 - float(known["cpu_mhz"])) < 1
    assert info.memory_kib is not None
    assert info.memory_kib // 1024 == int(known["total_memory"])
    assert info.scheduler == known["xen_scheduler"]


def test_console_ring(channel: HypercallChannel) -> None:
    shown = command("xl", "dmesg")
    ring = channel.port(Role.HOST).console_ring(deadline=soon())
    assert "(XEN) " in shown
    # What is new drives out what is old, and may have done so in between.
    assert shown[-2000:] in ring


def test_pools_nodes_topology_and_heap(channel: HypercallChannel) -> None:
    (pool,) = channel.port(Role.HOST).cpupools(deadline=soon())
    line = command("xl", "cpupool-list").splitlines()[1].split()
    assert (len(pool.cpus), pool.scheduler, pool.guests) == (int(line[1]), line[2], int(line[4]))
    (node,) = channel.port(Role.HOST).numa_nodes(deadline=soon())
    assert (node.number, node.cpus) == (0, pool.cpus)
    session = connect(soon())
    topology = session.run(
        lambda turn: host.cpu_topology(turn, session.abi), deadline=soon(), operation="topology"
    )
    heap = session.run(
        lambda turn: host.available_heap(turn, session.abi), deadline=soon(), operation="heap"
    )
    info = session.run(host.compile_info, deadline=soon(), operation="compile info")
    state = pytest.raises(Unsupported)
    with state:
        session.run(
            lambda turn: reads.domain_state(turn, 0, session.found.version),
            deadline=soon(),
            operation="state",
        )
    session.close()
    assert len(topology) == len(pool.cpus)
    assert {cpu.node for cpu in topology} == {0}
    assert abs(heap // 2**20 - int(xl_info()["free_memory"])) < 64
    assert info.compiler == xl_info()["cc_compiler"]


def test_power_button(channel: HypercallChannel, tiny: Guest) -> None:
    with pytest.raises(Unsupported, match="only HVM"):
        channel.port(Role.LIFECYCLE).trigger(ref(tiny), "power", deadline=soon())


def test_every_declared_offer_is_there(channel: HypercallChannel) -> None:
    result = channel.probe(deadline=soon())
    assert isinstance(result, Available)
    offered = {offer.capability for offer in result.offers}
    assert {Capability.LIST_LIVE, Capability.CPUPOOLS, Capability.TRIGGER} <= offered
