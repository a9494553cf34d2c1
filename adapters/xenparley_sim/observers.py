"""Callbacks for changes, called in order and outside all locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from xenparley_sim.changes import Change

if TYPE_CHECKING:
    from xenparley_sim.base import HostBase

from xenparley.plugin.log import logger

__all__ = ["Observers"]


class Observers:
    """Reads the journal from where it stopped and tells everybody. One thread at a time tells."""

    def __init__(self, hypervisor: HostBase) -> None:
        self._hypervisor = hypervisor
        self._callbacks: list[Callable[[Change], None]] = []
        self._guard = threading.Lock()
        self._idle = threading.Condition(self._guard)
        self._telling = False
        self._teller: int | None = None
        self._again = False
        self._last = 0

    def add(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back for changes from now on; returns what ends that."""
        with self._hypervisor.look() as tx:
            last = tx.last_change()
        with self._guard:
            if not self._callbacks:
                self._last = last
            self._callbacks.append(callback)

        def stop() -> None:
            with self._guard:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return stop

    def deliver(self, patience: float = 0.0) -> None:
        """Tell what is new, unless another call is telling already: then that one does.

        ``patience``: how many seconds to wait until it has.
        """
        with self._guard:
            if not self._callbacks:
                return
            self._again = True
            if self._telling:
                if patience and self._teller != threading.get_ident():
                    self._idle.wait_for(lambda: not self._telling, patience)
                return
            self._telling = True
            self._teller = threading.get_ident()
        try:
            while self._next_round():
                self._tell()
        except BaseException:
            with self._guard:
                self._telling = False
                self._idle.notify_all()
            raise

    def _next_round(self) -> bool:
        with self._guard:
            again, self._again = self._again, False
            if not again:
                self._telling = False
                self._idle.notify_all()
            return again

    def _tell(self) -> None:
        with self._hypervisor.look() as tx:
            news = tx.changes(self._last)
        for change in news:
            self._last = change.seq
            with self._guard:
                callbacks = tuple(self._callbacks)
            for callback in callbacks:
                try:
                    callback(change)
                except Exception:  # noqa: BLE001 - logged: one must not silence the others
                    logger("sim").exception("an observer of the simulated host failed")
        if news:
            with self._guard:
                self._again = True
