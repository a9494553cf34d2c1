"""Schedulers: their numbers, and their parameters for a domain or a vCPU."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import ProtocolError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xenparley_wire.abi.abi import Abi, Request
    from xenparley_wire.abi.layout import Layout, Value

__all__ = [
    "ARINC653",
    "ARINC653_BYTES",
    "BVT",
    "CREDIT",
    "CREDIT2",
    "NULL",
    "RTDS",
    "SCHEDULERS",
    "SEDF",
    "ArincEntry",
    "ArincSchedule",
    "VcpuParameters",
    "decode_arinc653",
    "decode_parameters",
    "decode_vcpu_parameters",
    "domain_request",
    "encode_vcpu_parameters",
    "is_per_vcpu",
    "parameter_names",
    "vcpu_request",
]

Data = bytes | bytearray | memoryview

BVT: Final = 0
SEDF: Final = 4
CREDIT: Final = 5
CREDIT2: Final = 6
ARINC653: Final = 7
RTDS: Final = 8
NULL: Final = 9

#: Scheduler names as Xen's tools write them; sedf went with 4.6, null came with 4.9.
SCHEDULERS: Final[dict[int, str]] = {
    BVT: "bvt",
    SEDF: "sedf",
    CREDIT: "credit",
    CREDIT2: "credit2",
    ARINC653: "arinc653",
    RTDS: "rtds",
    NULL: "null",
}

_PUT: Final = 0
_GET: Final = 1
_PUT_VCPU: Final = 2
_GET_VCPU: Final = 3
#: Direction codes of dom0_op's adjustdom (sched_ctl.h of 3.0).
_ADJUST_PUT: Final = 0
_ADJUST_GET: Final = 1

#: putinfo of credit leaves the weight alone when it is 0, the cap when it is all ones.
_LEAVE: Final[dict[tuple[int, str], int]] = {(CREDIT, "weight"): 0, (CREDIT, "cap"): 0xFFFF}


class VcpuParameters(NamedTuple):
    """Scheduler parameters of one vCPU by name."""

    vcpu: int
    parameters: dict[str, int]


class ArincEntry(NamedTuple):
    """One slot of an ARINC 653 schedule; ``runtime`` in nanoseconds."""

    handle: bytes
    vcpu: int
    runtime: int


class ArincSchedule(NamedTuple):
    """An ARINC 653 schedule; ``major_frame`` in nanoseconds."""

    major_frame: int
    entries: tuple[ArincEntry, ...]


def _members(layout: Layout, sched_id: int) -> dict[str, str]:
    """Return parameter name -> field name of a scheduler's part of the union."""
    prefix = f"u.{SCHEDULERS.get(sched_id, '')}."
    return {name[len(prefix) :]: name for name in layout.fields if name.startswith(prefix)}


def parameter_names(abi: Abi, sched_id: int) -> tuple[str, ...]:
    """Return the parameters that this release has for a scheduler (none for null)."""
    return tuple(_members(abi.layout("domctl.scheduler_op"), sched_id))


def is_per_vcpu(abi: Abi, sched_id: int) -> bool:
    """Say whether the parameters belong to each vCPU (rtds, from 4.7 on)."""
    return sched_id == RTDS and abi.has("domctl.schedparam_vcpu")


def domain_request(
    abi: Abi, domain: int, sched_id: int, values: Mapping[str, int] | None = None
) -> Request:
    """Ask for a domain's parameters, or set them if ``values`` is given.

    For credit, what isn't named stays as it is. For the others give all of them (read first).
    Raises :class:`Unsupported` if the scheduler has no such parameter in this release.
    """
    layout = abi.layout("domctl.scheduler_op")
    members = _members(layout, sched_id)
    if not members:
        name = SCHEDULERS.get(sched_id, str(sched_id))
        raise Unsupported(f"the {name} scheduler has no parameters of a domain")
    setting = values is not None
    payload: dict[str, Value] = {"sched_id": sched_id}
    if "direction" in layout.fields:
        payload["direction"] = _ADJUST_PUT if setting else _ADJUST_GET
    else:
        payload["cmd"] = _PUT if setting else _GET
    if values is not None:
        for name in members:
            if name not in values and (sched_id, name) in _LEAVE:
                payload[members[name]] = _LEAVE[sched_id, name]
        for name, value in values.items():
            if name not in members:
                raise Unsupported(
                    f"the {SCHEDULERS[sched_id]} scheduler of this release has no {name!r}, "
                    f"only {', '.join(members)}"
                )
            payload[members[name]] = value
    return abi.request("domctl.scheduler_op", payload, domain=domain)


def decode_parameters(abi: Abi, sched_id: int, data: Data) -> dict[str, int]:
    """Read a domain's parameters from the op struct that came back."""
    layout = abi.layout("domctl.scheduler_op")
    base = abi.payload_offset("domctl.scheduler_op")
    members = _members(layout, sched_id)
    return {name: layout.get(data, field, base) for name, field in members.items()}


def vcpu_request(
    abi: Abi, domain: int, sched_id: int, *, address: int, count: int, setting: bool
) -> Request:
    """Ask for or set the parameters of ``count`` vCPUs, whose array lies at ``address``."""
    payload: dict[str, Value] = {
        "sched_id": sched_id,
        "cmd": _PUT_VCPU if setting else _GET_VCPU,
        "u.v.vcpus": address,
        "u.v.nr_vcpus": count,
    }
    return abi.request("domctl.scheduler_op", payload, domain=domain)


def encode_vcpu_parameters(abi: Abi, sched_id: int, vcpus: Iterable[VcpuParameters]) -> bytes:
    """Write the array for :func:`vcpu_request`; parameters are ignored when reading."""
    layout = abi.layout("domctl.schedparam_vcpu")
    members = _members(layout, sched_id)
    data = bytearray()
    for one in vcpus:
        unknown = sorted(set(one.parameters) - set(members))
        if unknown:
            raise Unsupported(f"{SCHEDULERS.get(sched_id, sched_id)} has no {unknown[0]!r}")
        base = len(data)
        data += bytes(layout.size)
        values: dict[str, Value] = {members[name]: v for name, v in one.parameters.items()}
        layout.pack_into(data, base, {**values, "vcpuid": one.vcpu})
    return bytes(data)


def decode_vcpu_parameters(
    abi: Abi, sched_id: int, data: Data, count: int
) -> tuple[VcpuParameters, ...]:
    """Read ``count`` entries of the array that came back."""
    layout = abi.layout("domctl.schedparam_vcpu")
    members = _members(layout, sched_id)
    found = []
    for base in range(0, count * layout.size, layout.size):
        values = {name: layout.get(data, field, base) for name, field in members.items()}
        found.append(VcpuParameters(layout.get(data, "vcpuid", base), values))
    return tuple(found)


#: {u64 major_frame; u8 count; 64 x {u8 handle[16]; u32 vcpu; u64 runtime}} (sysctl.h, 4.1 on).
ARINC653_BYTES: Final = 16 + 64 * 32


def decode_arinc653(data: Data) -> ArincSchedule:
    """Read an ARINC 653 schedule."""
    if len(data) < ARINC653_BYTES:
        raise ProtocolError(f"arinc653 schedule: {len(data)} bytes of {ARINC653_BYTES}")
    major_frame, count = struct.unpack_from("<QB", data)
    if count > 64:
        raise ProtocolError(f"arinc653 schedule: {count} entries, at most 64 are possible")
    entries = (struct.unpack_from("<16sI4xQ", data, 16 + at * 32) for at in range(count))
    return ArincSchedule(major_frame, tuple(ArincEntry(*entry) for entry in entries))
