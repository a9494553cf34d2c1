"""Simulated hosts for the tests: one of each release."""

from __future__ import annotations

import time

from support.abi_facts import LayoutSet, layout_sets
from xenparley_hypercall.session import Session, connect
from xenparley_sim.ioctl import SimulatedDevice
from xenparley_sim.ioctl_model import SimDomain, SimMachine, SimVcpu, SmallHost
from xenparley_wire.abi.table import InterfaceKey

SETS = layout_sets()
SECONDS = 20.0


def soon() -> float:
    """A deadline far enough for a slow machine."""
    return time.monotonic() + SECONDS


def handle(number: int) -> bytes:
    """The handle of the guest with this id."""
    return bytes([number]) * 16


def small_host(sched_id: int = 5) -> SmallHost:
    """A host with domain 0 and four guests."""
    host = SmallHost(
        machine=SimMachine(
            cpus=8,
            threads_per_core=2,
            cores_per_socket=2,
            nodes=((2 << 30, 1 << 30), (2 << 30, 512 << 20)),
            sched_id=sched_id,
            texts={
                "capabilities": "xen-3.0-x86_64 hvm-3.0-x86_64",
                "changeset": "Fri Nov 13",
                "commandline": "dom0_mem=1G " + "x" * 1200,
                "compiler": "gcc 12",
                "by": "builder",
            },
            build_id=bytes(range(20)),
            console=b"(XEN) line\n" * 5000,
        )
    )
    host.add(
        SimDomain(
            0,
            bytes(16),
            tot_pages=262144,
            running=True,
            vcpus=[SimVcpu(running=True, cpu_time=10**9, cpu=n) for n in range(2)],
        )
    )
    host.add(
        SimDomain(
            1,
            handle(1),
            tot_pages=32768,
            max_pages=65536,
            blocked=True,
            vcpus=[SimVcpu(blocked=True, cpu_time=5 * 10**8, cpu=3)],
            parameters={"weight": 256, "cap": 0},
        )
    )
    host.add(
        SimDomain(
            3,
            handle(3),
            virt="hvm",
            tot_pages=65536,
            max_pages=65536,
            vcpus=[SimVcpu(cpu_time=77), SimVcpu(online=False)],
            parameters={"weight": 512, "cap": 50},
        )
    )
    host.add(
        SimDomain(
            7,
            handle(7),
            tot_pages=100,
            max_pages=100,
            shutdown_reason=3,
            vcpus=[SimVcpu(cpu_time=1)],
        )
    )
    host.add(SimDomain(9, handle(9), tot_pages=10, max_pages=4096, pauses=1, vcpus=[SimVcpu()]))
    return host


def device(one: LayoutSet, host: SmallHost | None = None, **options) -> SimulatedDevice:
    """A device with a hypervisor of this layout set behind it."""
    host = host or small_host()
    if one.arch == "x86_32":
        host.machine.texts["capabilities"] = "xen-3.0-x86_32p hvm-3.0-x86_32"
    return SimulatedDevice(
        host,
        key=InterfaceKey(*one.key),
        version=one.version,
        extraversion=options.pop("vendor", one.extraversion),
        arch=one.arch,
        **options,
    )


def session(one: LayoutSet, host: SmallHost | None = None, **options) -> Session:
    """A probed session with it."""
    return connect(soon(), device(one, host, **options), one.arch)
