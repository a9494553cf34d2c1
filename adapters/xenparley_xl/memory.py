"""A guest's memory: `xl list`, `xl mem-set`, `xl mem-max`.

A bare number is MiB in the code of every release, KiB in the manual of the newest: sizes always go
with their unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.domain.errors import InvalidInput, Unsupported, XenparleyError
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley_xl import info
from xenparley_xl.live import live_object

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["MemoryPort"]

C = Capability


class MemoryPort:
    """Reads and changes memory."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return what the guest holds (whole MiB); from 4.5 on its target and maximum, too.

        From 4.3 on what it claims is told. In 4.1 it is the maximum alone.
        """
        with self._stack.call(C.MEMORY, guest):
            line = self._stack.living(guest, deadline=deadline)
            found = self._memory(line, deadline)
            claimed = self._claimed(line.domid, deadline)
            if claimed and found.current_kib is not None:
                # xl's table adds it up.
                found = evolve(found, current_kib=max(found.current_kib - claimed, 0))
            return evolve(found, claimed_kib=claimed)

    def _claimed(self, domid: int, deadline: float) -> int | None:
        release = self._stack.release()
        if release is not None and release < (4, 3):
            return None
        try:
            told = self._stack.read("claims", deadline=deadline)
        except Unsupported:
            return None  # the kernel tells no release, and xl is an old one
        return info.parse_claims(told).get(domid)

    def _memory(self, line: GuestLine, deadline: float) -> MemoryInfo:
        target = maximum = None
        release = self._stack.release()
        if release is None or release >= (4, 5):
            try:
                found = live_object(self._stack, line.domid, deadline=deadline)
            except XenparleyError as exc:
                if exc.kind == "deadline-exceeded":
                    raise
                found = None  # xl leaves out guests without a stored configuration
            told = found.get("b_info") if isinstance(found, dict) else None
            if isinstance(told, dict):
                target, maximum = _size(told.get("target_memkb")), _size(told.get("max_memkb"))
        if not self._stack.counts_held():
            return MemoryInfo(maximum_kib=line.memory_kib)
        return MemoryInfo(current_kib=line.memory_kib, target_kib=target, maximum_kib=maximum)

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Ask the balloon for this size."""
        stack = self._stack
        with stack.call(C.SET_MEMORY_TARGET, guest), stack.observed(guest, deadline):
            line = stack.steerable(guest, deadline=deadline)
            if kib <= 0:
                raise InvalidInput(f"not a size of memory: {kib} KiB")
            maximum = self._memory(line, deadline).maximum_kib
            if maximum is not None and kib > maximum:
                raise InvalidInput(f"{kib} KiB is above the guest's maximum of {maximum} KiB")
            stack.change("mem-set", str(line.domid), f"{kib}k", deadline=deadline)

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Set what the guest may hold, and XenStore's memory/static-max with it."""
        stack = self._stack
        with stack.call(C.SET_MEMORY_MAXIMUM, guest), stack.observed(guest, deadline):
            line = stack.steerable(guest, deadline=deadline)
            if kib <= 0:
                raise InvalidInput(f"not a size of memory: {kib} KiB")
            now = self._memory(line, deadline)
            # The table counts whole MiB, rounded down or up.
            least = max((now.current_kib or 0) - 1024, now.target_kib or 0)
            if kib < least:
                raise InvalidInput(
                    f"{kib} KiB is below what the guest holds or is to hold ({least} KiB)"
                )
            stack.change("mem-max", str(line.domid), f"{kib}k", deadline=deadline)


def _size(value: object) -> int | None:
    # 2^64 - 1 is libxl's "not said".
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 53:
        return value
    return None
