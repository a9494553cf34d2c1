"""Handing a simulated host to ``xenparley.connect``, for the tests of those who embed it."""

from __future__ import annotations

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import (
    AdapterSpec,
    ChannelContext,
    Connection,
    Registrar,
    SchemeSpec,
)
from xenparley.plugin.uri import Uri
from xenparley_sim.channel import SimChannel
from xenparley_sim.faults import Faults
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.offers import OFFERS

__all__ = ["SimPlugin", "plugin_for"]


class SimPlugin:
    """A plugin whose adapter and scheme lead to one hypervisor object."""

    xenparley_spi = (1, 0)

    def __init__(self, hypervisor: Hypervisor, faults: Faults | None, name: str) -> None:
        self.hypervisor = hypervisor
        self.faults = Faults() if faults is None else faults
        self.name = name

    @hookimpl
    def xenparley_register(self, registrar: Registrar) -> None:
        """Register the adapter and the scheme."""
        registrar.adapter(
            AdapterSpec(
                name=self.name,
                factory=self._channel,
                offers=OFFERS,
                schemes=frozenset({self.name}),
                summary="a simulated Xen host that the caller holds",
            )
        )
        registrar.scheme(SchemeSpec(name=self.name, connect=self._connect, summary="that host"))

    def _channel(self, context: ChannelContext) -> SimChannel:
        return SimChannel(self.hypervisor, faults=self.faults, name=context.adapter)

    def _connect(self, uri: Uri) -> Connection:
        return Connection(label="simulated host of the caller", local=True)


def plugin_for(
    hypervisor: Hypervisor, *, faults: Faults | None = None, name: str = "sim"
) -> SimPlugin:
    """Return a plugin to register, so that ``connect("sim:", plugins=...)`` reaches this host.

    The hypervisor is the caller's: closing a connection does not close it. Where the installed
    plugins are loaded too, choose another ``name`` than ``sim``; it is the URI's scheme then.
    """
    return SimPlugin(hypervisor, faults, name)
