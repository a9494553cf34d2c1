"""Memory and scheduling parameters of a living domain."""

from __future__ import annotations

from xenparley.domain.errors import InvalidInput, OperationFailed
from xenparley.domain.events import EventKind
from xenparley_sim import life
from xenparley_sim.domain import UNLIMITED_KIB, Domain
from xenparley_sim.transaction import Transaction

__all__ = ["SEDF", "set_credit", "set_maximum", "set_target"]

MAX_KIB = 1 << 40
#: What every guest of a host with the sedf scheduler has beside its weight; times in nanoseconds.
SEDF = {"period": 100_000_000, "slice": 0, "latency": 0, "extratime": 1}


def set_target(tx: Transaction, domain: Domain, kib: int, free_kib: int) -> None:
    """Ask the balloon for a size. InvalidInput above the maximum, OperationFailed: not free."""
    if not 0 < kib <= MAX_KIB:
        raise InvalidInput(f"not a size in KiB: {kib}")
    if domain.max_kib != UNLIMITED_KIB and kib > domain.max_kib:
        raise InvalidInput(f"{kib} KiB is above the maximum of {domain.max_kib} KiB")
    if kib - domain.held_kib > free_kib:
        raise OperationFailed(f"not enough free memory for {kib} KiB: {free_kib} KiB are free")
    if domain.target_kib == kib:
        return
    domain.target_kib = kib
    life.retime(tx, domain)
    tx.put(domain)
    tx.note(EventKind.MEMORY_CHANGED.value, domain, f"target {kib}")


def set_maximum(tx: Transaction, domain: Domain, kib: int, *, careful: bool) -> None:
    """Limit what the domain may hold; ``careful`` refuses less than it holds or aims at.

    Xen itself takes any number and the domain keeps what it has; toolstacks refuse.
    """
    if not 0 < kib <= MAX_KIB:
        raise InvalidInput(f"not a size in KiB: {kib}")
    used = max(domain.memory_kib, domain.target_kib)
    if careful and kib < used:
        raise InvalidInput(f"{kib} KiB is below the {used} KiB that the guest holds or aims at")
    if domain.max_kib == kib:
        return
    domain.max_kib = kib
    tx.put(domain)
    tx.note(EventKind.MEMORY_CHANGED.value, domain, f"maximum {kib}")


def set_credit(tx: Transaction, domain: Domain, weight: int | None, cap: int | None) -> None:
    """Change weight (1 to 65535) and cap (percent of one CPU, 0: none). InvalidInput."""
    if weight is not None and not 1 <= weight <= 65535:
        raise InvalidInput(f"weight is 1 to 65535, not {weight}")
    if cap is not None and not 0 <= cap <= 100 * domain.max_vcpus:
        raise InvalidInput(f"cap is 0 to {100 * domain.max_vcpus} for this guest, not {cap}")
    if weight is not None:
        domain.weight = weight
    if cap is not None:
        domain.cap = cap
    tx.put(domain)
