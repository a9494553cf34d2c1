"""The simulated hypervisor: what an embedder holds, and what every server of the host shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, NotFound
from xenparley.domain.runstate import RunFlags
from xenparley_sim.base import HostBase
from xenparley_sim.domain import Domain
from xenparley_sim.transaction import Definition, Transaction

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.ports.devices import AnyDevice
    from xenparley_sim.hardware import Hardware

__all__ = ["Hypervisor"]


class Hypervisor(HostBase):
    """One simulated Xen host. Safe for several threads; with ``path`` for several processes.

    Domain ids ascend and are not reused before they wrap. Nothing runs by itself: each call first
    carries out what has become due by ``clock``. Under a FrozenClock all is deterministic,
    but the UUIDs of guests that come without one.

    The methods speak as the hypervisor and its toolstack do, by domain id: NotFound when it is
    not living. Servers that need several looks at one moment use :meth:`look` and
    :meth:`change`.
    """

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
        from xenparley_sim import life

        with self._act(domid) as (tx, domain):
            life.pause(tx, domain)

    def unpause(self, domid: int) -> None:
        """Take one pause back; InvalidInput when there is none."""
        from xenparley_sim import life

        with self._act(domid) as (tx, domain):
            life.unpause(tx, domain)

    def destroy(self, domid: int) -> None:
        """Pull the plug: the domain is dying, then gone."""
        from xenparley_sim import life

        with self._act(domid) as (tx, domain):
            life.begin_dying(tx, domain, "destroyed")

    def stop(self, domid: int, reason: int) -> None:
        """Have the guest end by itself with a shutdown reason (SCHEDOP_shutdown)."""
        from xenparley_sim import life

        with self._act(domid) as (tx, domain):
            life.end(tx, domain, reason)

    def crash(self, domid: int) -> None:
        """Have the guest's kernel die; on_crash says what follows."""
        self.stop(domid, 3)

    def request(self, domid: int, what: str | None) -> None:
        """Write ``poweroff``, ``reboot``, ... into control/shutdown, or withdraw it (None)."""
        from xenparley_sim import life

        with self._act(domid) as (tx, domain):
            life.request(tx, domain, what)

    def set_obedient(self, domid: int, obedient: bool) -> None:
        """Have the guest obey requests to shut down, or ignore them."""
        from xenparley_sim import life

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

    def start(self, uuid: str, *, paused: bool = False) -> Domain:
        """Start a defined guest. NotFound: it is not defined; AlreadyExists: it is living."""
        from xenparley_sim import toolstack

        with self.change() as tx:
            definition = tx.definition(uuid=uuid)
            if definition is None:
                raise NotFound(f"{uuid} is not defined")
            toolstack.check_not_living(tx, definition.name, definition.uuid)
            return self.build(tx, toolstack.defined_config(tx, definition), paused=paused)

    def undefine(self, uuid: str) -> None:
        """Remove a definition; a living guest goes on. NotFound."""
        from xenparley_sim import toolstack

        with self.change() as tx:
            definition = tx.definition(uuid=uuid)
            if definition is None:
                raise NotFound(f"{uuid} is not defined")
            toolstack.undefine(tx, definition)

    def save(self, domid: int, path: str) -> None:
        """Write the guest's state to a file of this host and end it."""
        from xenparley_sim import images

        with self._act(domid) as (tx, domain):
            images.save(tx, domain, path)

    def restore(self, path: str, *, paused: bool = False) -> Domain:
        """Bring a saved guest back under a new domain id."""
        from xenparley_sim import images

        with self.change() as tx:
            return images.restore(tx, path, paused=paused, free_kib=self.free_kib)

    def rename(self, domid: int, name: str) -> None:
        """Give a guest another name, and its definition too."""
        from xenparley_sim import toolstack

        with self._act(domid) as (tx, domain):
            toolstack.rename(tx, domain, name)

    def attach(self, domid: int, device: AnyDevice) -> None:
        """Plug a device into a living guest."""
        from xenparley_sim import plugging

        with self._act(domid) as (tx, domain):
            plugging.attach(tx, domain, device)

    def detach(self, domid: int, device: AnyDevice) -> None:
        """Unplug a device from a living guest."""
        from xenparley_sim import plugging

        with self._act(domid) as (tx, domain):
            plugging.detach(tx, domain, device)
