"""The channel: made by the plugin layer; its probe looks for xl without running it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import InvalidInput, Unsupported, XenparleyError
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, ProbeResult, Refused, Unavailable
from xenparley_xl.offers import narrowed
from xenparley_xl.plugin import SPEC
from xenparley_xl.runner import Runner
from xenparley_xl.toolstack import CHANNEL, Toolstack

if TYPE_CHECKING:
    from xenparley.plugin.spi import ChannelContext

__all__ = ["XlChannel", "make"]

_SETTINGS: Final = SPEC.settings
#: The hypervisor's device, which xl opens before anything else.
_DOORS: Final = ("dev/xen/privcmd", "proc/xen/privcmd")
_EFFECTIVE: Final = os.access in os.supports_effective_ids
#: Imported when a port is first asked for.
_PORTS: Final = {
    Role.INVENTORY: ("inventory", "InventoryPort"),
    Role.LIFECYCLE: ("lifecycle", "LifecyclePort"),
    Role.DEFINITIONS: ("definitions", "DefinitionsPort"),
    Role.MEMORY: ("memory", "MemoryPort"),
    Role.VCPUS: ("vcpus", "VcpusPort"),
    Role.SCHEDULER: ("scheduler", "SchedulerPort"),
    Role.DEVICES: ("devices", "DevicesPort"),
    Role.STATISTICS: ("host", "StatisticsPort"),
    Role.HOST: ("host", "HostPort"),
    Role.CONSOLE: ("displays", "DisplaysPort"),
    Role.IMAGES: ("images", "ImagesPort"),
    Role.MIGRATION: ("migration", "MigrationPort"),
}


class XlChannel:
    """xl on this machine. Thread-safe; each call runs processes of its own."""

    def __init__(self, toolstack: Toolstack) -> None:
        self.toolstack = toolstack

    def probe(self, *, deadline: float) -> ProbeResult:
        """Look for the command, for a control domain and for who else steers it.

        xl itself is run only where the kernel doesn't tell Xen's release, or after it could not
        reach the hypervisor: a listing that others serve must start no process.
        """
        stack = self.toolstack
        try:
            xl = stack.runner.xl
            if not os.access(xl, os.X_OK):
                return Unavailable(f"{xl} is not there, or can't be run")
            if not self._in_dom0():
                return Unavailable("this is no control domain of a Xen host")
            closed = self._closed_door()
            if closed is not None:
                return Refused(closed)
            release = stack.release()
            if release is None or stack.shut_out:
                told = stack.info(deadline=deadline)
                stack.shut_out = False
                release = (int(told.get("xen_major", "0")), int(told.get("xen_minor", "0")))
        except XenparleyError as exc:
            return Unavailable(exc.message)
        except ValueError as exc:
            return Unavailable(f"xl info tells no release of Xen: {exc}")
        lock = stack.xend_lock()
        offers, withheld = narrowed(
            no_changes=f"xend runs ({lock}): xl refuses to change anything" if lock else None,
            counts_held=release >= (4, 2),
        )
        facts = {"path": xl}
        owner = stack.host_owner()
        if owner is not None:
            facts["owner"] = f"{owner}: its guests are shown, and changed only when that is allowed"
        return Available(
            version=f"{release[0]}.{release[1]}", offers=offers, withheld=withheld, facts=facts
        )

    def _in_dom0(self) -> bool:
        try:
            said = (self.toolstack.root / "proc/xen/capabilities").read_text()
        except (OSError, UnicodeDecodeError):
            # xenfs isn't mounted everywhere; only a control domain has this device.
            return os.path.lexists(self.toolstack.root / "dev/xen/privcmd")
        return "control_d" in said

    def _closed_door(self) -> str | None:
        """Say why this user can't use the hypervisor's device, which xl opens; None: it can."""
        found = [self.toolstack.root / node for node in _DOORS]
        there = [str(path) for path in found if os.path.lexists(path)]
        if not there or any(
            os.access(path, os.R_OK | os.W_OK, effective_ids=_EFFECTIVE) for path in there
        ):
            return None
        return f"xl needs {there[0]}: permission denied (it is for root)"

    def port(self, role: Role) -> Any:
        """Return the port of a role. Raises Unsupported for those that there is none for."""
        if role not in _PORTS:
            raise Unsupported(f"xl has no {role.value}", operation=role.value, channel=CHANNEL)
        module, name = _PORTS[role]
        return getattr(import_module(f"xenparley_xl.{module}"), name)(self.toolstack)

    def close(self) -> None:
        """End reading commands in flight; changing ones run on. Idempotent."""
        self.toolstack.runner.close()


def make(context: ChannelContext) -> XlChannel:
    """Make the channel.

    Settings: ``path`` names xl ($XENPARLEY_XL; else the PATH and the usual folders are searched),
    ``others`` is ``refuse`` or ``change`` ($XENPARLEY_XL_OTHERS): what to do about guests of
    libvirt, XAPI and Qubes; ``root`` is where the host's files are.

    Raises:
        InvalidInput: a setting that is not known.
    """
    unknown = sorted(set(context.settings) - set(_SETTINGS))
    if unknown:
        raise InvalidInput(f"xl: unknown setting {unknown[0]!r}; it knows: {', '.join(_SETTINGS)}")
    path = context.settings.get("path") or os.environ.get("XENPARLEY_XL") or None
    if path is not None and not path.startswith("/"):
        raise InvalidInput(f"xl: the path must be absolute: {path!r}")
    others = context.settings.get("others") or os.environ.get("XENPARLEY_XL_OTHERS") or "refuse"
    if others not in ("refuse", "change"):
        raise InvalidInput(f"xl: others is refuse or change, not {others!r}")
    root = context.settings.get("root") or "/"
    return XlChannel(Toolstack(Runner(path), root=root, others=others == "change"))
