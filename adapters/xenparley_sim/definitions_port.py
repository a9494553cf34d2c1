"""Definitions and living configurations."""

from __future__ import annotations

from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import NotFound
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley_sim import toolstack
from xenparley_sim.calls import Calls, defined, living
from xenparley_sim.configs import read_config

__all__ = ["SimDefinitions"]


class SimDefinitions:
    """Reads and writes configurations."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return the definition."""
        with self._calls.read(Capability.READ_DEFINED, deadline, guest) as tx:
            text = tx.document(f"d:{defined(tx, guest).uuid}")
        if text is None:
            raise NotFound(f"{guest} has lost its configuration", guest=str(guest))
        return read_config(text)

    def read_live(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what the living guest runs with; Domain 0 has a few words only."""
        with self._calls.read(Capability.READ_LIVE, deadline, guest) as tx:
            domain = living(tx, guest)
            if domain.domid == 0:
                return toolstack.domain0_config(domain)
            return toolstack.live_config(tx, domain)

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Add or replace a definition."""
        guest = GuestRef(uuid=config.uuid, name=config.name)
        with self._calls.command(Capability.DEFINE, deadline, guest) as tx:
            cpus = self._calls.hypervisor.facts_in(tx).cpus
            made = toolstack.define(tx, config, cpus)
            return GuestRef(uuid=made.uuid, name=made.name)

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Remove a definition."""
        with self._calls.command(Capability.UNDEFINE, deadline, guest) as tx:
            toolstack.undefine(tx, defined(tx, guest))

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Have the host start the guest when it boots, or not."""
        with self._calls.command(Capability.SET_AUTOSTART, deadline, guest) as tx:
            toolstack.set_autostart(tx, defined(tx, guest), bool(enabled))
