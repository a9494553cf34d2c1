"""Keeps a worker thread on the CPU of the thread that waits for it.

The two never run at once, and waking a thread on another CPU that sleeps is dear where the CPU is
a virtual one, as dom0's are: 0.1 to 0.4 ms instead of 0.01 ms were measured in a KVM guest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Follower"]


class Follower:
    """Moves one thread; does nothing where the system can't say or set a thread's CPU."""

    __slots__ = ("_cpu", "_getcpu", "_thread")

    def __init__(self, thread: int | None) -> None:
        """Take the thread's native id."""
        self._thread = thread
        self._cpu = -1
        self._getcpu: Callable[[], int] | None = _getcpu() if thread is not None else None

    def come(self) -> None:
        """Have the thread run next where the calling one runs now."""
        if self._getcpu is None or self._thread is None:
            return
        cpu = self._getcpu()
        if cpu == self._cpu:
            return
        self._cpu = cpu
        try:
            os.sched_setaffinity(self._thread, {cpu})
        except OSError:
            # Not allowed here, or the thread has ended: it runs wherever it likes.
            self._getcpu = None


def _getcpu() -> Callable[[], int] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes

    try:
        found: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError):
        return None
    return found
