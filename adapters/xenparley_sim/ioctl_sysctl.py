"""The simulated hypervisor's sysctls. Field names are the headers'."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final

from xenparley_sim.ioctl_domctl import pack_record
from xenparley_sim.ioctl_model import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_sim.ioctl import Memory
    from xenparley_sim.ioctl_model import HypercallModel
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.layout import Value

__all__ = ["SysctlOps"]

_NONE: Final = 0xFFFFFFFF


def _number(values: dict[str, Value], name: str) -> int:
    value = values.get(name, 0)
    return value if isinstance(value, int) else 0


class SysctlOps:
    """One method for each op; takes and returns payload fields."""

    def __init__(self, model: HypercallModel, abi: Abi, memory: Memory) -> None:
        self._model = model
        self._abi = abi
        self._memory = memory
        self._ops: dict[str, Callable[[dict[str, Value]], dict[str, Value]]] = {
            "getdomaininfolist": self._list,
            "physinfo": self._physinfo,
            "sched_id": self._sched_id,
            "readconsole": self._readconsole,
            "availheap": self._availheap,
            "topologyinfo": self._topologyinfo,
            "cputopoinfo": self._cputopoinfo,
            "numainfo": self._numainfo,
            "cpupool_op": self._cpupool,
            "scheduler_op": self._scheduler,
        }

    def call(self, name: str, values: dict[str, Value]) -> dict[str, Value]:
        """Answer one op."""
        op = self._ops.get(name)
        if op is None:
            raise refuse(errno.ENOSYS)
        return op(values)

    def _list(self, values: dict[str, Value]) -> dict[str, Value]:
        first = _number(values, "first_domain")
        found = [d for d in self._model.domains() if d.domid >= first]
        found = found[: _number(values, "max_domains")]
        records = b"".join(pack_record(self._abi, self._model, domain) for domain in found)
        if records:
            self._memory.write(_number(values, "buffer"), records)
        return {"num_domains": len(found)}

    def _physinfo(self, values: dict[str, Value]) -> dict[str, Value]:
        fields = self._abi.layout("sysctl.physinfo").fields
        machine = self._model.machine
        nodes = len(machine.nodes)
        sockets = machine.cpus // (machine.threads_per_core * machine.cores_per_socket)
        known: dict[str, Value] = {
            "threads_per_core": machine.threads_per_core,
            "cores_per_socket": machine.cores_per_socket,
            "sockets_per_node": max(sockets // max(nodes, 1), 1),
            "nr_cpus": machine.cpus,
            "max_cpu_id": machine.cpus - 1,
            "nr_nodes": nodes,
            "max_node_id": nodes - 1,
            "cpu_khz": machine.cpu_khz,
            "total_pages": machine.total_pages,
            "free_pages": machine.free_pages,
            "outstanding_pages": sum(d.outstanding_pages for d in self._model.domains()),
            "max_mfn": machine.total_pages - 1,
            "capabilities": machine.capabilities,
            "hw_cap": (0x178BFBFF, 0, 0, 0, 0, 0, 0, 0),
        }
        return {name: value for name, value in known.items() if name in fields}

    def _sched_id(self, values: dict[str, Value]) -> dict[str, Value]:
        return {"sched_id": self._model.machine.sched_id}

    def _readconsole(self, values: dict[str, Value]) -> dict[str, Value]:
        text = self._model.machine.console[: _number(values, "count")]
        self._memory.write(_number(values, "buffer"), text)
        return {"count": len(text)}

    def _availheap(self, values: dict[str, Value]) -> dict[str, Value]:
        nodes = self._model.machine.nodes
        node = _number(values, "node")
        if node == -1:
            return {"avail_bytes": sum(free for _, free in nodes)}
        return {"avail_bytes": nodes[node][1] if 0 <= node < len(nodes) else 0}

    def _cpu(self, number: int) -> tuple[int, int, int]:
        machine = self._model.machine
        core = number // machine.threads_per_core
        socket = core // machine.cores_per_socket
        return core % machine.cores_per_socket, socket, socket % max(len(machine.nodes), 1)

    def _topologyinfo(self, values: dict[str, Value]) -> dict[str, Value]:
        count = min(_number(values, "max_cpu_index") + 1, self._model.machine.cpus)
        for column, name in enumerate(("cpu_to_core", "cpu_to_socket", "cpu_to_node")):
            address = _number(values, name)
            if address:
                column_values = [self._cpu(cpu)[column] for cpu in range(count)]
                self._memory.write(address, struct.pack(f"<{count}I", *column_values))
        return {"max_cpu_index": self._model.machine.cpus - 1}

    def _cputopoinfo(self, values: dict[str, Value]) -> dict[str, Value]:
        address = _number(values, "cputopo")
        if address:
            count = min(_number(values, "num_cpus"), self._model.machine.cpus)
            data = b"".join(struct.pack("<3I", *self._cpu(cpu)) for cpu in range(count))
            self._memory.write(address, data)
        return {"num_cpus": self._model.machine.cpus}

    def _numainfo(self, values: dict[str, Value]) -> dict[str, Value]:
        nodes = self._model.machine.nodes
        old = "max_node_index" in values
        asked = _number(values, "max_node_index") + 1 if old else _number(values, "num_nodes")
        count = min(asked, len(nodes))
        distances = [10 if a == b else 20 for a in range(len(nodes)) for b in range(len(nodes))]
        arrays = {
            "node_to_memsize": struct.pack(f"<{count}Q", *(n[0] for n in nodes[:count])),
            "node_to_memfree": struct.pack(f"<{count}Q", *(n[1] for n in nodes[:count])),
            "meminfo": b"".join(struct.pack("<2Q", *one) for one in nodes[:count]),
            "node_to_node_distance": struct.pack(f"<{len(distances)}I", *distances),
            "distance": struct.pack(f"<{len(distances)}I", *distances),
        }
        for name, data in arrays.items():
            address = _number(values, name)
            if address:
                self._memory.write(address, data)
        return {"max_node_index": len(nodes) - 1} if old else {"num_nodes": len(nodes)}

    def _cpupool(self, values: dict[str, Value]) -> dict[str, Value]:
        if _number(values, "op") != 3:
            raise refuse(errno.ENOSYS)
        if _number(values, "cpupool_id") > 0:
            raise refuse(errno.ENOENT)
        machine = self._model.machine
        bits = _number(values, "cpumap.nr_cpus") or _number(values, "cpumap.nr_bits")
        every = ((1 << machine.cpus) - 1) & ((1 << bits) - 1)
        address = _number(values, "cpumap.bitmap")
        if address:
            self._memory.write(address, every.to_bytes((bits + 7) // 8, "little"))
        members = sum(domain.cpupool == 0 for domain in self._model.domains())
        return {"cpupool_id": 0, "sched_id": machine.sched_id, "n_dom": members}

    def _scheduler(self, values: dict[str, Value]) -> dict[str, Value]:
        if _number(values, "sched_id") != self._model.machine.sched_id:
            raise refuse(errno.EINVAL)
        if self._model.machine.sched_id != 7 or _number(values, "cmd") != 1:
            raise refuse(errno.ENOSYS)
        domains = [domain for domain in self._model.domains() if domain.vcpus][:64]
        entries = b"".join(struct.pack("<16sI4xQ", d.handle, 0, 10_000_000) for d in domains)
        data = struct.pack("<QB7x", len(domains) * 10_000_000, len(domains)) + entries
        self._memory.write(_number(values, "u.sched_arinc653.schedule"), data)
        return {}
