"""Displays, as a guest was configured: xl itself asks XenStore only when it starts a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import Unsupported
from xenparley.negotiation.capability import Capability
from xenparley.ports.console import DisplayInfo
from xenparley_xl.live import live_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xenparley.domain.identity import GuestRef
    from xenparley.ports.console import ConsoleInfo
    from xenparley_xl.toolstack import Toolstack

__all__ = ["DisplaysPort", "console_command"]

C = Capability
_VNC_BASE = 5900


class DisplaysPort:
    """Says where displays are."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def displays(self, guest: GuestRef, *, deadline: float) -> Sequence[DisplayInfo]:
        """Return the displays; the port is None where the host was to find a free one."""
        with self._stack.call(C.DISPLAYS, guest):
            line = self._stack.living(guest, deadline=deadline)
            return list(_displays(live_object(self._stack, line.domid, deadline=deadline)))

    def consoles(self, guest: GuestRef, *, deadline: float) -> Sequence[ConsoleInfo]:
        """Raise Unsupported: xl attaches to a console, and doesn't say where it is."""
        with self._stack.call(C.CONSOLES, guest):
            raise Unsupported("xl tells no console's place; run `xl console` (console_command)")


def console_command(stack: Toolstack, guest: GuestRef, *, deadline: float) -> list[str]:
    """Return the command that attaches a terminal to a guest's console. Raises NotFound."""
    line = stack.living(guest, deadline=deadline)
    return [stack.runner.xl, "console", str(line.domid)]


def _displays(config: dict[str, Any]) -> Iterator[DisplayInfo]:
    build = config.get("b_info")
    hvm = build.get("type.hvm") if isinstance(build, dict) else None
    if isinstance(hvm, dict):
        yield from _vnc(hvm.get("vnc"))
        spice = hvm.get("spice")
        if isinstance(spice, dict) and spice.get("enable") in (True, "True"):
            port = spice.get("port")
            host = spice.get("host")
            yield DisplayInfo(
                type="spice",
                host=host if isinstance(host, str) else None,
                port=port if isinstance(port, int) and 0 < port < 65536 else None,
            )
    frames = config.get("vfbs")
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict):
            yield from _vnc(frame.get("vnc"))


def _vnc(vnc: object) -> Iterator[DisplayInfo]:
    if not isinstance(vnc, dict) or vnc.get("enable") not in (True, "True"):
        return
    listen, number = vnc.get("listen"), vnc.get("display")
    host = listen.partition(":")[0] if isinstance(listen, str) else None
    port = None
    if isinstance(number, int) and number >= 0 and vnc.get("findunused") not in (True, "True"):
        port = _VNC_BASE + number
    yield DisplayInfo(type="vnc", host=host or None, port=port if port and port < 65536 else None)
