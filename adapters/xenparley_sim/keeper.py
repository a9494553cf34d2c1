"""Has a simulated host's time pass by itself, so that who waits for a change is told of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xenparley_sim.hypervisor import Hypervisor

__all__ = ["Keeper"]

#: Longest sleep in seconds: a clock may be set, and a frozen one goes on when it is told to.
_LONGEST: Final = 0.1


class Keeper:
    """A thread that looks at the host whenever something becomes due there."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sim-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; the host must still be open."""
        self._over.set()
        self._hypervisor.wake()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._over.is_set():
            with self._hypervisor.look() as tx:
                (due,) = tx.sql.execute("SELECT min(due) FROM timers").fetchone()
                now = tx.now
            left = _LONGEST if due is None else max(float(due) - now, 0.001)
            if not self._over.is_set():
                self._hypervisor.wait_changed(min(left, _LONGEST))
