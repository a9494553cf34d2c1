"""Images and migration."""

from __future__ import annotations

import time
from collections.abc import Mapping

from xenparley.domain.errors import InvalidInput, NotFound, OutcomeUnknown, XenparleyError
from xenparley.domain.identity import GuestRef, printable
from xenparley.domain.lifecycle import Command
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_sim import images, life
from xenparley_sim.base import HostBase
from xenparley_sim.calls import Calls, living
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.lifecycle_port import check_command
from xenparley_sim.store import check_path

__all__ = ["SimImages", "SimMigration"]


class SimImages:
    """Saves, restores and dumps. The files are the simulated host's, not this machine's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def save(self, guest: GuestRef, path: str, *, deadline: float) -> Receipt:
        """Write the guest's state to a file and end it."""
        with self._calls.command(Capability.SAVE, deadline, guest) as tx:
            images.check_image_path(path)
            domain = living(tx, guest)
            life.check_unprivileged(domain, "be saved")
            check_command(tx, domain, Command.SAVE)
            images.save(tx, domain, path)
            return Receipt()

    def restore(self, path: str, *, paused: bool, deadline: float) -> Receipt:
        """Bring a saved guest back under a new domain id."""
        with self._calls.command(Capability.RESTORE, deadline) as tx:
            domain = images.restore(
                tx, path, paused=paused, free_kib=self._calls.hypervisor.free_kib
            )
            return Receipt(domid=domain.domid)

    def dump(self, guest: GuestRef, path: str, *, live: bool, deadline: float) -> Receipt:
        """Write a core dump; the guest goes on."""
        with self._calls.command(Capability.DUMP, deadline, guest) as tx:
            images.check_image_path(path)
            domain = living(tx, guest)
            life.check_unprivileged(domain, "be dumped")
            check_command(tx, domain, Command.DUMP)
            images.dump(tx, domain, path)
            return Receipt(how="live" if live else "paused meanwhile")


class SimMigration:
    """Moves a guest to a peer of the hypervisor, by name, or to another file's host (sim:PATH)."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def migrate(
        self,
        guest: GuestRef,
        destination: str,
        *,
        live: bool,
        options: Mapping[str, str],
        deadline: float,
    ) -> Receipt:
        """Move the guest; it is never in both places unpaused. There are no options."""
        with self._calls.bare(Capability.MIGRATE, deadline, guest, command=True):
            if options:
                names = ", ".join(printable(str(name), limit=40) for name in options)
                raise InvalidInput(f"the simulated host knows no such option: {names}")
            with self._calls.hypervisor.look(deadline) as tx:
                domain = living(tx, guest)
                life.check_unprivileged(domain, "migrate")
                check_command(tx, domain, Command.MIGRATE)
            target, ours = self._target(destination)
            try:
                self._move(guest, target, deadline)
            finally:
                if ours:
                    target.close()
            return Receipt(how="live" if live else "paused meanwhile")

    def _move(self, guest: GuestRef, target: HostBase, deadline: float) -> None:
        source = self._calls.hypervisor
        with source.look(deadline) as tx:
            domain = living(tx, guest)
            text = images.pack(tx, domain)
        with target.change(deadline) as far:
            arrived = images.accept(far, text, paused=True, free_kib=target.free_kib)
            life.announce(far, arrived, "migrated")
        try:
            with source.change(deadline) as tx:
                leaving = living(tx, guest)
                check_command(tx, leaving, Command.MIGRATE)
                was_paused = bool(leaving.pauses)
                images.leave(tx, leaving)
        except XenparleyError:
            # It still runs here: the copy, which never ran, goes again.
            self._drop_copy(target, arrived.domid, arrived.handle)
            raise
        if not was_paused:
            self._let_run(target, arrived.domid, arrived.handle)

    @staticmethod
    def _drop_copy(target: HostBase, domid: int, handle: str) -> None:
        with target.change(time.monotonic() + 1.0) as far:
            copy = far.domain(domid)
            if copy is not None and copy.handle == handle:
                life.begin_dying(far, copy, "destroyed")

    @staticmethod
    def _let_run(target: HostBase, domid: int, handle: str) -> None:
        try:
            with target.change(time.monotonic() + 5.0) as far:
                copy = far.domain(domid)
                if copy is not None and copy.handle == handle and copy.pauses:
                    life.unpause(far, copy)
        except XenparleyError as exc:
            raise OutcomeUnknown(
                f"the guest left, but is still paused at its destination: {exc}"
            ) from exc

    def _target(self, destination: str) -> tuple[HostBase, bool]:
        """Return the hypervisor that is meant, and whether it is ours to close."""
        source = self._calls.hypervisor
        peer = source.peers.get(destination)
        if peer is not None:
            if peer is source:
                raise InvalidInput("the destination is this host itself")
            return peer, False
        shown = printable(destination, limit=200)
        if not destination or destination.startswith("-") or shown != destination[:200]:
            raise InvalidInput(f"not a simulated host: {shown!r}")
        if any(c.isspace() for c in destination) and not destination.startswith("sim:"):
            raise InvalidInput(f"not a simulated host: {shown!r}")
        if not destination.startswith("sim:") or len(destination) == len("sim:"):
            raise NotFound(f"no simulated host {shown!r}: a peer's name or sim:PATH")
        path = check_path(destination.removeprefix("sim:"))
        if path == source.path:
            raise InvalidInput("the destination is this host itself")
        target = Hypervisor(path, clock=source.clock, timing=source.timing)
        if not target.exists():
            raise NotFound(f"no simulated host {shown!r}: the file does not exist")
        return target, True
