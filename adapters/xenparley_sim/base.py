"""What a simulated host is below its commands: store, clock, facts, and who is told of changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound
from xenparley_sim.changes import Change
from xenparley_sim.clock import Clock, SystemClock
from xenparley_sim.domain import Domain
from xenparley_sim.facts import HostFacts, Timing
from xenparley_sim.store import Store
from xenparley_sim.transaction import Transaction

if TYPE_CHECKING:
    import sqlite3

    from xenparley_sim.observers import Observers

__all__ = ["HostBase"]

#: How long a call without a deadline waits for other threads and processes, in seconds.
PATIENCE_S = 10.0


def _none() -> float:
    return 0.0


class HostBase:
    """One simulated host: looked at and changed in transactions, told of by observers."""

    def __init__(
        self,
        path: str | None = None,
        *,
        clock: Clock | None = None,
        facts: HostFacts | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.timing = timing or Timing()
        self._given = facts
        # A file keeps the facts with which it was made; they are read when they are asked for.
        self._facts = (facts or HostFacts()) if path is None else None
        self._store = Store(path, self._create)
        #: Other simulated hosts that guests can be migrated to, by name.
        self.peers: dict[str, HostBase] = {}
        #: Whether guests made from now on obey requests to shut down.
        self.new_guests_obey = True
        self._observers: Observers | None = None
        #: How many seconds who changed something waits until observers have been told of it by
        #: another thread that is at it; asked each time.
        self.patience: Callable[[], float] = _none
        self._changed = threading.Condition()

    # Looking and changing

    @contextmanager
    def look(self, deadline: float | None = None) -> Iterator[Transaction]:
        """Read at one moment. Nothing may be written in it."""
        limit = self._limit(deadline)
        with self._store.transaction(limit, write=False) as sql:
            now = self.clock.now()
            tx = Transaction(sql, now, self.timing)
            if tx.due(now) is None:
                yield tx
                return
        with self.change(limit) as tx:
            pass
        with self._store.transaction(limit, write=False) as sql:
            # The same moment as before: what became due meanwhile is for the next look.
            yield Transaction(sql, tx.now, self.timing)

    @contextmanager
    def change(self, deadline: float | None = None) -> Iterator[Transaction]:
        """Change the host in one transaction: all of it, or nothing when an error leaves."""
        from xenparley_sim import life

        limit = self._limit(deadline)
        with self._store.transaction(limit, write=True) as sql:
            tx = Transaction(sql, self.clock.now(), self.timing)
            life.advance(tx, tx.now, self.free_kib)
            yield tx
        self.notify()

    def settle(self) -> None:
        """Carry out what has become due; every look does it too."""
        with self.look():
            pass

    # Reading

    @property
    def path(self) -> str | None:
        """The file the host lives in; None: in memory."""
        return self._store.path

    @property
    def facts(self) -> HostFacts:
        """The host's facts; a file keeps those with which it was made."""
        if self._facts is None:
            with self.look() as tx:
                self._facts = self.facts_in(tx)
        return self._facts

    def release(self, tx: Transaction) -> str:
        """Return Xen's release without reading the other facts."""
        if self._facts is not None:
            return self._facts.release
        return str(tx.sql.execute("SELECT release FROM host").fetchone()[0])

    def facts_in(self, tx: Transaction) -> HostFacts:
        """Return the host's facts inside a transaction."""
        if self._facts is None:
            from xenparley_sim.facts_text import read_facts

            (text,) = tx.sql.execute("SELECT facts FROM host").fetchone()
            self._facts = read_facts(text)
        return self._facts

    def free_kib(self, tx: Transaction) -> int:
        """Return the host's free memory in KiB."""
        facts = self.facts_in(tx)
        return max(0, facts.memory_kib - facts.xen_kib - tx.held_kib())

    # Being told

    def observe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back for every change from now on, in order; returns what ends that.

        It is called in the thread that changed or looked, after the transaction and outside all
        locks, one call at a time. Changes of other processes are told at this one's next look
        (``settle``).
        """
        with self._changed:
            if self._observers is None:
                from xenparley_sim.observers import Observers

                self._observers = Observers(self)
        return self._observers.add(callback)

    def notify(self) -> None:
        """Tell observers and waiting subscriptions what is new."""
        self.wake()
        if self._observers is not None:
            self._observers.deliver(self.patience())

    def wake(self) -> None:
        """End every wait_changed()."""
        with self._changed:
            self._changed.notify_all()

    def wait_changed(self, seconds: float) -> None:
        """Wait until this process changes something, for so many seconds at most."""
        with self._changed:
            self._changed.wait(seconds)

    # The store

    def close(self) -> None:
        """Let go of the file (the host in it lives on) or of the memory. Idempotent."""
        self._store.close()
        self.wake()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._store.closed

    def exists(self) -> bool:
        """Whether the host is there already; false for a file that the first use will make."""
        return self._store.exists()

    def open(self, deadline: float) -> None:
        """Open and check the store; make it when there is none."""
        self._store.open(deadline)

    @staticmethod
    def _limit(deadline: float | None) -> float:
        return time.monotonic() + PATIENCE_S if deadline is None else deadline

    @contextmanager
    def _act(self, domid: int) -> Iterator[tuple[Transaction, Domain]]:
        with self.change() as tx:
            yield tx, self._living(tx, domid)

    @staticmethod
    def _living(tx: Transaction, domid: int) -> Domain:
        domain = tx.domain(domid)
        if domain is None:
            raise NotFound(f"no domain {domid}", guest=f"domain id {domid}")
        return domain

    def _create(self, sql: sqlite3.Connection) -> None:
        from xenparley_sim.birth import fill

        fill(Transaction(sql, self.clock.now(), self.timing), self._given or HostFacts())
