"""Memory, virtual CPUs and the scheduler."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from xenparley.domain.errors import InvalidInput, InvalidState
from xenparley.domain.guest import UNLIMITED_KIB
from xenparley.domain.identity import GuestRef, printable
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.vcpus import VcpuInfo
from xenparley_sim import sizes, vcpus
from xenparley_sim.calls import Calls, defined, living
from xenparley_sim.domain import Domain
from xenparley_sim.hardware import Hardware

__all__ = ["SimMemory", "SimScheduler", "SimVcpus"]


def _check_not_dying(domain: Domain) -> None:
    if domain.dying:
        raise InvalidState(f"domain {domain.domid} is dying", phase=domain.phase.value)


class SimMemory:
    """Reads and changes memory."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return the sizes of a living guest, or of a definition when no id is given."""
        with self._calls.read(Capability.MEMORY, deadline, guest) as tx:
            if guest.domid is None:
                found = defined(tx, guest)
                return MemoryInfo(
                    current_kib=found.memory_kib,
                    target_kib=found.memory_kib,
                    maximum_kib=found.max_kib,
                )
            domain = living(tx, guest)
            return MemoryInfo(
                current_kib=domain.memory_kib,
                target_kib=domain.target_kib,
                maximum_kib=UNLIMITED_KIB if domain.max_kib < 0 else domain.max_kib,
                # Guests are built in no time here.
                claimed_kib=0 if self._calls.hypervisor.facts_in(tx).version >= (4, 3) else None,
            )

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Ask the balloon for a size."""
        with self._calls.command(Capability.SET_MEMORY_TARGET, deadline, guest) as tx:
            domain = living(tx, guest)
            _check_not_dying(domain)
            sizes.set_target(tx, domain, kib, self._calls.hypervisor.free_kib(tx))

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Limit what the guest may hold."""
        with self._calls.command(Capability.SET_MEMORY_MAXIMUM, deadline, guest) as tx:
            domain = living(tx, guest)
            _check_not_dying(domain)
            sizes.set_maximum(tx, domain, kib, careful=True)


class SimVcpus:
    """Reads and changes virtual CPUs."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the virtual CPUs, offline ones too."""
        with self._calls.read(Capability.VCPUS, deadline, guest) as tx:
            domain = living(tx, guest)
            text = tx.document(f"h:{domain.domid}")
            hardware = Hardware() if text is None else Hardware.read(text)
            return vcpus.listing(domain, hardware, self._calls.hypervisor.facts_in(tx).cpus)

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Have the first ``online`` online."""
        with self._calls.command(Capability.SET_VCPUS, deadline, guest) as tx:
            domain = living(tx, guest)
            _check_not_dying(domain)
            vcpus.set_online(tx, domain, online)

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Bind a virtual CPU to host CPUs."""
        with self._calls.command(Capability.PIN_VCPU, deadline, guest) as tx:
            domain = living(tx, guest)
            _check_not_dying(domain)
            count = self._calls.hypervisor.facts_in(tx).cpus
            vcpus.pin(tx, domain, vcpu, frozenset(cpus), count)


class SimScheduler:
    """Reads and changes scheduling parameters (credit and credit2: weight and cap)."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def scheduler_name(self, *, deadline: float) -> str:
        """Return the scheduler's name."""
        with self._calls.read(Capability.SCHEDULER, deadline) as tx:
            return self._calls.hypervisor.facts_in(tx).scheduler

    def parameters(self, guest: GuestRef, *, deadline: float) -> Mapping[str, int]:
        """Return weight and cap."""
        with self._calls.read(Capability.SCHEDULER_PARAMETERS, deadline, guest) as tx:
            domain = living(tx, guest)
            return {"weight": domain.weight, "cap": domain.cap}

    def set_parameters(
        self, guest: GuestRef, values: Mapping[str, int], *, deadline: float
    ) -> None:
        """Change the named ones. InvalidInput names a wrong one; then nothing is changed."""
        with self._calls.command(Capability.SET_SCHEDULER_PARAMETERS, deadline, guest) as tx:
            for name, value in values.items():
                if name not in ("weight", "cap"):
                    shown = printable(str(name), limit=40)
                    raise InvalidInput(f"the scheduler has no parameter {shown!r}: weight, cap")
                if type(value) is not int:
                    raise InvalidInput(f"{name} is a number, not {type(value).__name__}")
            domain = living(tx, guest)
            _check_not_dying(domain)
            sizes.set_credit(tx, domain, values.get("weight"), values.get("cap"))
