"""The channel: made by the plugin layer, connected at its first probe or call."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import InvalidInput, Unsupported, XenparleyError
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Refused, Unavailable
from xenparley_xend.calls import Calls
from xenparley_xend.endpoint import Endpoint
from xenparley_xend.errors import CHANNEL
from xenparley_xend.offers import narrowed
from xenparley_xend.places import DEFINITIONS, HTTP_SOCKET, XMLRPC_SOCKET, Place, Places
from xenparley_xend.plugin import SPEC

if TYPE_CHECKING:
    from xenparley.plugin.spi import ChannelContext

__all__ = ["XendChannel", "make"]

_SETTINGS: Final = SPEC.settings
_LOOPBACK: Final = frozenset({"localhost", "::1", "ip6-localhost"})
#: Imported when a port is first asked for: a listing needs one of them only.
_PORTS: Final = {
    Role.INVENTORY: ("inventory", "InventoryPort"),
    Role.LIFECYCLE: ("lifecycle", "LifecyclePort"),
    Role.DEFINITIONS: ("definitions", "DefinitionsPort"),
    Role.MEMORY: ("resources", "MemoryPort"),
    Role.VCPUS: ("resources", "VcpusPort"),
    Role.SCHEDULER: ("resources", "SchedulerPort"),
    Role.STATISTICS: ("resources", "StatisticsPort"),
    Role.DEVICES: ("devices", "DevicesPort"),
    Role.HOST: ("host", "HostPort"),
    Role.IMAGES: ("images", "ImagesPort"),
    Role.MIGRATION: ("images", "MigrationPort"),
}


class XendChannel:
    """One host's XenD. Thread-safe; after a fork connections are made anew."""

    def __init__(self, places: Places) -> None:
        self.calls = Calls(places)
        self._ports: dict[Role, Any] = {}
        self._warned = False

    def probe(self, *, deadline: float) -> ProbeResult:
        """Ask for the node."""
        calls = self.calls
        if calls.places.refusal is not None:
            return Refused(calls.places.refusal)
        try:
            calls.ready(deadline)
            calls.look(deadline)
        except XenparleyError as exc:
            return Unavailable(exc.message)
        door = calls.door
        assert door is not None
        facts = {
            "door": door.kind if calls.second is None else "http, xmlrpc",
            "at": str(door.line.endpoint),  # type: ignore[attr-defined]
            "xend_config_format": str(calls.release.format),
        }
        if calls.places.insecure:
            self._warn(facts)
        offers, withheld = narrowed(
            calls.release,
            xmlrpc=calls.xmlrpc is not None,
            files=calls.places.sees_definitions(),
        )
        return Available(
            version=str(calls.release.version), offers=offers, withheld=withheld, facts=facts
        )

    def _warn(self, facts: dict[str, str]) -> None:
        words = "plain HTTP to another machine: commands and passwords can be read and changed"
        facts["warning"] = words
        if not self._warned:
            self._warned = True
            from xenparley.plugin.log import logger

            logger("xend").warning("%s: %s", facts["at"], words)

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises Unsupported for those that there is none for."""
        port = self._ports.get(role)
        if port is None:
            if role not in _PORTS:
                raise Unsupported(
                    f"XenD has no {role.value}", operation=role.value, channel=CHANNEL
                )
            module, name = _PORTS[role]
            made = getattr(import_module(f"xenparley_xend.{module}"), name)(self.calls)
            port = self._ports.setdefault(role, made)
        return port

    def close(self) -> None:
        """End calls in flight. Idempotent."""
        self.calls.close()


def make(context: ChannelContext) -> XendChannel:
    """Make the channel.

    Settings: ``path`` of a UNIX socket with ``protocol`` (``http``, ``xmlrpc``, ``auto``);
    ``host``, ``port`` and ``insecure`` of a TCP server; ``http-socket`` and ``xmlrpc-socket``,
    where this machine's sockets are; ``definitions``, XenD's folder of them, and ``files`` (0 or
    1): whether the host's files are this machine's.

    Raises:
        InvalidInput: a setting that is not known, or a value that can't be.
    """
    settings = dict(context.settings)
    unknown = sorted(set(settings) - set(_SETTINGS))
    if unknown:
        raise InvalidInput(
            f"xend: unknown setting {unknown[0]!r}; it knows: {', '.join(_SETTINGS)}"
        )
    protocol = settings.get("protocol", "auto")
    if protocol not in ("http", "xmlrpc", "auto"):
        raise InvalidInput(f"xend: the protocol is http, xmlrpc or auto, not {protocol!r}")
    files = settings.get("files", "1" if context.local else "0") == "1"
    definitions = settings.get("definitions") or (DEFINITIONS if files else None)
    refusal = None
    insecure = False
    places: tuple[Place, ...]
    if "path" in settings:
        places = (Place(Endpoint(path=settings["path"]), protocol),)
    elif "host" in settings:
        host = settings["host"]
        port = settings.get("port", "8000")
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise InvalidInput(f"xend: not a port: {port!r}")
        places = (Place(Endpoint(host=host, port=int(port)), protocol),)
        insecure = not _is_loopback(host)
        if insecure and settings.get("insecure") != "1":
            refusal = (
                f"plain HTTP to {host}: XenD asks for no password and nothing is encrypted; "
                "forward its port or sockets by ssh, or say insecure=1"
            )
    else:
        places = (
            Place(Endpoint(path=settings.get("http-socket") or HTTP_SOCKET), "http"),
            Place(Endpoint(path=settings.get("xmlrpc-socket") or XMLRPC_SOCKET), "xmlrpc"),
        )
    return XendChannel(
        Places(
            places=places,
            definitions=definitions,
            local_files=files,
            refusal=refusal,
            insecure=insecure,
        )
    )


def _is_loopback(host: str) -> bool:
    parts = host.split(".")
    is_127 = len(parts) == 4 and parts[0] == "127" and all(p.isdigit() for p in parts)
    return is_127 or host.lower() in _LOOPBACK
