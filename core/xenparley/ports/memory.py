"""A guest's memory."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

__all__ = ["Memory", "MemoryInfo"]


@frozen(kw_only=True)
class MemoryInfo:
    """All in KiB; None where it is not known. ``maximum_kib`` -1: no limit.

    ``target_kib`` is what the balloon was asked for, ``current_kib`` what the guest holds.
    ``claimed_kib`` is set aside for it beyond that while it is built (XENMEM_claim_pages, Xen 4.3).
    """

    current_kib: int | None = None
    target_kib: int | None = None
    maximum_kib: int | None = None
    claimed_kib: int | None = None


class Memory(Protocol):
    """Reads and changes memory. KiB everywhere; a channel that counts in MiB rounds up."""

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return the memory of a living guest, or of a definition when ``domid`` is None."""
        ...

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Ask the balloon for this size; it takes its time. InvalidInput above the maximum."""
        ...

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Set what the guest may hold. InvalidInput below what it holds or has as its target."""
        ...
