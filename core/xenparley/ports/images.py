"""Images of guests: saved state and core dumps. Paths are absolute, on the Xen host."""

from __future__ import annotations

from typing import Protocol

from xenparley.domain.identity import GuestRef
from xenparley.ports.lifecycle import Receipt

__all__ = ["Images"]


class Images(Protocol):
    """Saves, restores and dumps. May take minutes; never stopped half-way by us."""

    def save(self, guest: GuestRef, path: str, *, deadline: float) -> Receipt:
        """Write the guest's state to the file and end it. AlreadyExists when the file does."""
        ...

    def restore(self, path: str, *, paused: bool, deadline: float) -> Receipt:
        """Bring a saved guest back; the file stays. ``domid`` of the receipt is the new one."""
        ...

    def dump(self, guest: GuestRef, path: str, *, live: bool, deadline: float) -> Receipt:
        """Write a core dump; the guest goes on (``live``: it is not even paused meanwhile)."""
        ...
