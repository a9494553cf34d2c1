"""How clients reach a simulated host: settings, URI, and adapters that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from attrs import evolve

from xenparley.negotiation.offer import ProbeResult, Unavailable
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.registry import Plugins
from xenparley_sim.releases import CHANNELS

if TYPE_CHECKING:
    from xenparley.negotiation.capability import Role
    from xenparley.plugin.spi import AdapterSpec, Channel, ChannelContext, Registrar, SchemeSpec
    from xenparley_sim.simulated_xen import SimulatedXen

__all__ = ["plugins_of", "settings_of", "uri_of"]

#: What makes the hypercall adapter's channel for a device that is given to it.
_HYPERCALLS: Final = "xenparley_hypercall.channel:HypercallChannel"
#: What a user without rights is told when xl is run.
_REFUSED: Final = """\
#!/bin/sh
cat >&2 <<END
xencall: error: Could not obtain handle on privileged command interface: Permission denied
libxl: error: cannot open libxc handle: Permission denied
cannot init xl context
END
exit 1
"""


def settings_of(xen: SimulatedXen, user: str) -> dict[str, dict[str, str]]:
    """Return the settings of each adapter; what the host hasn't got is looked for in vain."""
    place = xen.directory
    root = user == "root"
    xend = {
        "http-socket": str(place / "xend.sock"),
        "xmlrpc-socket": str(place / "xmlrpc.sock"),
        "definitions": str(place / "domains"),
    }
    if not root:
        # XenD's sockets are root's; its port is anybody's.
        xend = {"host": "127.0.0.1", "port": str(xen.port or 1), "files": "0"}
    store = place / ("xenstored.sock" if root else "socket_ro")
    return {
        "xend": xend,
        "xenstore": {"path": str(store), "sysfs": str(xen.root / "sys")},
        "hypercall": {"device": str(place / "privcmd")},
        "xm": {
            "folder": str(xen.folder),
            "sysfs": str(xen.root / "sys"),
            "xen-version": xen.release.name,
        },
        "xl": {"path": str(place / "xl" if root else _users_xl(xen)), "root": str(xen.root)},
    }


def _users_xl(xen: SimulatedXen) -> str:
    path = xen.directory / "users-xl"
    if "xl" in xen.channels and not path.exists():
        path.write_text(_REFUSED)
        path.chmod(0o755)
    return str(path)


def uri_of(settings: Mapping[str, Mapping[str, str]]) -> str:
    """Return ``xen:///?ADAPTER.KEY=VALUE&...``."""
    words = [
        f"{adapter}.{key}={quote(value, errors='surrogateescape')}"
        for adapter, values in settings.items()
        for key, value in values.items()
    ]
    return f"xen:///?{'&'.join(words)}"


def plugins_of(xen: SimulatedXen, user: str) -> Plugins:
    """Return plugins of their own: the installed adapters of Xen's channels, no others."""
    # What the environment allows or disables is about the machine's own hosts.
    installed = Plugins(environ={})
    specs = [spec for name, spec in installed.adapters.items() if name in CHANNELS]
    schemes = [installed.scheme(name) for name in ("http", "xend+unix")]
    made = Plugins(load=False)
    made.register(_Leading(xen, user, specs, schemes, installed), name="simulated Xen host")
    return made


class _Leading:
    """Registers the adapters as they are, with what leads to this host in its place."""

    xenparley_spi = (1, 0)

    def __init__(
        self,
        xen: SimulatedXen,
        user: str,
        specs: list[AdapterSpec],
        schemes: list[SchemeSpec],
        installed: Plugins,
    ) -> None:
        self._xen = xen
        self._user = user
        self._specs = specs
        self._schemes = schemes
        self._installed = installed

    @hookimpl
    def xenparley_register(self, registrar: Registrar) -> None:
        """Register them."""
        for spec in self._specs:
            registrar.adapter(self._led(spec))
        for scheme in self._schemes:
            registrar.scheme(scheme)

    def _led(self, spec: AdapterSpec) -> AdapterSpec:
        if spec.name == "hypercall":
            return evolve(spec, factory=self._hypercalls)
        if spec.name == "xm" and self._user != "root":
            return evolve(spec, factory=self._barred_folder)
        readers = self._xen.release.has_read_only_socket
        if spec.name == "xenstore" and self._user != "root" and not readers:
            return evolve(spec, factory=self._barred_store)
        return spec

    def _hypercalls(self, context: ChannelContext) -> Channel:
        door = self._xen.door
        opener = door.open if self._user == "root" else door.open_as_user
        make: Any = self._installed.resolve(_HYPERCALLS)
        channel: Channel = make(opener, self._xen.release.arch)
        return channel

    def _barred_folder(self, context: ChannelContext) -> Channel:
        return _Barred("/etc/xen: Permission denied")

    def _barred_store(self, context: ChannelContext) -> Channel:
        return _Barred("/run/xenstored/socket: Permission denied")


class _Barred:
    """A channel that this user may not open, whoever runs the process that simulates it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def probe(self, *, deadline: float) -> ProbeResult:
        """Say why not."""
        return Unavailable(self._reason)

    def port(self, role: Role) -> Any:
        """Raise: nothing is offered."""
        from xenparley.domain.errors import AccessRefused

        raise AccessRefused(self._reason, operation=role.value)

    def close(self) -> None:
        """Nothing to close."""
