"""vCPUs: their state, and where they may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from xenparley_wire.abi.abi import Abi, Request
    from xenparley_wire.abi.layout import Value

__all__ = [
    "AFFINITY_HARD",
    "AFFINITY_SOFT",
    "VcpuInfo",
    "affinity_request",
    "decode_vcpuinfo",
    "has_soft_affinity",
    "map_bits",
    "vcpuinfo_request",
]

#: Flags of set/getvcpuaffinity (4.5 and later).
AFFINITY_HARD: Final = 1
AFFINITY_SOFT: Final = 2


class VcpuInfo(NamedTuple):
    """One vCPU. ``cpu_time`` in nanoseconds, ``cpu`` the one it runs on or ran on last.

    ``cpumap`` is the affinity where getvcpuinfo tells it (up to 3.0.2), else None.
    """

    vcpu: int
    online: bool
    blocked: bool
    running: bool
    cpu_time: int
    cpu: int
    cpumap: int | None


def vcpuinfo_request(abi: Abi, domain: int, vcpu: int) -> Request:
    """Ask for one vCPU."""
    return abi.request("domctl.getvcpuinfo", {"vcpu": vcpu}, domain=domain)


def decode_vcpuinfo(abi: Abi, data: bytes | bytearray | memoryview) -> VcpuInfo:
    """Read the answer of getvcpuinfo (whole op struct)."""
    values = abi.answer("domctl.getvcpuinfo", data)
    number = {name: value for name, value in values.items() if isinstance(value, int)}
    return VcpuInfo(
        vcpu=number["vcpu"],
        online=bool(number["online"]),
        blocked=bool(number["blocked"]),
        running=bool(number["running"]),
        cpu_time=number["cpu_time"],
        cpu=number["cpu"],
        cpumap=number.get("cpumap"),
    )


def has_soft_affinity(abi: Abi) -> bool:
    """Say whether the release knows soft affinity beside the hard one (4.5 and later)."""
    return "cpumap_soft.bitmap" in abi.layout("domctl.setvcpuaffinity").fields


def map_bits(abi: Abi) -> int | None:
    """Return how many CPUs an affinity can name: 64 up to 3.0.2 (in the payload), else no limit."""
    return 64 if "cpumap" in abi.layout("domctl.setvcpuaffinity").fields else None


def affinity_request(
    abi: Abi,
    op: str,
    domain: int,
    vcpu: int,
    *,
    bits: int,
    hard: int | None,
    soft: int | None,
) -> Request:
    """Build set- or getvcpuaffinity (``op`` is the whole name).

    ``hard`` and ``soft`` are addresses of maps of ``bits`` bits, None to leave that one alone;
    up to 3.0.2 ``hard`` is the map itself. Raises :class:`Unsupported` for a soft map where the
    release has none.
    """
    fields = abi.layout(op).fields
    values: dict[str, Value] = {"vcpu": vcpu}
    if "cpumap" in fields:
        values["cpumap"] = hard or 0
    elif "flags" in fields:
        flags = 0
        for name, address, flag in (("hard", hard, AFFINITY_HARD), ("soft", soft, AFFINITY_SOFT)):
            if address is not None:
                flags |= flag
                values[f"cpumap_{name}.bitmap"] = address
                values[f"cpumap_{name}.nr_bits"] = bits
        values["flags"] = flags
        return abi.request(op, values, domain=domain)
    else:
        values["cpumap.bitmap"] = hard or 0
        # The same field under two names, of which each layout has one.
        size = "cpumap.nr_bits" if "cpumap.nr_bits" in fields else "cpumap.nr_cpus"
        values[size] = bits
    if soft is not None:
        values["cpumap_soft.bitmap"] = soft
    return abi.request(op, values, domain=domain)
