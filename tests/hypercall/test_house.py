"""Hypercalls into the simulated host that every other simulated server speaks for, too."""

from __future__ import annotations

import time

import pytest
from attrs import evolve

from xenparley.domain.errors import InvalidInput, NotFound
from xenparley.domain.guest import UNLIMITED_KIB, Field
from xenparley.domain.identity import DOM0_HANDLE, GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Role
from xenparley_hypercall.channel import HypercallChannel
from xenparley_sim.clock import FrozenClock
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.ioctl import SimulatedDevice
from xenparley_sim.ioctl_hypervisor import HypervisorModel
from xenparley_testing.subject import DEFAULT_TEMPLATE
from xenparley_wire.abi.table import InterfaceKey

FIELDS = frozenset(Field) - {Field.NAME, Field.DEFINED, Field.AUTOSTART}


def soon():
    return time.monotonic() + 20


@pytest.fixture
def house():
    clock = FrozenClock()
    hypervisor = Hypervisor(clock=clock)
    device = SimulatedDevice(
        HypervisorModel(hypervisor),
        key=InterfaceKey(0x15, 0x15),
        version=(4, 17),
        extraversion=".7",
    )
    channel = HypercallChannel(lambda: device, "x86_64")
    yield hypervisor, clock, channel
    channel.close()
    hypervisor.close()


def start(hypervisor, number=1, virt="pv"):
    config = evolve(
        DEFAULT_TEMPLATE,
        name=f"guest-{number}",
        uuid=f"00000000-0000-4000-8000-{number:012d}",
        boot=evolve(DEFAULT_TEMPLATE.boot, virt=virt),
    )
    made = hypervisor.create(config)
    return GuestRef(domid=made.domid, uuid=made.handle)


def rows(channel):
    found = channel.port(Role.INVENTORY).list_live(FIELDS, deadline=soon())
    return {row.domid: row for row in found}


def test_both_ways_see_the_same_guests(house):
    hypervisor, clock, channel = house
    for number in range(1, 40):
        start(hypervisor, number)
    clock.advance(10)
    seen = rows(channel)
    known = {domain.domid: domain for domain in hypervisor.domains()}
    assert set(seen) == set(known)
    assert seen[0].uuid == DOM0_HANDLE
    assert seen[0].values[Field.MAX_MEMORY] == UNLIMITED_KIB
    for domid, domain in known.items():
        values = seen[domid].values
        assert seen[domid].uuid == domain.handle
        assert values[Field.STATE] == domain.flags
        assert values[Field.MEMORY] == domain.memory_kib
        assert values[Field.CPU_TIME] == domain.cpu_ns
        assert (values[Field.VCPUS], values[Field.MAX_VCPUS]) == (domain.vcpus, domain.max_vcpus)
        assert values[Field.VIRT] == domain.virt


def test_commands_reach_the_host(house):
    hypervisor, clock, channel = house
    ref = start(hypervisor)
    clock.advance(1)
    lifecycle = channel.port(Role.LIFECYCLE)
    for _ in range(2):
        lifecycle.pause(ref, deadline=soon())
    assert hypervisor.domain(ref.domid).pauses == 1
    lifecycle.unpause(ref, deadline=soon())
    assert hypervisor.domain(ref.domid).pauses == 0
    channel.port(Role.MEMORY).set_maximum(ref, 512 * 1024, deadline=soon())
    assert hypervisor.domain(ref.domid).max_kib == 512 * 1024
    channel.port(Role.VCPUS).pin_vcpu(ref, 1, [3, 5], deadline=soon())
    assert hypervisor.hardware(ref.domid).affinity[1] == {3, 5}
    assert channel.port(Role.VCPUS).vcpus(ref, deadline=soon())[1].affinity == {3, 5}
    channel.port(Role.SCHEDULER).set_parameters(ref, {"weight": 99}, deadline=soon())
    assert channel.port(Role.SCHEDULER).parameters(ref, deadline=soon()) == {
        "weight": 99,
        "cap": hypervisor.domain(ref.domid).cap,
    }
    lifecycle.destroy(ref, deadline=soon())
    assert rows(channel)[ref.domid].values[Field.STATE] & RunFlags.DYING
    clock.advance(1)
    assert ref.domid not in rows(channel)
    with pytest.raises(NotFound):
        lifecycle.destroy(ref, deadline=soon())


def test_a_crash_shows_its_reason(house):
    hypervisor, _, channel = house
    ref = start(hypervisor)
    hypervisor.crash(ref.domid)
    row = rows(channel)[ref.domid]
    assert row.values[Field.STATE] & RunFlags.SHUTDOWN
    assert row.values[Field.REASON] == 3


def test_the_power_button_of_an_hvm_guest(house):
    hypervisor, clock, channel = house
    ref = start(hypervisor, virt="hvm")
    clock.advance(1)
    channel.port(Role.LIFECYCLE).trigger(ref, "power", deadline=soon())
    assert hypervisor.domain(ref.domid).request == "poweroff"
    with pytest.raises(InvalidInput):
        channel.port(Role.LIFECYCLE).trigger(ref, "doorbell", deadline=soon())


def test_host_facts_are_the_hosts(house):
    hypervisor, _, channel = house
    info, facts = channel.port(Role.HOST).host_info(deadline=soon()), hypervisor.facts
    assert str(info.version) == facts.release
    assert (info.cpus, info.memory_kib, info.scheduler) == (
        facts.cpus,
        facts.memory_kib,
        facts.scheduler,
    )
    assert info.build_id == facts.build_id
    nodes = channel.port(Role.HOST).numa_nodes(deadline=soon())
    assert len(nodes) == facts.nodes
