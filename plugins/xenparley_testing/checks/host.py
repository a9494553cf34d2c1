"""Facts about the host."""

from __future__ import annotations

from attrs import fields

from xenparley.domain.host import (
    Cpupool,
    GuestArch,
    HostCapabilities,
    HostInfo,
    NumaNode,
    XenVersion,
)
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench, broken
from xenparley_testing.checks.compare import is_count
from xenparley_testing.checks.hardware import sequence_of
from xenparley_testing.registry import check

__all__ = [
    "check_console_ring",
    "check_cpupools",
    "check_host_capabilities",
    "check_host_info",
    "check_numa_nodes",
]

C = Capability
MIB, TIB = 1024, 1 << 30  # in KiB
RING_LIMIT = 1 << 20


def check_host_kib(what: str, value: object) -> None:
    """Check a host's memory size: KiB, from 16 MiB to 1024 TiB, or None."""
    if value is not None and not (is_count(value) and 16 * MIB <= value <= 1024 * TIB):  # type: ignore[operator]
        raise broken(f"{what} is {value!r}: is the unit KiB?")


@check(C.HOST_INFO)
def check_host_info(bench: Bench) -> None:
    """Something is known, and all that is has its type and unit."""
    info = bench.call(C.HOST_INFO)
    if not isinstance(info, HostInfo):
        raise broken(f"host-info: answered {info!r}, not a HostInfo")
    known = {a.name: getattr(info, a.name) for a in fields(HostInfo) if a.name != "sources"}
    if all(value is None for value in known.values()):
        raise broken("host-info: nothing is known")
    numbers = ("cpus", "nodes", "sockets", "cores", "threads")
    for name in numbers:
        if known[name] is not None and not (is_count(known[name]) and known[name] > 0):
            raise broken(f"host-info: {name} is {known[name]!r}")
    texts = ("hostname", "capabilities", "machine", "scheduler", "changeset", "commandline")
    for name in texts:
        if known[name] is not None and not isinstance(known[name], str):
            raise broken(f"host-info: {name} is {known[name]!r}")
    if info.version is not None and not isinstance(info.version, XenVersion):
        raise broken(f"host-info: version is {info.version!r}")
    check_host_kib("host-info: memory_kib", info.memory_kib)
    for name in ("free_memory_kib", "claimed_memory_kib"):
        if known[name] is not None and not is_count(known[name]):
            raise broken(f"host-info: {name} is {known[name]!r}")
    # What is claimed is not free.
    spare = (info.free_memory_kib or 0) + (info.claimed_memory_kib or 0)
    if info.memory_kib and spare > info.memory_kib:
        raise broken("host-info: more memory free or claimed than there is")
    khz = info.cpu_khz
    if khz is not None and not (is_count(khz) and 10_000 <= khz <= 20_000_000):
        raise broken(f"host-info: cpu_khz is {khz!r}: is the unit kHz?")


@check(C.HOST_CAPABILITIES)
def check_host_capabilities(bench: Bench) -> None:
    """The architecture, and kinds of guests that Xen has."""
    found = bench.call(C.HOST_CAPABILITIES)
    if not isinstance(found, HostCapabilities) or not found.arch:
        raise broken(f"host-capabilities: answered {found!r}")
    for guest in sequence_of(found.guests, GuestArch, "host-capabilities: guests"):
        if guest.virt not in ("pv", "hvm", "pvh") or guest.wordsize not in (32, 64):
            raise broken(f"host-capabilities: {guest!r}")


@check(C.NUMA_NODES)
def check_numa_nodes(bench: Bench) -> None:
    """By number; no CPU in two nodes, no more free than there is."""
    found = sequence_of(bench.call(C.NUMA_NODES), NumaNode, "numa-nodes")
    numbers = [node.number for node in found]
    if numbers != sorted(set(numbers)):
        raise broken(f"numa-nodes: numbers {numbers}")
    _apart("numa-nodes", [node.cpus for node in found])
    for node in found:
        for size in (node.memory_kib, node.free_kib):
            if size is not None and not is_count(size):
                raise broken(f"numa-nodes: {node!r}")
        if node.memory_kib and node.free_kib and node.free_kib > node.memory_kib:
            raise broken(f"numa-nodes: more memory free than there is: {node!r}")


@check(C.CONSOLE_RING)
def check_console_ring(bench: Bench) -> None:
    """Text of 1 MiB at most, not cleared by reading it."""
    first, second = bench.call(C.CONSOLE_RING), bench.call(C.CONSOLE_RING)
    for ring in (first, second):
        if not isinstance(ring, str) or len(ring.encode("utf-8", "surrogateescape")) > RING_LIMIT:
            raise broken(f"console-ring: answered {type(ring).__name__}, or more than 1 MiB")
    if first and not second:
        raise broken("console-ring: reading it clears it")


@check(C.CPUPOOLS)
def check_cpupools(bench: Bench) -> None:
    """By number; no CPU in two pools; Pool-0 is there."""
    found = sequence_of(bench.call(C.CPUPOOLS), Cpupool, "cpupools")
    numbers = [pool.number for pool in found]
    if numbers != sorted(set(numbers)) or 0 not in numbers:
        raise broken(f"cpupools: numbers {numbers}")
    _apart("cpupools", [pool.cpus for pool in found])


def _apart(what: str, groups: list[tuple[int, ...]]) -> None:
    cpus = [cpu for group in groups for cpu in group]
    if len(set(cpus)) != len(cpus) or not all(map(is_count, cpus)):
        raise broken(f"{what}: a CPU in two places: {groups}")
