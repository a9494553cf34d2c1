"""The channel: a folder of guests' files, made by the plugin layer, looked at by its probe."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import InvalidInput, Unsupported, XenparleyError
from xenparley.domain.identity import printable
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Unavailable
from xenparley_xm.calls import Calls
from xenparley_xm.definitions import DefinitionsPort
from xenparley_xm.errors import CHANNEL
from xenparley_xm.events import EventsPort
from xenparley_xm.folder import Folder
from xenparley_xm.grammar import TOOLSTACKS, Grammar
from xenparley_xm.inventory import InventoryPort
from xenparley_xm.offers import narrowed
from xenparley_xm.plugin import SPEC
from xenparley_xm.release import (
    Release,
    config_version,
    has_xend_definitions,
    parse_release,
    running_release,
)
from xenparley_xm.sizes import MemoryPort, VcpusPort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.plugin.spi import ChannelContext

__all__ = ["DEFAULT_FOLDER", "SETTINGS", "XmChannel", "make"]

DEFAULT_FOLDER: Final = "/etc/xen"
#: The settings, and what each is for.
SETTINGS: Final = SPEC.settings
_NOTIFY: Final = ("auto", "inotify", "poll")
#: How many files that were left out are told one by one.
_TOLD: Final = 20


def make(context: ChannelContext) -> XmChannel:
    """Make the channel. Raises InvalidInput for a setting that is not known or makes no sense."""
    return XmChannel(context.settings)


class XmChannel:
    """A folder of guests' files. Thread-safe; touches nothing before its first probe or call."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        given = {key: value for key, value in (settings or {}).items() if value}
        unknown = sorted(set(given) - set(SETTINGS))
        if unknown:
            raise InvalidInput(f"xm: unknown setting {unknown[0]!r}; it knows: {_words(SETTINGS)}")
        self._path = given.get("folder", DEFAULT_FOLDER)
        if not self._path.startswith("/") or "\0" in self._path:
            raise InvalidInput(f"xm: the folder is an absolute path, not {printable(self._path)!r}")
        self._toolstack = _one_of(given, "toolstack", TOOLSTACKS)
        self._version = _one_of(given, "xend-config-version", ("1", "2", "3", "4"))
        self._notify = _one_of(given, "notify", _NOTIFY) or "auto"
        self._sysfs = given.get("sysfs", "/sys")
        said = given.get("xen-version")
        self._said: Release | None = None if said is None else parse_release(said)
        self._lock = threading.Lock()
        self._ports: dict[Role, Any] | None = None
        self._calls: Calls | None = None
        self._release: Release | None = None
        self._closed = False

    def probe(self, *, deadline: float) -> ProbeResult:
        """Look whether the folder is there; its files are read when they are asked for."""
        if time.monotonic() >= deadline:
            return Unavailable("no time left to look at the folder")
        if self._closed:
            return Unavailable("the channel is closed")
        try:
            self._all_ports()
            assert self._calls is not None
            folder = self._calls.folder
            count, left_out = folder.names()
        except XenparleyError as exc:
            return Unavailable(exc.message)
        read_only = None
        effective = os.access in os.supports_effective_ids
        if not os.access(folder.path, os.W_OK | os.X_OK, effective_ids=effective):
            read_only = f"{printable(folder.path)} can't be written by this user"
        offers, withheld = narrowed(self._release, read_only)
        facts = {
            "folder": printable(folder.path),
            "files": str(count),
            "standing": self._standing(),
        }
        if left_out:
            facts["left out"] = _listed(left_out)
        return Available(version=str(folder.grammar), offers=offers, withheld=withheld, facts=facts)

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises Unsupported for those that there is none for."""
        port = self._all_ports().get(role)
        if port is None and role is Role.DEVICES:
            # Imported when it is asked for: a listing does without the configuration's classes.
            from xenparley_xm.devices import DevicesPort

            assert self._calls is not None
            port = DevicesPort(self._calls)
        if port is None:
            raise Unsupported(f"files have no {role.value}", operation=role.value, channel=CHANNEL)
        return port

    def close(self) -> None:
        """End subscriptions; calls in flight end soon. Idempotent."""
        self._closed = True
        with self._lock:
            calls, ports = self._calls, self._ports
        if calls is not None and ports is not None:
            calls.folder.closed = True
            ports[Role.EVENTS].close()

    def _standing(self) -> str:
        if self._release is None:
            return "an extra source of definitions (nothing tells Xen's release)"
        release = ".".join(str(part) for part in self._release)
        if has_xend_definitions(self._release):
            return f"an extra source of definitions on Xen {release}"
        return f"the definitions of Xen {release}"

    def _all_ports(self) -> dict[Role, Any]:
        """Return the ports; what the host is like is looked at for the first time now."""
        with self._lock:
            if self._ports is None:
                release = self._said or running_release(self._sysfs)
                toolstack = self._toolstack or self._guessed(release)
                version = int(self._version) if self._version else config_version(release)
                folder = Folder(self._path, Grammar(toolstack, version))
                folder.closed = self._closed
                calls = Calls(folder)
                self._release, self._calls = release, calls
                self._ports = {
                    Role.INVENTORY: InventoryPort(calls),
                    Role.DEFINITIONS: DefinitionsPort(calls),
                    Role.MEMORY: MemoryPort(calls),
                    Role.VCPUS: VcpusPort(calls),
                    Role.EVENTS: EventsPort(calls, self._notify),
                }
            return self._ports

    def _guessed(self, release: Release | None) -> str:
        """Say whose files they are: xend left with Xen 4.5; else xl's own file tells."""
        if release is not None:
            return "xl" if release >= (4, 5, 0) else "xm"
        folder = Path(self._path)
        try:
            xend = folder.joinpath("xend-config.sxp").exists()
            return "xl" if not xend and folder.joinpath("xl.conf").exists() else "xm"
        except OSError:
            # The folder can't be looked into; the probe tells that.
            return "xm"


def _one_of(given: Mapping[str, str], key: str, allowed: tuple[str, ...]) -> str | None:
    said = given.get(key)
    if said is not None and said not in allowed:
        raise InvalidInput(f"xm: {key} is {_words(allowed)}, not {printable(said, limit=40)!r}")
    return said


def _words(names: Mapping[str, str] | tuple[str, ...]) -> str:
    return ", ".join(names)


def _listed(left_out: dict[str, str]) -> str:
    told = [f"{printable(file)}: {why}" for file, why in sorted(left_out.items())[:_TOLD]]
    more = len(left_out) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")
