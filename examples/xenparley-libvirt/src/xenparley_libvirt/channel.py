"""libvirt as a channel: its probe and its ports."""

from __future__ import annotations

from typing import Any

from xenparley.domain import errors
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Unavailable
from xenparley.plugin.spi import ChannelContext
from xenparley_libvirt.definitions import DefinitionsPort
from xenparley_libvirt.facts import HostPort, MemoryPort, StatisticsPort
from xenparley_libvirt.inventory import InventoryPort
from xenparley_libvirt.lifecycle import LifecyclePort
from xenparley_libvirt.plugin import SPEC
from xenparley_libvirt.session import Session

__all__ = ["LibvirtChannel"]

DEFAULT_URI = "xen:///system"


class LibvirtChannel:
    """One host of libvirt's. Thread-safe."""

    def __init__(self, context: ChannelContext) -> None:
        unknown = sorted(set(context.settings) - set(SPEC.settings))
        if unknown:
            raise errors.InvalidInput(f"libvirt: unknown setting {unknown[0]!r}; it knows: uri")
        self._session = Session(context.settings.get("uri", DEFAULT_URI), context.adapter)
        self._ports: dict[Role, Any] = {
            Role.INVENTORY: InventoryPort(self._session),
            Role.LIFECYCLE: LifecyclePort(self._session),
            Role.DEFINITIONS: DefinitionsPort(self._session),
            Role.MEMORY: MemoryPort(self._session),
            Role.STATISTICS: StatisticsPort(self._session),
            Role.HOST: HostPort(self._session),
        }

    def probe(self, *, deadline: float) -> ProbeResult:
        """Ask libvirt for its version and driver."""
        try:
            version, driver, host = self._session.call(
                None,
                None,
                deadline,
                lambda c: (c.getLibVersion(), c.getType(), c.getHostname()),
            )
        except errors.XenparleyError as exc:
            return Unavailable(str(exc))
        shown = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
        facts = {"driver": driver, "uri": self._session.uri, "host": host}
        return Available(version=shown, offers=SPEC.offers, facts=facts)

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises Unsupported for those that there is none for."""
        try:
            return self._ports[role]
        except KeyError:
            raise errors.Unsupported(
                f"this adapter has no {role.value}", operation="port", channel=SPEC.name
            ) from None

    def close(self) -> None:
        """Close libvirt's connection. Idempotent."""
        self._session.close()
