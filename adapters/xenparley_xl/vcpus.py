"""Virtual CPUs: `xl vcpu-list`, `vcpu-set`, `vcpu-pin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, NotFound, OperationFailed
from xenparley.negotiation.capability import Capability
from xenparley.ports.vcpus import VcpuInfo
from xenparley_xl import info, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from xenparley.domain.identity import GuestRef
    from xenparley_xl.tables import VcpuRow
    from xenparley_xl.toolstack import Toolstack

__all__ = ["VcpusPort"]

C = Capability
_STATES = {"r": "running", "b": "blocked"}


class VcpusPort:
    """Reads and changes virtual CPUs."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the virtual CPUs by number, the offline ones too."""
        with self._stack.call(C.VCPUS, guest):
            line = self._stack.living(guest, deadline=deadline)
            rows = self._rows(line.domid, deadline)
            cpus = None
            if any(word in ("all", "any cpu") for row in rows for word in (row.affinity, row.soft)):
                cpus = info.number(self._stack.info(deadline=deadline), "nr_cpus")
            return [_vcpu(row, cpus) for row in rows]

    def _rows(self, domid: int, deadline: float) -> list[VcpuRow]:
        text = self._stack.read("vcpu-list", str(domid), deadline=deadline)
        rows = tables.parse_vcpu_list(text, domid)
        if not rows:
            raise NotFound(f"xl vcpu-list tells no virtual CPU of domain {domid}")
        return rows

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Have the first ``online`` CPUs online; the guest must play along."""
        stack = self._stack
        with stack.call(C.SET_VCPUS, guest), stack.observed(guest, deadline):
            line = stack.steerable(guest, deadline=deadline)
            most = len(self._rows(line.domid, deadline))
            if not 1 <= online <= most:
                raise InvalidInput(f"the guest has 1 to {most} virtual CPUs, not {online}")
            stack.change("vcpu-set", str(line.domid), str(online), deadline=deadline)

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Let a virtual CPU run on these host CPUs only."""
        stack = self._stack
        with stack.call(C.PIN_VCPU, guest), stack.observed(guest, deadline):
            line = stack.steerable(guest, deadline=deadline)
            rows = self._rows(line.domid, deadline)
            if not 0 <= vcpu < len(rows):
                raise InvalidInput(f"the guest has virtual CPUs 0 to {len(rows) - 1}, no {vcpu}")
            chosen = sorted(set(cpus))
            most = info.number(stack.info(deadline=deadline), "nr_cpus") or 0
            if not chosen or chosen[0] < 0 or chosen[-1] >= most:
                raise InvalidInput(f"the host has CPUs 0 to {most - 1}, not {chosen[:20]}")
            text = ",".join(map(str, chosen))
            stack.change("vcpu-pin", str(line.domid), str(vcpu), text, deadline=deadline)
            now = tables.cpu_set(self._rows(line.domid, deadline)[vcpu].affinity, most)
            if now is not None and now != set(chosen):
                raise OperationFailed(
                    f"xl vcpu-pin ended well, but the CPU may run on {sorted(now)}"
                )


def _vcpu(row: VcpuRow, cpus: int | None) -> VcpuInfo:
    state = "offline" if not row.online else _STATES.get(row.state.strip("-")[:1], "runnable")
    return VcpuInfo(
        number=row.number,
        online=row.online,
        state=state,
        cpu=row.cpu,
        cpu_time_ns=row.cpu_time_ns,
        affinity=tables.cpu_set(row.affinity, cpus) or None,
        soft_affinity=None if row.soft is None else tables.cpu_set(row.soft, cpus) or None,
    )
