"""The simulated hypervisor's domctls. Field names are the headers'."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xenparley_sim.ioctl_model import refuse
from xenparley_wire.abi.flags import DomainFlags, encode_flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_sim.ioctl import Memory
    from xenparley_sim.ioctl_model import HypercallModel, SimDomain, SimVcpu
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.layout import Value

__all__ = ["DomctlOps", "pack_record"]

_NONE: Final = 0xFFFFFFFF
#: What a guest of each kind has emulated (XEN_X86_EMU_*): all but VPCI, the local APIC only.
_EMULATION: Final = {"hvm": 0x3FF, "pvh": 1, "pv": 0}
_PREFIX: Final = {
    0: "u.bvt.",
    4: "u.sedf.",
    5: "u.credit.",
    6: "u.credit2.",
    8: "u.rtds.",
}


def flags_word(abi: Abi, domain: SimDomain) -> int:
    """Return the flags of a domain as the release writes them."""
    flags = DomainFlags(
        dying=domain.dying,
        hvm=domain.virt == "hvm" or (domain.virt == "pvh" and abi.release >= (4, 9)),
        shutdown=domain.shutdown_reason is not None,
        paused=domain.pauses > 0,
        blocked=domain.blocked,
        running=domain.running,
        debugged=False,
        pvh=domain.virt == "pvh",
        xs_domain=domain.xs_domain,
        hap=domain.virt != "pv",
        shutdown_reason=domain.shutdown_reason,
        cpu=domain.vcpus[0].cpu if domain.vcpus else 0,
    )
    return encode_flags(flags, abi.release)


def pack_record(abi: Abi, model: HypercallModel, domain: SimDomain) -> bytes:
    """Return the getdomaininfo record of a domain."""
    layout = abi.layout("domctl.getdomaininfo")
    data = bytearray(layout.size)
    layout.pack_into(data, 0, record(abi, domain))
    return bytes(data)


def record(abi: Abi, domain: SimDomain) -> dict[str, Value]:
    """Return the fields of a getdomaininfo record that the release has."""
    fields = abi.layout("domctl.getdomaininfo").fields
    unlimited = 0xFFFFFFFF if fields["max_pages"][1] == "I" else 0xFFFFFFFFFFFFFFFF
    known: dict[str, Value] = {
        "domain": domain.domid,
        "flags": flags_word(abi, domain),
        "tot_pages": domain.tot_pages,
        "outstanding_pages": domain.outstanding_pages,
        "max_pages": unlimited if domain.max_pages is None else domain.max_pages,
        "shared_info_frame": domain.shared_info_frame,
        "cpu_time": domain.cpu_time,
        "nr_online_vcpus": sum(vcpu.online for vcpu in domain.vcpus),
        "max_vcpu_id": len(domain.vcpus) - 1 if domain.vcpus else _NONE,
        "ssidref": domain.ssidref,
        "handle": domain.handle,
        "cpupool": domain.cpupool,
        "gpaddr_bits": 36,
        "arch_config.emulation_flags": _EMULATION[domain.virt],
    }
    return {name: value for name, value in known.items() if name in fields}


def _number(values: dict[str, Value], name: str) -> int:
    value = values.get(name, 0)
    return value if isinstance(value, int) else 0


class DomctlOps:
    """One method for each op; takes the domain id and payload fields, returns payload fields."""

    def __init__(
        self, model: HypercallModel, abi: Abi, memory: Memory, version: tuple[int, int]
    ) -> None:
        self._model = model
        self._abi = abi
        self._memory = memory
        self._version = version
        self._counted = version >= (4, 5)
        self._ops: dict[str, Callable[[int, dict[str, Value]], dict[str, Value]]] = {
            "getdomaininfo": self._info,
            "pausedomain": self._pause,
            "unpausedomain": self._unpause,
            "destroydomain": self._destroy,
            "max_mem": self._max_mem,
            "getvcpuinfo": self._vcpuinfo,
            "setvcpuaffinity": self._set_affinity,
            "getvcpuaffinity": self._get_affinity,
            "scheduler_op": self._scheduler,
            "sendtrigger": self._trigger,
            "get_domain_state": self._state,
        }

    def call(self, name: str, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        """Answer one op."""
        op = self._ops.get(name)
        if op is None:
            raise refuse(errno.ENOSYS)
        return op(domid, values)

    def _domain(self, domid: int) -> SimDomain:
        domain = self._model.domain(domid)
        if domain is None:
            raise refuse(errno.ESRCH)
        return domain

    def _vcpu(self, domid: int, number: int) -> SimVcpu:
        vcpus = self._domain(domid).vcpus
        if not 0 <= number < len(vcpus):
            raise refuse(errno.EINVAL)
        return vcpus[number]

    def _info(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        # From 4.18 on that very domain, before the first whose id is not below.
        for domain in self._model.domains():
            if domain.domid == domid or (domain.domid > domid and self._version < (4, 18)):
                return record(self._abi, domain)
        raise refuse(errno.ESRCH)

    def _pause(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        self._model.pause(domid, counted=self._counted)
        return {}

    def _unpause(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        self._model.unpause(domid, counted=self._counted)
        return {}

    def _destroy(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        self._model.destroy(domid)
        return {}

    def _max_mem(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        self._model.set_max_pages(domid, _number(values, "max_memkb") // 4)
        return {}

    def _vcpuinfo(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        number = _number(values, "vcpu")
        vcpu = self._vcpu(domid, number)
        answer: dict[str, Value] = {
            "online": int(vcpu.online),
            "blocked": int(vcpu.blocked),
            "running": int(vcpu.running),
            "cpu_time": vcpu.cpu_time,
            "cpu": vcpu.cpu,
        }
        if "cpumap" in self._abi.layout("domctl.getvcpuinfo").fields:
            answer["cpumap"] = _bits(self._hard(vcpu))
        return answer

    def _hard(self, vcpu: SimVcpu) -> frozenset[int]:
        return vcpu.hard or frozenset(range(self._model.machine.cpus))

    def _set_affinity(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        number = _number(values, "vcpu")
        self._vcpu(domid, number)
        if "cpumap" in values:
            self._model.set_affinity(domid, number, _cpus(_number(values, "cpumap")), None)
        elif "flags" in values:
            flags = _number(values, "flags")
            hard = self._map(values, "cpumap_hard") if flags & 1 else None
            soft = self._map(values, "cpumap_soft") if flags & 2 else None
            self._model.set_affinity(domid, number, hard, soft)
        else:
            self._model.set_affinity(domid, number, self._map(values, "cpumap"), None)
        return {}

    def _get_affinity(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        vcpu = self._vcpu(domid, _number(values, "vcpu"))
        if "flags" not in values:
            self._put_map(values, "cpumap", self._hard(vcpu))
            return {}
        flags = _number(values, "flags")
        if flags & 1:
            self._put_map(values, "cpumap_hard", self._hard(vcpu))
        if flags & 2:
            # Every bit is set where there is no preference.
            self._put_map(values, "cpumap_soft", vcpu.soft or None)
        return {}

    @staticmethod
    def _map_size(values: dict[str, Value], name: str) -> int:
        bits = _number(values, name + ".nr_bits") or _number(values, name + ".nr_cpus")
        return (bits + 7) // 8

    def _map(self, values: dict[str, Value], name: str) -> frozenset[int]:
        data = self._memory.read(_number(values, name + ".bitmap"), self._map_size(values, name))
        return _cpus(int.from_bytes(data, "little"))

    def _put_map(self, values: dict[str, Value], name: str, cpus: frozenset[int] | None) -> None:
        size = self._map_size(values, name)
        data = b"\xff" * size if cpus is None else _bits(cpus).to_bytes(size, "little")
        self._memory.write(_number(values, name + ".bitmap"), data)

    def _scheduler(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        sched_id = _number(values, "sched_id")
        domain = self._domain(domid)
        prefix = _PREFIX.get(sched_id)
        if sched_id != self._model.machine.sched_id or prefix is None:
            raise refuse(errno.EINVAL)
        cmd = _number(values, "direction" if "direction" in values else "cmd")
        if cmd in (2, 3):
            return self._vcpu_parameters(domain, prefix, values, setting=cmd == 2)
        members = {n[len(prefix) :]: n for n in values if n.startswith(prefix)}
        if cmd == 1:
            return {n: domain.parameters.get(short, 0) for short, n in members.items()}
        given = {short: _number(values, n) for short, n in members.items()}
        if sched_id == 5:
            given = {
                name: value
                for name, value in given.items()
                if value != {"weight": 0, "cap": 0xFFFF}.get(name)
            }
        self._model.set_parameters(domid, None, given)
        return {}

    def _vcpu_parameters(
        self, domain: SimDomain, prefix: str, values: dict[str, Value], *, setting: bool
    ) -> dict[str, Value]:
        layout = self._abi.layout("domctl.schedparam_vcpu")
        members = {n[len(prefix) :]: n for n in layout.fields if n.startswith(prefix)}
        address = _number(values, "u.v.vcpus")
        for place in range(_number(values, "u.v.nr_vcpus")):
            at = address + place * layout.size
            entry = bytearray(self._memory.read(at, layout.size))
            number = layout.get(entry, "vcpuid")
            vcpu = self._vcpu(domain.domid, number)
            if setting:
                given = {short: layout.get(entry, name) for short, name in members.items()}
                self._model.set_parameters(domain.domid, number, given)
            else:
                known = {n: vcpu.parameters.get(short, 0) for short, n in members.items()}
                layout.pack_into(entry, 0, known)
                self._memory.write(at, entry)
        return {}

    def _trigger(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        trigger = _number(values, "trigger")
        first = {3: (3, 4), 4: (4, 0)}.get(trigger, (3, 1))
        if self._version < first or trigger > 4:
            raise refuse(errno.ENOSYS)
        self._model.press(domid, trigger)
        return {}

    def _state(self, domid: int, values: dict[str, Value]) -> dict[str, Value]:
        domain = self._domain(domid)
        state = 1 | (2 if domain.shutdown_reason is not None else 0) | (4 if domain.dying else 0)
        return {"state": state, "caps": 1 if domid == 0 else 0, "unique_id": 1000 + domid}


def _bits(cpus: frozenset[int]) -> int:
    return sum(1 << cpu for cpu in cpus)


def _cpus(bits: int) -> frozenset[int]:
    return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
