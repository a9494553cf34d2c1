"""Clocks of the simulated host: seconds since the epoch, injected, so that tests own time."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["Clock", "FrozenClock", "SystemClock"]


class Clock(Protocol):
    """Tells the host's time. Everything that a guest does over time is derived from it."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...


class SystemClock:
    """The machine's wall clock: a persistent host's guests go on while nobody looks."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()


class FrozenClock:
    """A clock that stands still until it is told to go on. Safe for several threads."""

    def __init__(self, start: float = 1_000_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Let this much time pass (never back) and return the new time."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds}")
        with self._lock:
            self._now += seconds
            return self._now
