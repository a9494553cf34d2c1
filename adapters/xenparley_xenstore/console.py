"""Where a guest's consoles and displays are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xenparley.negotiation.capability import Capability
from xenparley.ports.console import ConsoleInfo, DisplayInfo
from xenparley_xenstore.calls import Calls, living, texts
from xenparley_xenstore.vcpus import is_hvm

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef

__all__ = ["ConsolePort"]

# Up to Xen 3.3 the guest itself could write here: only a terminal's name is believed.
_TTY = re.compile(r"/dev/(?:pts/\d{1,9}|[A-Za-z]{1,16}[0-9a-f]{0,9})\Z")
_ADDRESS = re.compile(r"[0-9A-Za-z.:\-]{1,255}\Z")
_SERIALS = 4


class ConsolePort:
    """Finds consoles and displays."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def consoles(self, guest: GuestRef, *, deadline: float) -> Sequence[ConsoleInfo]:
        """Return the consoles, the main one first: of an HVM guest its first serial port."""
        with self._calls.call(Capability.CONSOLES, deadline, guest) as store:
            domain = living(store, guest, deadline)
            if domain.domid == 0:
                return []
            paths = [f"{domain.path}/console/tty"]
            paths += [f"{domain.path}/serial/{number}/tty" for number in range(_SERIALS)]
            tty, *serials = texts(store, paths, deadline)
            main = ConsoleInfo(kind="pv", number=0, tty=_tty(tty))
            ports = [
                ConsoleInfo(kind="serial", number=number, tty=_tty(value))
                for number, value in enumerate(serials)
                if value is not None
            ]
            return [*ports, main] if is_hvm(store, domain, deadline) else [main, *ports]

    def displays(self, guest: GuestRef, *, deadline: float) -> Sequence[DisplayInfo]:
        """Return the VNC display, where the guest has one that is running."""
        with self._calls.call(Capability.DISPLAYS, deadline, guest) as store:
            domain = living(store, guest, deadline)
            if domain.domid == 0:
                return []
            backend = f"/local/domain/0/backend/vfb/{domain.domid}/0"
            port, listen, vfb_listen = texts(
                store,
                [
                    f"{domain.path}/console/vnc-port",
                    f"{domain.path}/console/vnc-listen",
                    f"{backend}/vnclisten",
                ],
                deadline,
            )
            if port is None or not port.isascii() or not port.isdigit() or len(port) > 5:
                return []
            number = int(port)
            if not 0 < number < 65536:
                return []
            host = listen or vfb_listen
            address = host if host and _ADDRESS.match(host) else None
            return [DisplayInfo(type="vnc", host=address, port=number)]


def _tty(value: str | None) -> str | None:
    return value if value is not None and _TTY.match(value) else None
