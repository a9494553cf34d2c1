"""Questions about the hypervisor and the machine: each function is a job for the worker."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import NotFound, OperationFailed, ProtocolError, Unsupported
from xenparley_wire.abi import host as wire
from xenparley_wire.abi import version as xenver
from xenparley_wire.abi.cpumap import cpus_of, map_bytes

if TYPE_CHECKING:
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi

__all__ = [
    "MAX_CPUS",
    "available_heap",
    "build_id",
    "compile_info",
    "console_ring",
    "cpu_topology",
    "cpupools",
    "numa_info",
    "physinfo",
    "scheduler_id",
    "version_text",
]

#: Bounds of what is allocated because the hypervisor said so.
MAX_CPUS: Final = 16384
MAX_NODES: Final = 256
MAX_POOLS: Final = 1024
MAX_RING: Final = 1024 * 1024
MAX_TEXT: Final = 64 * 1024

_OLD_NUMA_NODES: Final = 64
_INVALID_ID: Final = 0xFFFFFFFF


def version_text(turn: Turn, command: int, version: tuple[int, int]) -> str:
    """Return one of xen_version's texts (extraversion, capabilities, changeset, commandline).

    From 4.20 on the long form is used, which doesn't truncate. Raises :class:`Unsupported`
    where the release hasn't got it, :class:`AccessRefused` where it is for the privileged.
    """
    long_form = xenver.LONG_FORMS.get(command)
    if version >= (4, 20) and long_form is not None:
        try:
            return _long_text(turn, long_form)
        except Unsupported:
            # A build that reports 4.20 before it had them.
            pass
    buffer = turn.buffer(xenver.FIXED_SIZES[command])
    turn.hypercall(xenver.HYPERCALL, command, buffer.address)
    return xenver.decode_text(buffer.view[: xenver.FIXED_SIZES[command]])


def _long_text(turn: Turn, command: int) -> str:
    length = turn.hypercall(xenver.HYPERCALL, command, 0)
    if not 0 <= length <= MAX_TEXT:
        raise ProtocolError(f"xen_version {command}: a text of {length} bytes")
    buffer = turn.buffer(4 + length)
    buffer.view[:4] = length.to_bytes(4, "little")
    got = turn.hypercall(xenver.HYPERCALL, command, buffer.address)
    return xenver.decode_text(buffer.view[4 : 4 + min(got, length)])


def compile_info(turn: Turn) -> xenver.CompileInfo:
    """Return how the hypervisor was built."""
    buffer = turn.buffer(xenver.FIXED_SIZES[xenver.COMPILE_INFO])
    turn.hypercall(xenver.HYPERCALL, xenver.COMPILE_INFO, buffer.address)
    return xenver.decode_compile_info(buffer.view[: xenver.FIXED_SIZES[xenver.COMPILE_INFO]])


def build_id(turn: Turn, version: tuple[int, int]) -> str | None:
    """Return the build id in hexadecimal, None if the hypervisor has none (Xen 4.7 and later)."""
    if version < (4, 7):
        return None
    try:
        length = turn.hypercall(xenver.HYPERCALL, xenver.BUILD_ID, 0)
    except OperationFailed as exc:
        if _errno(exc) == errno.ENODATA:
            return None
        raise
    if not 0 <= length <= MAX_TEXT:
        raise ProtocolError(f"xen_version: a build id of {length} bytes")
    buffer = turn.buffer(4 + length)
    buffer.view[:4] = length.to_bytes(4, "little")
    got = turn.hypercall(xenver.HYPERCALL, xenver.BUILD_ID, buffer.address)
    return xenver.decode_build_id(buffer.view[4 : 4 + length], got)


def _errno(exc: OperationFailed) -> int | None:
    cause = exc.__cause__
    return cause.errno if isinstance(cause, OSError) else None


def physinfo(turn: Turn, abi: Abi) -> wire.PhysInfo:
    """Return CPUs, nodes and memory of the machine."""
    _, data = turn.ask(abi.request("sysctl.physinfo"))
    return wire.decode_physinfo(abi, data)


def scheduler_id(turn: Turn, abi: Abi) -> int:
    """Return the number of the (default pool's) scheduler."""
    _, data = turn.ask(abi.request("sysctl.sched_id"))
    return abi.layout("sysctl.sched_id").get(
        data, "sched_id", abi.payload_offset("sysctl.sched_id")
    )


def cpu_topology(turn: Turn, abi: Abi) -> tuple[wire.CpuTopology, ...]:
    """Return core, socket and node of each CPU (Xen 4.1 and later)."""
    if abi.has("sysctl.cputopoinfo"):
        op = "sysctl.cputopoinfo"
        _, data = turn.ask(abi.request(op))
        count = _bounded(abi, op, "num_cpus", data, MAX_CPUS)
        buffer = turn.buffer(max(count, 1) * 12, "topology")
        _, data = turn.ask(abi.request(op, {"num_cpus": count, "cputopo": buffer.address}))
        count = min(count, _bounded(abi, op, "num_cpus", data, MAX_CPUS))
        return wire.decode_cputopo(buffer.view, count)
    op = "sysctl.topologyinfo"
    # The answer is the highest index, so it takes one call to learn it and one to use it.
    _, data = turn.ask(abi.request(op))
    count = _bounded(abi, op, "max_cpu_index", data, MAX_CPUS - 1) + 1
    buffers = [turn.buffer(count * 4, f"topology{n}") for n in range(3)]
    values = {
        "max_cpu_index": count - 1,
        "cpu_to_core": buffers[0].address,
        "cpu_to_socket": buffers[1].address,
        "cpu_to_node": buffers[2].address,
    }
    _, data = turn.ask(abi.request(op, values))
    count = min(count, _bounded(abi, op, "max_cpu_index", data, MAX_CPUS - 1) + 1)
    columns = [wire.decode_u32s(buffer.view, count, "topologyinfo") for buffer in buffers]
    return tuple(wire.CpuTopology(*row) for row in zip(*columns, strict=True))


def numa_info(turn: Turn, abi: Abi) -> wire.NumaInfo:
    """Return the NUMA nodes' memory and distances (Xen 4.1 and later)."""
    if "meminfo" in abi.layout("sysctl.numainfo").fields:
        op = "sysctl.numainfo"
        _, data = turn.ask(abi.request(op))
        count = _bounded(abi, op, "num_nodes", data, MAX_NODES)
        memory = turn.buffer(max(count, 1) * 16, "nodes")
        distance = turn.buffer(max(count * count, 1) * 4, "distances")
        values = {"num_nodes": count, "meminfo": memory.address, "distance": distance.address}
        _, data = turn.ask(abi.request(op, values))
        count = min(count, _bounded(abi, op, "num_nodes", data, MAX_NODES))
        nodes = wire.decode_meminfo(memory.view, count)
        return wire.NumaInfo(nodes, wire.decode_distances(distance.view, count))
    return _old_numa_info(turn, abi)


def _old_numa_info(turn: Turn, abi: Abi) -> wire.NumaInfo:
    op = "sysctl.numainfo"
    count = _OLD_NUMA_NODES
    sizes = turn.buffer(count * 8, "nodes")
    free = turn.buffer(count * 8, "free")
    distance = turn.buffer(count * count * 4, "distances")
    values = {
        "max_node_index": count - 1,
        "node_to_memsize": sizes.address,
        "node_to_memfree": free.address,
        "node_to_node_distance": distance.address,
    }
    _, data = turn.ask(abi.request(op, values))
    got = min(count, _bounded(abi, op, "max_node_index", data, MAX_NODES - 1) + 1)
    memory = zip(
        wire.decode_u64s(sizes.view, got, "numainfo"),
        wire.decode_u64s(free.view, got, "numainfo"),
        strict=True,
    )
    nodes = tuple(wire.NumaNode(*one) if one[0] else None for one in memory)
    return wire.NumaInfo(nodes, wire.decode_distances(distance.view, got))


def _bounded(abi: Abi, op: str, field: str, data: bytes, limit: int) -> int:
    value = abi.layout(op).get(data, field, abi.payload_offset(op))
    if value > limit:
        raise ProtocolError(f"{op}: {field} is {value}, which no host has", operation=op)
    return value


def available_heap(turn: Turn, abi: Abi, *, node: int = -1, bits: int = 0) -> int:
    """Return the free bytes of one node (-1: all), below address width ``bits`` (0: any)."""
    values = {"max_bitwidth": bits, "node": node}
    _, data = turn.ask(abi.request("sysctl.availheap", values))
    return abi.layout("sysctl.availheap").get(
        data, "avail_bytes", abi.payload_offset("sysctl.availheap")
    )


def console_ring(turn: Turn, abi: Abi, limit: int = MAX_RING) -> bytes:
    """Return the hypervisor's console ring, at most ``limit`` bytes; nothing is cleared."""
    op = "sysctl.readconsole"
    size = min(32 * 1024, limit)
    while True:
        buffer = turn.buffer(size, "ring")
        _, data = turn.ask(abi.request(op, {"buffer": buffer.address, "count": size}))
        got = _bounded(abi, op, "count", data, size)
        if got < size or size >= limit:
            return bytes(buffer.view[:got])
        size = min(size * 2, limit)


def cpupools(turn: Turn, abi: Abi, cpus: int) -> tuple[wire.CpuPool, ...]:
    """Return the CPU pools by rising number (Xen 4.1 and later); ``cpus`` is the host's count."""
    op = "sysctl.cpupool_op"
    layout = abi.layout(op)
    bits = "cpumap.nr_cpus" if "cpumap.nr_cpus" in layout.fields else "cpumap.nr_bits"
    size = map_bytes(cpus)
    found: list[wire.CpuPool] = []
    number = 0
    while len(found) < MAX_POOLS:
        buffer = turn.buffer(size, "cpumap")
        values = {
            "op": wire.CPUPOOL_INFO,
            "cpupool_id": number,
            "cpumap.bitmap": buffer.address,
            bits: size * 8,
        }
        try:
            _, data = turn.ask(abi.request(op, values))
        except (NotFound, OperationFailed) as exc:
            # ENOENT: no pool with this number or a higher one.
            if isinstance(exc, NotFound) or _errno(exc) == errno.ENOENT:
                break
            raise
        pool = wire.decode_cpupool(abi, data, buffer.view[:size])
        if pool.id == _INVALID_ID or pool.id < number:
            break
        found.append(pool._replace(cpus=cpus_of(buffer.view[:size], cpus)))
        number = pool.id + 1
    return tuple(found)
