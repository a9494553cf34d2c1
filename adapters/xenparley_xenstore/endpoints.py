"""Where a XenStore can be reached: the paths of every era, in libxenstore's order.

Socket first (3.0.0 on; ``/run`` since 4.7), then the kernel's device (``/dev`` since Linux 3.3,
``/proc`` before), then the read-only socket, which 4.15 removed. A xenstored in a stub domain has
no socket, only the device. ``XENSTORED_PATH`` names the one to use; ``XENSTORED_RUNDIR`` names
the folder of the sockets.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEVICES", "RUN_FOLDERS", "Endpoint", "endpoints"]

#: Folders of the daemon's sockets.
RUN_FOLDERS = ("/run/xenstored", "/var/run/xenstored")
#: The kernel's nodes.
DEVICES = ("/dev/xen/xenbus", "/proc/xen/xenbus")


class Endpoint(NamedTuple):
    """One place to try. ``device`` tells the kernel's node from a UNIX socket."""

    path: str
    device: bool
    read_only: bool = False


def endpoints(environ: Mapping[str, str]) -> list[Endpoint]:
    """Return the places to try, best first. Nothing is opened.

    With ``XENSTORED_PATH`` it is that one alone, and with ``XENSTORED_RUNDIR`` the sockets of that
    folder alone: who names one does not mean another host's or another daemon's.
    """
    explicit = environ.get("XENSTORED_PATH")
    if explicit:
        return [named(explicit)]
    folder = environ.get("XENSTORED_RUNDIR")
    if folder:
        return [Endpoint(f"{folder}/socket", False), Endpoint(f"{folder}/socket_ro", False, True)]
    return [
        *(Endpoint(f"{run}/socket", False) for run in RUN_FOLDERS),
        *(Endpoint(device, True) for device in DEVICES),
        *(Endpoint(f"{run}/socket_ro", False, True) for run in RUN_FOLDERS),
    ]


def named(path: str) -> Endpoint:
    """Return the endpoint of a path that somebody named: a character device, else a socket."""
    try:
        device = stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        device = path in DEVICES
    # A file of /proc is no character device, whatever it does.
    return Endpoint(path, device or path in DEVICES, path.endswith("socket_ro"))
