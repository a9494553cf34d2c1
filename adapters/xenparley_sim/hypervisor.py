"""The simulated hypervisor: what an embedder holds, and what every server of the host shares."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, NotFound
from xenparley.domain.identity import DOM0_HANDLE
from xenparley.domain.runstate import RunFlags
from xenparley_sim import life
from xenparley_sim.changes import Change
from xenparley_sim.clock import Clock, SystemClock
from xenparley_sim.domain import UNLIMITED_KIB, Domain
from xenparley_sim.facts import HostFacts, Timing
from xenparley_sim.observers import Observers
from xenparley_sim.store import Store
from xenparley_sim.transaction import Definition, Transaction

if TYPE_CHECKING:
    import sqlite3

    from xenparley.domain.config import GuestConfig
    from xenparley.domain.config.devices import Disk, HostPci, Interface
    from xenparley_sim.hardware import Hardware

__all__ = ["Hypervisor"]

#: How long a call of this class waits for other threads and processes, in seconds.
PATIENCE_S = 10.0


class Hypervisor:
    """One simulated Xen host. Safe for several threads; with ``path`` for several processes.

    Domain ids ascend and are not reused before they wrap. Nothing runs by itself: each call first
    carries out what has become due by ``clock``. Under a FrozenClock all is deterministic,
    but the UUIDs of guests that come without one.

    The methods speak as the hypervisor and its toolstack do, by domain id: NotFound when it is
    not living. Servers that need several looks at one moment use :meth:`look` and
    :meth:`change`.
    """

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
        self.peers: dict[str, Hypervisor] = {}
        #: Whether guests made from now on obey requests to shut down.
        self.new_guests_obey = True
        self._observers = Observers(self)
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

    def domains(self) -> list[Domain]:
        """Return every living domain by id, Domain 0 included."""
        with self.look() as tx:
            return list(tx.domains())

    def domain(self, domid: int) -> Domain | None:
        """Return one domain as it is now; a snapshot, changing it changes nothing."""
        with self.look() as tx:
            return tx.domain(domid)

    def hardware(self, domid: int) -> Hardware:
        """Return a domain's devices, consoles, displays and affinity; a snapshot."""
        from xenparley_sim.hardware import Hardware

        with self.look() as tx:
            self._living(tx, domid)
            text = tx.document(f"h:{domid}")
        return Hardware() if text is None else Hardware.read(text)

    def config(self, domid: int) -> GuestConfig:
        """Return what a living guest runs with."""
        from xenparley_sim import toolstack

        with self.look() as tx:
            return toolstack.live_config(tx, self._living(tx, domid))

    def definitions(self) -> list[Definition]:
        """Return what is known of every definition, by name."""
        with self.look() as tx:
            return tx.definitions()

    # The hypervisor's own commands

    def pause(self, domid: int) -> None:
        """Pause once more (counted, to 255)."""
        with self._act(domid) as (tx, domain):
            life.pause(tx, domain)

    def unpause(self, domid: int) -> None:
        """Take one pause back; InvalidInput when there is none."""
        with self._act(domid) as (tx, domain):
            life.unpause(tx, domain)

    def destroy(self, domid: int) -> None:
        """Pull the plug: the domain is dying, then gone."""
        with self._act(domid) as (tx, domain):
            life.begin_dying(tx, domain, "destroyed")

    def stop(self, domid: int, reason: int) -> None:
        """Have the guest end by itself with a shutdown reason (SCHEDOP_shutdown)."""
        with self._act(domid) as (tx, domain):
            life.end(tx, domain, reason)

    def crash(self, domid: int) -> None:
        """Have the guest's kernel die; on_crash says what follows."""
        self.stop(domid, 3)

    def request(self, domid: int, what: str | None) -> None:
        """Write ``poweroff``, ``reboot``, ... into control/shutdown, or withdraw it (None)."""
        with self._act(domid) as (tx, domain):
            life.request(tx, domain, what)

    def set_obedient(self, domid: int, obedient: bool) -> None:
        """Have the guest obey requests to shut down, or ignore them."""
        with self._act(domid) as (tx, domain):
            domain.obedient = int(obedient)
            life.retime(tx, domain)
            tx.put(domain)

    def set_activity(self, domid: int, activity: RunFlags) -> None:
        """Choose what the state of the running guest shows: RUNNING, BLOCKED or NONE."""
        if activity not in (RunFlags.RUNNING, RunFlags.BLOCKED, RunFlags.NONE):
            raise InvalidInput(f"not what a running guest shows: {activity!r}")
        with self._act(domid) as (tx, domain):
            domain.activity = int(activity)
            tx.put(domain)

    def set_target(self, domid: int, kib: int) -> None:
        """Write the balloon's target (memory/target); the guest follows up to its maximum."""
        from xenparley_sim import sizes

        with self._act(domid) as (tx, domain):
            sizes.set_target(tx, domain, kib, self.free_kib(tx))

    def set_maximum(self, domid: int, kib: int) -> None:
        """Limit the domain's memory (XEN_DOMCTL_max_mem): taken as it is, as Xen does."""
        from xenparley_sim import sizes

        with self._act(domid) as (tx, domain):
            sizes.set_maximum(tx, domain, kib, careful=False)

    def set_vcpus(self, domid: int, online: int) -> None:
        """Have the first ``online`` virtual CPUs online."""
        from xenparley_sim import vcpus

        with self._act(domid) as (tx, domain):
            vcpus.set_online(tx, domain, online)

    def pin_vcpu(self, domid: int, vcpu: int, cpus: frozenset[int]) -> None:
        """Bind a virtual CPU to host CPUs. InvalidInput: none, or ones that aren't there."""
        from xenparley_sim import vcpus

        with self._act(domid) as (tx, domain):
            vcpus.pin(tx, domain, vcpu, cpus, self.facts_in(tx).cpus)

    def set_credit(self, domid: int, *, weight: int | None = None, cap: int | None = None) -> None:
        """Change the credit scheduler's parameters; None leaves one as it is."""
        from xenparley_sim import sizes

        with self._act(domid) as (tx, domain):
            sizes.set_credit(tx, domain, weight, cap)

    # The toolstack's

    def create(
        self, config: GuestConfig, *, paused: bool = False, even_twice: bool = False
    ) -> Domain:
        """Make and start a guest. AlreadyExists: its name or UUID is living.

        ``even_twice`` makes it all the same, as real hosts can be brought to do.
        """
        from xenparley_sim import toolstack

        config = toolstack.checked(config)
        with self.change() as tx:
            if not even_twice:
                toolstack.check_not_living(tx, config.name, config.uuid)
            return self.build(tx, config, paused=paused)

    def build(self, tx: Transaction, config: GuestConfig, *, paused: bool) -> Domain:
        """Make a living guest inside a transaction."""
        from xenparley_sim import toolstack

        return toolstack.build(
            tx,
            config,
            paused=paused,
            cpus=self.facts_in(tx).cpus,
            free_kib=self.free_kib,
            obedient=self.new_guests_obey,
        )

    def define(self, config: GuestConfig) -> Definition:
        """Add or replace a definition."""
        from xenparley_sim import toolstack

        with self.change() as tx:
            return toolstack.define(tx, config, self.facts_in(tx).cpus)

    def rename(self, domid: int, name: str) -> None:
        """Give a guest another name, and its definition too."""
        from xenparley_sim import toolstack

        with self._act(domid) as (tx, domain):
            toolstack.rename(tx, domain, name)

    def attach(self, domid: int, device: Disk | Interface | HostPci) -> None:
        """Plug a device into a living guest."""
        from xenparley_sim import plugging

        with self._act(domid) as (tx, domain):
            plugging.attach(tx, domain, device)

    def detach(self, domid: int, device: Disk | Interface | HostPci) -> None:
        """Unplug a device from a living guest."""
        from xenparley_sim import plugging

        with self._act(domid) as (tx, domain):
            plugging.detach(tx, domain, device)

    # Being told

    def observe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back for every change from now on, in order; returns what ends that.

        It is called in the thread that changed or looked, after the transaction and outside all
        locks, one call at a time. Changes of other processes are told at this one's next look
        (``settle``).
        """
        return self._observers.add(callback)

    def notify(self) -> None:
        """Tell observers and waiting subscriptions what is new."""
        self.wake()
        self._observers.deliver()

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
        from xenparley_sim.facts_text import facts_text

        facts = self._given or HostFacts()
        now = self.clock.now()
        sql.execute(
            "INSERT INTO host (one, next_domid, held_kib, release, facts) VALUES (0, 1, 0, ?, ?)",
            (facts.release, facts_text(facts)),
        )
        Transaction(sql, now, self.timing).insert(
            Domain(
                domid=0,
                handle=DOM0_HANDLE,
                name="Domain-0",
                virt="pv",
                pauses=0,
                reason=None,
                dying=0,
                activity=int(RunFlags.RUNNING),
                started=now,
                since=now,
                cpu_ns=0,
                memory_kib=facts.dom0_kib,
                target_kib=facts.dom0_kib,
                max_kib=UNLIMITED_KIB,
                held_kib=0,
                boot_kib=facts.dom0_kib,
                vcpus=facts.dom0_vcpus,
                max_vcpus=facts.dom0_vcpus,
                boot_vcpus=facts.dom0_vcpus,
                weight=256,
                cap=0,
                request=None,
                obedient=0,
                actions="destroy,restart,destroy,destroy,soft-reset",
                after=None,
                cause=None,
            )
        )
