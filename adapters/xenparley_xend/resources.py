"""Memory, virtual CPUs, CPU time and the scheduler."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, InvalidState, ProtocolError, Unsupported
from xenparley.domain.guest import UNLIMITED_KIB
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.vcpus import VcpuInfo
from xenparley_wire.sxp_tree import children, pairs
from xenparley_xend.doors import Op, Value
from xenparley_xend.rows import MIB

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_wire.sxp import Sexp
    from xenparley_xend.calls import Calls, Found

__all__ = ["MemoryPort", "SchedulerPort", "StatisticsPort", "VcpusPort"]

C = Capability
_MAX_KIB: Final = 1 << 42
_SEDF: Final = ("period", "slice", "latency", "extratime", "weight")
_CREDIT: Final = {"weight": range(1, 65536), "cap": range(1 << 20)}
# '{'cap': 0, 'weight': 256}' over HTTP: Python's repr of a dictionary.
_ENTRY: Final = re.compile(r"'(\w{1,20})': (\d{1,15})L?", re.ASCII)


class MemoryPort:
    """XenD counts in MiB: sizes are rounded up."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return the sizes. From 3.0.4 on XenD tells the target, before what the guest holds."""
        with self._calls.call(C.MEMORY, deadline, guest):
            if guest.domid is None and self._calls.release.manages:
                told = self._calls.defined(guest, deadline).seen
                return MemoryInfo(
                    current_kib=told.memory_kib,
                    target_kib=told.memory_kib,
                    maximum_kib=told.max_kib,
                )
            told = self._calls.living(guest, deadline).seen
            if self._calls.release.manages:
                return MemoryInfo(target_kib=told.memory_kib, maximum_kib=told.max_kib)
            return MemoryInfo(current_kib=told.memory_kib, maximum_kib=told.max_kib)

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Ask the balloon for a size."""
        with self._calls.call(C.SET_MEMORY_TARGET, deadline, guest) as door:
            mib = _mib(kib)
            found = _alive(self._calls.living(guest, deadline), guest)
            maximum = found.seen.max_kib
            if maximum is not None and maximum != UNLIMITED_KIB and mib * MIB > maximum:
                raise InvalidInput(f"{kib} KiB is above the maximum of {maximum} KiB")
            door.command(found.key, Op("mem_target_set", (("target", mib),)), deadline)

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Limit the guest. Below its memory is refused here: XenD 3.1 is wedged by it."""
        with self._calls.call(C.SET_MEMORY_MAXIMUM, deadline, guest) as door:
            mib = _mib(kib)
            found = _alive(self._calls.living(guest, deadline), guest)
            held = found.seen.memory_kib
            if held is None:
                raise Unsupported("XenD doesn't tell what the guest holds")
            if mib * MIB < held:
                raise InvalidInput(f"{kib} KiB is below the {held} KiB that the guest has")
            door.command(found.key, Op("maxmem_set", (("memory", mib),)), deadline)


def _mib(kib: int) -> int:
    if not 0 < kib <= _MAX_KIB:
        raise InvalidInput(f"not a size in KiB: {kib}")
    return -(-kib // MIB)


def _alive(found: Found, guest: GuestRef) -> Found:
    if found.seen.flags is not None and found.seen.flags & RunFlags.DYING:
        raise InvalidState(f"{guest} is dying", phase="dying")
    return found


class StatisticsPort:
    """CPU time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return nanoseconds of CPU time."""
        with self._calls.call(C.CPU_TIME, deadline, guest):
            spent = self._calls.living(guest, deadline).seen.cpu_time_ns
            if spent is None:
                raise ProtocolError("XenD tells no CPU time of this guest", retry_safe=True)
            return spent


class VcpusPort:
    """Virtual CPUs."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the virtual CPUs, the offline ones too."""
        with self._calls.call(C.VCPUS, deadline, guest) as door:
            found = self._calls.living(guest, deadline)
            tree = door.ask(found.key, Op("vcpuinfo"), deadline)
            if not isinstance(tree, list):
                raise ProtocolError("XenD, vcpuinfo: not a list", retry_safe=True)
            told = [_vcpu(node, self._calls.release.cpus) for node in children(tree, "vcpu")]
            return sorted((one for one in told if one is not None), key=lambda v: v.number)

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Set how many are online. Up to 3.3 XenD takes any number: it is checked here."""
        with self._calls.call(C.SET_VCPUS, deadline, guest) as door:
            found = _alive(self._calls.living(guest, deadline), guest)
            most = found.seen.max_vcpus
            if online < 1 or (most is not None and online > most):
                raise InvalidInput(f"{guest} has 1 to {most} virtual CPUs, not {online}")
            door.command(found.key, Op("set_vcpus", (("vcpus", online),)), deadline)

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Bind a virtual CPU to host CPUs."""
        calls = self._calls
        with calls.call(C.PIN_VCPU, deadline, guest) as door:
            found = _alive(calls.living(guest, deadline), guest)
            count, most = calls.release.cpus, found.seen.max_vcpus
            if vcpu < 0 or (most is not None and vcpu >= most):
                raise InvalidInput(f"{guest} has no virtual CPU {vcpu}")
            wanted = sorted(set(cpus))
            if not wanted or wanted[0] < 0 or wanted[-1] >= (count or 1 << 12):
                raise InvalidInput(f"not host CPUs (0 to {(count or 0) - 1}): {wanted[:20]}")
            used = door
            if door.kind == "http" and not calls.release.pins_over_http:
                if calls.xmlrpc is None:
                    raise Unsupported(
                        "up to Xen 3.3 XenD's HTTP server pins to every CPU, whatever it is told"
                    )
                used = calls.xmlrpc
            given = (("vcpu", vcpu), ("cpumap", ",".join(map(str, wanted))))
            used.command(found.key, Op("pincpu", given), deadline)


def _vcpu(node: Sexp, cpus: int | None) -> VcpuInfo | None:
    told = pairs(node)
    number = _int(told.get("number"))
    if number is None:
        return None
    online = told.get("online") == "1"
    state = "offline"
    if online:
        state = "blocked" if told.get("blocked") == "1" else "paused"
        if state == "paused" and told.get("running") == "1":
            state = "running"
    seconds = told.get("cpu_time", "")
    cpu = _int(told.get("cpu"))
    return VcpuInfo(
        number=number,
        online=online,
        state=state,
        cpu=cpu if online else None,
        cpu_time_ns=_ns(seconds),
        affinity=_affinity(node, cpus),
    )


def _affinity(node: Sexp, cpus: int | None) -> frozenset[int] | None:
    """Read the map; up to 3.3 it has a bit for each CPU that Xen could have."""
    for item in children(node, "cpumap"):
        if len(item) > 1 and isinstance(item[1], list):
            told = (_int(one) for one in item[1] if isinstance(one, str))
            found = frozenset(n for n in told if n is not None and n < (cpus or 1 << 12))
            return found or None
    return None


def _int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _ns(text: str) -> int | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return round(seconds * 1e9) if 0 <= seconds < 1e9 else None


class SchedulerPort:
    """Scheduling parameters: credit, credit2 (4.1 and later) and sedf."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def scheduler_name(self, *, deadline: float) -> str:
        """Return the scheduler: the node tells it from 3.1 on, before it is the default."""
        with self._calls.call(C.SCHEDULER, deadline):
            self._calls.look(deadline)
            return self._calls.release.schedules_by

    def parameters(self, guest: GuestRef, *, deadline: float) -> Mapping[str, int]:
        """Return the parameters."""
        with self._calls.call(C.SCHEDULER_PARAMETERS, deadline, guest):
            return self._read(self._calls.living(guest, deadline), deadline)

    def set_parameters(
        self, guest: GuestRef, values: Mapping[str, int], *, deadline: float
    ) -> None:
        """Change the named ones; the others go along as they are, since XenD wants them all."""
        with self._calls.call(C.SET_SCHEDULER_PARAMETERS, deadline, guest) as door:
            kind = self._calls.release.schedules_by
            names: Collection[str] = {"sedf": _SEDF, "credit": ("weight", "cap")}.get(
                kind, ("weight",)
            )
            for name, value in values.items():
                if name not in names:
                    shown = printable(str(name), limit=40)
                    raise InvalidInput(f"{kind} has no parameter {shown!r}: {', '.join(names)}")
                allowed = _CREDIT.get(name, range(1 << 62)) if kind != "sedf" else range(1 << 62)
                if type(value) is not int or value not in allowed:
                    raise InvalidInput(f"{name}: not {printable(str(value), limit=40)}")
            found = _alive(self._calls.living(guest, deadline), guest)
            if not values:
                return
            whole = {**self._read(found, deadline), **values}
            op = {"sedf": "cpu_sedf_set", "credit2": "domain_sched_credit2_set"}.get(
                kind, "domain_sched_credit_set"
            )
            given: tuple[tuple[str, Value], ...] = tuple((n, whole.get(n, 0)) for n in names)
            door.command(found.key, Op(op, given), deadline)

    def _read(self, found: Found, deadline: float) -> dict[str, int]:
        kind = self._calls.release.schedules_by
        op = {"sedf": "cpu_sedf_get", "credit2": "domain_sched_credit2_get"}.get(
            kind, "domain_sched_credit_get"
        )
        if kind not in ("sedf", "credit", "credit2"):
            return {}
        told = self._calls.ready(deadline).ask(found.key, Op(op), deadline)
        if isinstance(told, str):
            return {name: int(value) for name, value in _ENTRY.findall(told)}
        names = _SEDF if kind == "sedf" else ("weight", "cap")
        pairs_ = pairs(["", *told]) if isinstance(told, list) else {}
        found_ = {name: _int(pairs_.get(name)) for name in names}
        return {name: value for name, value in found_.items() if value is not None}
