"""Virtual CPUs of a living domain."""

from __future__ import annotations

from xenparley.domain.errors import InvalidInput
from xenparley.domain.runstate import RunFlags
from xenparley.ports.vcpus import VcpuInfo
from xenparley_sim.changes import VCPUS_CHANGED
from xenparley_sim.domain import Domain
from xenparley_sim.hardware import Hardware
from xenparley_sim.transaction import Transaction

__all__ = ["listing", "pin", "set_online"]


def listing(domain: Domain, hardware: Hardware, cpus: int) -> list[VcpuInfo]:
    """Return all of them; the online ones share the domain's CPU time evenly."""
    everywhere = frozenset(range(cpus))
    state = "running" if domain.flags & RunFlags.RUNNING else "blocked"
    if not domain.runs:
        state = "paused" if domain.pauses else "blocked"
    share, rest = divmod(domain.cpu_ns, domain.vcpus)
    found = []
    for number in range(domain.max_vcpus):
        online = number < domain.vcpus
        affinity = hardware.affinity.get(number, everywhere)
        where = sorted(affinity)
        found.append(
            VcpuInfo(
                number=number,
                online=online,
                state=state if online else "offline",
                cpu=where[(domain.domid + number) % len(where)] if online else None,
                cpu_time_ns=share + (rest if number == 0 else 0) if online else 0,
                affinity=affinity,
                soft_affinity=everywhere,
            )
        )
    return found


def set_online(tx: Transaction, domain: Domain, online: int) -> None:
    """Have the first ``online`` online. InvalidInput: fewer than 1, more than the maximum."""
    if not 1 <= online <= domain.max_vcpus:
        raise InvalidInput(
            f"this guest has 1 to {domain.max_vcpus} virtual CPUs online, not {online}"
        )
    if domain.vcpus == online:
        return
    domain.vcpus = online
    tx.put(domain)
    tx.note(VCPUS_CHANGED, domain, str(online))


def pin(tx: Transaction, domain: Domain, vcpu: int, cpus: frozenset[int], count: int) -> None:
    """Bind a virtual CPU to host CPUs. InvalidInput: none, or ones that the host lacks."""
    if not 0 <= vcpu < domain.max_vcpus:
        raise InvalidInput(f"this guest has no virtual CPU {vcpu} (0 to {domain.max_vcpus - 1})")
    if not cpus or not all(0 <= cpu < count for cpu in cpus):
        raise InvalidInput(f"not host CPUs (0 to {count - 1}): {sorted(cpus)[:20]}")
    text = tx.document(f"h:{domain.domid}")
    hardware = Hardware() if text is None else Hardware.read(text)
    hardware.affinity[vcpu] = cpus
    tx.put_document(f"h:{domain.domid}", hardware.text())
