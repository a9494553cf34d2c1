"""Lifecycle: what the table of the domain allows, the simulated host does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, InvalidState, Unsupported
from xenparley.domain.identity import GuestRef, canonical_uuid, printable
from xenparley.domain.lifecycle import Command, Phase, check
from xenparley.domain.runstate import ShutdownReason
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_sim import life
from xenparley_sim.calls import Calls, defined, living
from xenparley_sim.domain import Domain
from xenparley_sim.transaction import Transaction

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = ["SimLifecycle", "check_command"]

_BUTTONS = ("power", "sleep", "nmi", "init", "reset")


def check_command(tx: Transaction, domain: Domain, command: Command) -> None:
    """Raise InvalidState when the phase of a living guest does not allow the command."""
    is_defined = tx.definition(uuid=domain.handle) is not None
    check(domain.phase, command, defined=is_defined, guest=printable(domain.name))


class SimLifecycle:
    """Steers guests."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
        """Make and start a guest; with the UUID of a definition, only ``start`` does that."""
        from xenparley_sim import toolstack

        guest = GuestRef(uuid=config.uuid, name=config.name)
        with self._calls.command(Capability.CREATE, deadline, guest) as tx:
            uuid = None if config.uuid is None else canonical_uuid(config.uuid)
            toolstack.check_not_living(tx, config.name, uuid)
            if uuid is not None and tx.definition(uuid=uuid) is not None:
                check(Phase.SHUT_OFF, Command.CREATE, defined=True, guest=str(guest))
            domain = self._calls.hypervisor.build(tx, config, paused=paused)
            return Receipt(domid=domain.domid)

    def start(self, guest: GuestRef, *, paused: bool, deadline: float) -> Receipt:
        """Start a defined guest."""
        from xenparley_sim import toolstack

        with self._calls.command(Capability.START, deadline, guest) as tx:
            definition = defined(tx, guest)
            toolstack.check_not_living(tx, definition.name, definition.uuid)
            config = toolstack.defined_config(tx, definition)
            domain = self._calls.hypervisor.build(tx, config, paused=paused)
            return Receipt(domid=domain.domid)

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pause; one that is paused stays as it is."""
        with self._calls.command(Capability.PAUSE, deadline, guest) as tx:
            domain = living(tx, guest)
            life.check_unprivileged(domain, "pause")
            check_command(tx, domain, Command.PAUSE)
            if not domain.pauses:
                life.pause(tx, domain)
            return Receipt()

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Take every pause back; one that is not paused stays as it is."""
        with self._calls.command(Capability.UNPAUSE, deadline, guest) as tx:
            domain = living(tx, guest)
            check_command(tx, domain, Command.UNPAUSE)
            while domain.pauses:
                life.unpause(tx, domain)
            return Receipt()

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to power off."""
        with self._calls.command(Capability.SHUTDOWN, deadline, guest) as tx:
            return self._ask(tx, guest, Command.SHUTDOWN, "poweroff")

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to reboot."""
        with self._calls.command(Capability.REBOOT, deadline, guest) as tx:
            return self._ask(tx, guest, Command.REBOOT, "reboot")

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pull the plug."""
        with self._calls.command(Capability.DESTROY, deadline, guest) as tx:
            domain = living(tx, guest)
            life.check_unprivileged(domain, "end")
            check_command(tx, domain, Command.DESTROY)
            life.begin_dying(tx, domain, "destroyed")
            return Receipt()

    def rename(self, guest: GuestRef, name: str, *, deadline: float) -> Receipt:
        """Give a living guest (by domain id) or a definition another name."""
        from xenparley_sim import toolstack

        with self._calls.command(Capability.RENAME, deadline, guest) as tx:
            if guest.domid is None:
                toolstack.rename_definition(tx, defined(tx, guest), name)
            else:
                domain = living(tx, guest)
                life.check_unprivileged(domain, "take another name")
                toolstack.rename(tx, domain, name)
            return Receipt()

    def trigger(self, guest: GuestRef, event: str, *, deadline: float) -> Receipt:
        """Press a button (hvm only) or a SysRq key: ``b`` reboots, ``c`` crashes, ``o`` ends."""
        with self._calls.command(Capability.TRIGGER, deadline, guest) as tx:
            key = event.removeprefix("sysrq-")
            is_key = key != event and len(key) == 1 and key.isascii() and key.isalnum()
            if not is_key and event not in _BUTTONS:
                raise InvalidInput(
                    f"not a button or key: {printable(event, limit=40)!r} "
                    f"({', '.join(_BUTTONS)}, sysrq-X)"
                )
            domain = living(tx, guest)
            life.check_unprivileged(domain, "be triggered")
            if not is_key and domain.virt != "hvm":
                raise Unsupported(f"a {domain.virt} guest has no buttons; try sysrq-X")
            if domain.phase is not Phase.ACTIVE:
                raise InvalidState(
                    f"the guest is {domain.phase.value}: it would not notice",
                    phase=domain.phase.value,
                )
            if event == "power":
                life.request(tx, domain, "poweroff")
            elif event == "reset" or (is_key and key == "b"):
                life.end(tx, domain, ShutdownReason.REBOOT)
            elif is_key and key == "c":
                life.end(tx, domain, ShutdownReason.CRASH)
            elif is_key and key == "o":
                life.end(tx, domain, ShutdownReason.POWEROFF)
            return Receipt(how="sysrq" if is_key else "button")

    @staticmethod
    def _ask(tx: Transaction, guest: GuestRef, command: Command, what: str) -> Receipt:
        domain = living(tx, guest)
        life.check_unprivileged(domain, what)
        check_command(tx, domain, command)
        how = "acpi" if domain.virt == "hvm" else "pv"
        if domain.phase is Phase.ACTIVE:
            life.request(tx, domain, what)
        return Receipt(how=how)
