"""vCPUs and schedulers: each function is a job for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound, OperationFailed, Unsupported
from xenparley_wire.abi import scheduler as sched
from xenparley_wire.abi import vcpu as wire
from xenparley_wire.abi.cpumap import cpus_of, map_bytes, map_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi

__all__ = [
    "arinc653_schedule",
    "get_affinity",
    "get_parameters",
    "get_vcpu_parameters",
    "set_affinity",
    "set_parameters",
    "set_vcpu_parameters",
    "vcpu_infos",
]

Cpus = tuple[int, ...]


def vcpu_infos(turn: Turn, abi: Abi, domid: int, count: int) -> tuple[wire.VcpuInfo, ...]:
    """Return each of the domain's ``count`` vCPUs that was made."""
    found = []
    for number in range(count):
        try:
            _, data = turn.ask(wire.vcpuinfo_request(abi, domid, number))
        except NotFound:
            # A vCPU below the highest one that was never made; or the domain has gone.
            continue
        found.append(wire.decode_vcpuinfo(abi, data))
    return tuple(found)


def get_affinity(
    turn: Turn, abi: Abi, domid: int, vcpu: int, cpus: int
) -> tuple[Cpus, Cpus | None]:
    """Return the CPUs a vCPU may run on, and those it prefers (None before Xen 4.5).

    ``cpus`` is how many the host has; bits beyond are dropped.
    """
    if wire.map_bits(abi) is not None:
        _, data = turn.ask(wire.vcpuinfo_request(abi, domid, vcpu))
        bits = wire.decode_vcpuinfo(abi, data).cpumap or 0
        return cpus_of(bits.to_bytes(8, "little"), cpus), None
    size = map_bytes(cpus)
    hard = turn.buffer(size, "cpumap")
    soft = turn.buffer(size, "soft") if wire.has_soft_affinity(abi) else None
    turn.ask(
        wire.affinity_request(
            abi,
            "domctl.getvcpuaffinity",
            domid,
            vcpu,
            bits=size * 8,
            hard=hard.address,
            soft=None if soft is None else soft.address,
        )
    )
    return (
        cpus_of(hard.view[:size], cpus),
        None if soft is None else cpus_of(soft.view[:size], cpus),
    )


def set_affinity(
    turn: Turn,
    abi: Abi,
    domid: int,
    vcpu: int,
    cpus: int,
    *,
    hard: Iterable[int] | None = None,
    soft: Iterable[int] | None = None,
) -> None:
    """Set the CPUs a vCPU may run on (``hard``), or prefers (``soft``, Xen 4.5 and later)."""
    if soft is not None and not wire.has_soft_affinity(abi):
        raise Unsupported("soft affinity is there from Xen 4.5 on", operation=turn.operation)
    size = map_bytes(cpus)
    addresses: dict[str, int | None] = {"hard": None, "soft": None}
    limit = wire.map_bits(abi)
    if limit is not None:
        addresses["hard"] = int.from_bytes(map_of(hard or (), limit // 8), "little")
    else:
        for name, wanted in (("hard", hard), ("soft", soft)):
            if wanted is not None:
                buffer = turn.buffer(size, name)
                buffer.view[:size] = map_of(wanted, size)
                addresses[name] = buffer.address
    turn.act(
        wire.affinity_request(
            abi,
            "domctl.setvcpuaffinity",
            domid,
            vcpu,
            bits=size * 8,
            hard=addresses["hard"],
            soft=addresses["soft"],
        )
    )


def get_parameters(turn: Turn, abi: Abi, domid: int, sched_id: int) -> dict[str, int]:
    """Return a domain's parameters of its scheduler; empty for one that has none."""
    if not sched.parameter_names(abi, sched_id):
        return {}
    _, data = turn.ask(sched.domain_request(abi, domid, sched_id))
    return sched.decode_parameters(abi, sched_id, data)


def set_parameters(
    turn: Turn, abi: Abi, domid: int, sched_id: int, values: Mapping[str, int]
) -> None:
    """Set all of a domain's parameters (credit: those that are named)."""
    turn.act(sched.domain_request(abi, domid, sched_id, values))


def get_vcpu_parameters(
    turn: Turn, abi: Abi, domid: int, sched_id: int, count: int
) -> tuple[sched.VcpuParameters, ...]:
    """Return the parameters of each vCPU (rtds, Xen 4.7 and later)."""
    asked = [sched.VcpuParameters(number, {}) for number in range(count)]
    data = sched.encode_vcpu_parameters(abi, sched_id, asked)
    buffer = turn.buffer(max(len(data), 1), "vcpus")
    buffer.view[: len(data)] = data
    turn.ask(
        sched.vcpu_request(abi, domid, sched_id, address=buffer.address, count=count, setting=False)
    )
    return sched.decode_vcpu_parameters(abi, sched_id, buffer.view, count)


def set_vcpu_parameters(
    turn: Turn, abi: Abi, domid: int, sched_id: int, vcpus: Iterable[sched.VcpuParameters]
) -> None:
    """Set the parameters of the vCPUs that are given."""
    listed = tuple(vcpus)
    data = sched.encode_vcpu_parameters(abi, sched_id, listed)
    buffer = turn.buffer(max(len(data), 1), "vcpus")
    buffer.view[: len(data)] = data
    turn.act(
        sched.vcpu_request(
            abi, domid, sched_id, address=buffer.address, count=len(listed), setting=True
        )
    )


def arinc653_schedule(turn: Turn, abi: Abi, cpupool: int = 0) -> sched.ArincSchedule:
    """Return the ARINC 653 schedule of a CPU pool (Xen 4.1 and later)."""
    buffer = turn.buffer(sched.ARINC653_BYTES, "schedule")
    values = {
        "cpupool_id": cpupool,
        "sched_id": sched.ARINC653,
        "cmd": 1,
        "u.sched_arinc653.schedule": buffer.address,
    }
    try:
        turn.ask(abi.request("sysctl.scheduler_op", values))
    except OperationFailed as exc:
        raise Unsupported(
            f"CPU pool {cpupool} doesn't run the arinc653 scheduler", operation=turn.operation
        ) from exc
    return sched.decode_arinc653(buffer.view[: sched.ARINC653_BYTES])
