"""The simulated host's channel: everything that a channel can offer."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from xenparley.domain.errors import InvalidInput, XenparleyError
from xenparley.domain.identity import printable
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Unavailable
from xenparley.plugin.spi import ChannelContext
from xenparley_sim.calls import Calls
from xenparley_sim.faults import Faults, parse_faults
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.offers import OFFERS

__all__ = ["SimChannel", "open_channel"]

#: Imported when a port is first asked for: a listing needs one of them only.
_PORTS = {
    Role.INVENTORY: ("inventory_port", "SimInventory"),
    Role.LIFECYCLE: ("lifecycle_port", "SimLifecycle"),
    Role.DEFINITIONS: ("definitions_port", "SimDefinitions"),
    Role.MEMORY: ("resources_port", "SimMemory"),
    Role.VCPUS: ("resources_port", "SimVcpus"),
    Role.SCHEDULER: ("resources_port", "SimScheduler"),
    Role.DEVICES: ("devices_port", "SimDevices"),
    Role.STATISTICS: ("devices_port", "SimStatistics"),
    Role.CONSOLE: ("devices_port", "SimConsole"),
    Role.HOST: ("host_port", "SimHost"),
    Role.EVENTS: ("events_port", "SimEvents"),
    Role.IMAGES: ("images_port", "SimImages"),
    Role.MIGRATION: ("images_port", "SimMigration"),
}


class SimChannel:
    """A channel to one simulated host. Thread-safe.

    ``owns`` says that closing the channel closes the hypervisor too (a file's host lives on in
    its file). After a fork, a host in a file is opened anew; one in memory answers ChannelLost.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        *,
        faults: Faults | None = None,
        name: str = "sim",
        owns: bool = False,
    ) -> None:
        self.hypervisor = hypervisor
        self.faults = Faults() if faults is None else faults
        self._calls = Calls(hypervisor, self.faults, name)
        self._owns = owns
        self._ports: dict[Role, Any] = {}

    def probe(self, *, deadline: float) -> ProbeResult:
        """Open the store, if it is there, and offer everything."""
        if self._calls.closed:
            return Unavailable("the channel is closed")
        if self.faults.has("absent"):
            return Unavailable("the simulated host is told to be absent")
        hypervisor = self.hypervisor
        path = hypervisor.path
        try:
            if hypervisor.exists():
                with hypervisor.look(deadline) as tx:
                    release = hypervisor.release(tx)
            else:
                # A probe changes nothing: the first use makes the file.
                folder = os.path.dirname(path or "")  # noqa: PTH120 - the path is checked text
                if not os.path.isdir(folder):  # noqa: PTH112
                    return Unavailable(f"there is no folder {printable(folder, limit=300)}")
                release = "new"
        except XenparleyError as exc:
            return Unavailable(str(exc))
        return Available(
            version=release,
            offers=OFFERS,
            facts={"store": "memory" if path is None else printable(path, limit=300)},
            host_id=f"sim:{path if path is not None else id(hypervisor)}",
        )

    def port(self, role: Role) -> Any:
        """Return the port of this role."""
        port = self._ports.get(role)
        if port is None:
            module, name = _PORTS[role]
            port = getattr(import_module(f"xenparley_sim.{module}"), name)(self._calls)
            # Two threads may make one each; both work.
            self._ports[role] = port
        return port

    def close(self) -> None:
        """End subscriptions and calls that wait; close the store when it is ours. Idempotent."""
        self._calls.close()
        events = self._ports.get(Role.EVENTS)
        if events is not None:
            events.close()
        if self._owns:
            self.hypervisor.close()


def open_channel(context: ChannelContext) -> SimChannel:
    """Make the channel of a ``sim:`` URI. InvalidInput: a setting that is not known."""
    settings = dict(context.settings)
    path = settings.pop("path", "") or None
    faults = Faults(*parse_faults(settings.pop("fault", "")))
    if settings:
        unknown = ", ".join(printable(name, limit=40) for name in settings)
        raise InvalidInput(f"the simulated host has no such setting: {unknown}")
    hypervisor = Hypervisor(path)
    hypervisor.new_guests_obey = not faults.has("stubborn")
    return SimChannel(hypervisor, faults=faults, name=context.adapter, owns=True)
