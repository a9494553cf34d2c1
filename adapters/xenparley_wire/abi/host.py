"""What sysctl answers about the machine: physinfo, topology, NUMA, heap, CPU pools, console."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import ProtocolError
from xenparley_wire.abi.cpumap import cpus_of

if TYPE_CHECKING:
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.layout import Value

__all__ = [
    "CPUPOOL_INFO",
    "INVALID",
    "CpuPool",
    "CpuTopology",
    "NumaInfo",
    "NumaNode",
    "PhysInfo",
    "decode_cpupool",
    "decode_cputopo",
    "decode_distances",
    "decode_meminfo",
    "decode_physinfo",
    "decode_u32s",
    "decode_u64s",
    "physcap_names",
]

Data = bytes | bytearray | memoryview

#: "No such CPU, node or distance" in topology arrays (and of a memory size, in its lower half).
INVALID: Final = 0xFFFFFFFF
#: cpupool_op: answer for the first pool whose id is not below the one asked for.
CPUPOOL_INFO: Final = 3

_UNSET: Final[tuple[int, ...]] = ()


class PhysInfo(NamedTuple):
    """The physical machine. Pages are of 4 KiB; None for what the release doesn't tell."""

    threads_per_core: int
    cores_per_socket: int
    nr_cpus: int
    nr_nodes: int
    cpu_khz: int
    total_pages: int
    free_pages: int
    scrub_pages: int | None
    outstanding_pages: int | None
    max_cpu_id: int | None
    max_node_id: int | None
    max_mfn: int | None
    capabilities: int | None
    arch_capabilities: int | None
    hw_cap: tuple[int, ...]


class CpuTopology(NamedTuple):
    """Where one CPU sits; None for what isn't known (the CPU may be absent)."""

    core: int | None
    socket: int | None
    node: int | None


class NumaNode(NamedTuple):
    """Memory of one NUMA node in bytes."""

    size: int
    free: int


class NumaInfo(NamedTuple):
    """NUMA nodes by number (None: absent), and ``distances[i][j]`` between them (None: unknown)."""

    nodes: tuple[NumaNode | None, ...]
    distances: tuple[tuple[int | None, ...], ...]


class CpuPool(NamedTuple):
    """One CPU pool: its scheduler's number, how many domains are in it, its CPUs."""

    id: int
    sched_id: int
    n_dom: int
    cpus: tuple[int, ...]


def _integer(values: dict[str, Value], name: str) -> int:
    value = values[name]
    if not isinstance(value, int):
        raise ProtocolError(f"{name} is not a number but {value!r}")
    return value


def decode_physinfo(abi: Abi, data: Data) -> PhysInfo:
    """Read a physinfo answer (whole op struct).

    3.0 and 3.1 tell sockets a node and not the CPUs, which are the product; 4.0 tells the
    highest node where the others tell how many there are.
    """
    values = abi.answer("sysctl.physinfo", data)
    number = {name: value for name, value in values.items() if isinstance(value, int)}
    max_node_id = number.get("max_node_id")
    nr_nodes = number.get("nr_nodes", 1 if max_node_id is None else max_node_id + 1)
    nr_cpus = number.get("nr_cpus")
    if nr_cpus is None:
        nr_cpus = (
            nr_nodes
            * number["sockets_per_node"]
            * number["cores_per_socket"]
            * number["threads_per_core"]
        )
    hw_cap = values["hw_cap"]
    return PhysInfo(
        threads_per_core=number["threads_per_core"],
        cores_per_socket=number["cores_per_socket"],
        nr_cpus=nr_cpus,
        nr_nodes=nr_nodes,
        cpu_khz=number["cpu_khz"],
        total_pages=number["total_pages"],
        free_pages=number["free_pages"],
        scrub_pages=number.get("scrub_pages"),
        outstanding_pages=number.get("outstanding_pages"),
        max_cpu_id=number.get("max_cpu_id"),
        max_node_id=max_node_id,
        max_mfn=number.get("max_mfn"),
        capabilities=number.get("capabilities"),
        arch_capabilities=number.get("arch_capabilities"),
        hw_cap=hw_cap if isinstance(hw_cap, tuple) else _UNSET,
    )


#: (bit, name, first release, first release without it) of ``physinfo.capabilities``.
_PHYSCAPS: Final[tuple[tuple[int, str, tuple[int, int], tuple[int, int]], ...]] = (
    (1, "hvm", (3, 3), (99, 0)),
    (2, "hvm_directio", (3, 3), (4, 12)),
    (2, "pv", (4, 12), (99, 0)),
    (4, "directio", (4, 12), (99, 0)),
    (8, "hap", (4, 13), (99, 0)),
    (16, "shadow", (4, 13), (99, 0)),
    (32, "iommu_hap_pt_share", (4, 13), (99, 0)),
    (64, "vmtrace", (4, 15), (99, 0)),
    (128, "vpmu", (4, 16), (99, 0)),
    (256, "gnttab_v1", (4, 16), (99, 0)),
    (512, "gnttab_v2", (4, 16), (99, 0)),
)


def physcap_names(capabilities: int, release: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names of the capability bits that are set, as the release means them."""
    return tuple(
        name
        for bit, name, first, gone in _PHYSCAPS
        if capabilities & bit and first <= release < gone
    )


def _array(data: Data, count: int, size: int, what: str) -> memoryview:
    if count < 0 or len(data) < count * size:
        raise ProtocolError(f"{what}: {count} entries of {size} bytes, but only {len(data)} bytes")
    return memoryview(data)[: count * size]


def decode_u32s(data: Data, count: int, what: str) -> tuple[int | None, ...]:
    """Return ``count`` 32-bit numbers, None for all ones."""
    found = struct.unpack(f"<{count}I", _array(data, count, 4, what))
    return tuple(None if one == INVALID else one for one in found)


def decode_u64s(data: Data, count: int, what: str) -> tuple[int, ...]:
    """Return ``count`` 64-bit numbers."""
    return struct.unpack(f"<{count}Q", _array(data, count, 8, what))


def decode_cputopo(data: Data, count: int) -> tuple[CpuTopology, ...]:
    """Read the array of cputopoinfo (4.6 on): {u32 core, u32 socket, u32 node} for each CPU."""
    flat = decode_u32s(data, count * 3, "cputopoinfo")
    return tuple(CpuTopology(*flat[at : at + 3]) for at in range(0, len(flat), 3))


def decode_meminfo(data: Data, count: int) -> tuple[NumaNode | None, ...]:
    """Read the array of numainfo (4.6 on): {u64 memsize, u64 memfree} for each node."""
    flat = decode_u64s(data, count * 2, "numainfo")
    return tuple(
        None if flat[at] & INVALID == INVALID else NumaNode(flat[at], flat[at + 1])
        for at in range(0, len(flat), 2)
    )


def decode_distances(data: Data, count: int) -> tuple[tuple[int | None, ...], ...]:
    """Read ``count`` x ``count`` node distances, row by row."""
    flat = decode_u32s(data, count * count, "numainfo")
    return tuple(flat[at : at + count] for at in range(0, len(flat), max(count, 1)))


def decode_cpupool(abi: Abi, data: Data, cpumap: Data) -> CpuPool:
    """Read a cpupool_op answer and the map of CPUs that came with it."""
    values = abi.answer("sysctl.cpupool_op", data)
    return CpuPool(
        id=_integer(values, "cpupool_id"),
        sched_id=_integer(values, "sched_id"),
        n_dom=_integer(values, "n_dom"),
        cpus=cpus_of(cpumap),
    )
