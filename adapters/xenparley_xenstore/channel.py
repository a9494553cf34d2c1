"""The channel: made by the plugin layer, connected at its first probe or call."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import InvalidInput, Unsupported, XenparleyError
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Unavailable
from xenparley_xenstore.calls import Calls
from xenparley_xenstore.client import XenStore, open_store
from xenparley_xenstore.errors import CHANNEL
from xenparley_xenstore.offers import narrowed
from xenparley_xenstore.plugin import SPEC

if TYPE_CHECKING:
    from xenparley.plugin.spi import ChannelContext

__all__ = ["XenStoreChannel", "make"]

_SETTINGS: Final = SPEC.settings
#: Imported when a port is first asked for: a listing needs one of them only.
_PORTS: Final = {
    Role.INVENTORY: ("inventory", "InventoryPort"),
    Role.LIFECYCLE: ("lifecycle", "LifecyclePort"),
    Role.MEMORY: ("memory", "MemoryPort"),
    Role.VCPUS: ("vcpus", "VcpusPort"),
    Role.DEVICES: ("devices", "DevicesPort"),
    Role.STATISTICS: ("statistics", "StatisticsPort"),
    Role.CONSOLE: ("console", "ConsolePort"),
    Role.EVENTS: ("events", "EventsPort"),
}


class XenStoreChannel:
    """This host's XenStore. Thread-safe; after a fork the parent goes on, the child must reopen.

    ``sysfs`` is where the kernel tells of its back ends.
    """

    def __init__(self, store: XenStore, *, sysfs: str = "/sys") -> None:
        self.calls = Calls(store, sysfs)
        self._ports: dict[Role, Any] = {}

    def probe(self, *, deadline: float) -> ProbeResult:
        """Connect, and ask the daemon one thing."""
        store = self.calls.store
        try:
            with self.calls.probing(deadline):
                if not store.is_introduced(0, deadline=deadline):
                    return Unavailable(f"{store.name} does not know domain 0")
                (said,) = store.read_many(["/tool/xenstored"], deadline=deadline)
        except XenparleyError as exc:
            return Unavailable(exc.message)
        sysfs = Path(self.calls.sysfs, "class", "net")
        offers, withheld = narrowed(
            read_only=store.name.endswith("_ro"),
            sysfs=None if sysfs.is_dir() else f"no {sysfs}: the kernel tells no statistics",
        )
        daemon = "oxenstored" if said and b"oxenstored" in said else "xenstored"
        return Available(
            version=daemon, offers=offers, withheld=withheld, facts={"path": store.name}
        )

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises Unsupported for those that there is none for."""
        port = self._ports.get(role)
        if port is None:
            if role not in _PORTS:
                raise Unsupported(
                    f"XenStore has no {role.value}", operation=role.value, channel=CHANNEL
                )
            module, name = _PORTS[role]
            made = getattr(import_module(f"xenparley_xenstore.{module}"), name)(self.calls)
            # Two threads may make one each: the first is kept, since events have a state.
            port = self._ports.setdefault(role, made)
        return port

    def close(self) -> None:
        """End subscriptions and calls in flight. Idempotent."""
        self.calls.closed = True
        events = self._ports.get(Role.EVENTS)
        if events is not None:
            events.close()
        self.calls.store.close()


def make(context: ChannelContext) -> XenStoreChannel:
    """Make the channel.

    Settings: ``path`` names the socket or device, ``sysfs`` the folder of the kernel's own files.

    Raises:
        InvalidInput: a setting that is not known.
    """
    unknown = sorted(set(context.settings) - set(_SETTINGS))
    if unknown:
        raise InvalidInput(
            f"xenstore: unknown setting {unknown[0]!r}; it knows: {', '.join(_SETTINGS)}"
        )
    store = open_store(context.settings.get("path") or None, environ=os.environ)
    return XenStoreChannel(store, sysfs=context.settings.get("sysfs") or "/sys")
