"""What can go wrong with the channels of a simulated host.

========= ==================================================================================
absent    not there: no socket, no device, no folder, no command
refused   denies access: EACCES, 403, EPERM, "Permission denied"
slow      takes its time before it does anything (``seconds``, for each request)
hung      takes the request and never answers; xl goes on once it is mended
dead      dies in the middle: the request is carried out, half of the answer comes, no more
lying     answers what makes no sense
========= ==================================================================================

A hypercall has no connection that could break in its middle: ``dead`` is a device that tells
its version and fails with EIO at all else. Files of /etc/xen are no daemon's: ``slow`` and
``hung`` are somebody else who holds the folder's lock, ``dead`` a writer that left half of each
file, ``lying`` files that hold no configuration, and ``refused`` a folder that can't be opened.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput

if TYPE_CHECKING:
    from xenparley_sim.simulated_xen import SimulatedXen

__all__ = ["FAULT_KINDS", "XenFaults"]

FAULT_KINDS: Final = ("absent", "refused", "slow", "hung", "dead", "lying")
#: What the fake xl does for each.
_XL: Final = {"refused": "refuse", "hung": "hang", "dead": "half", "lying": "garble"}
_NONSENSE: Final = b"\xde\xad\xbe\xef(((=\n"


class XenFaults:
    """The troubles of one host; one for each channel at a time."""

    def __init__(self, xen: SimulatedXen) -> None:
        self._xen = xen
        self._lock = threading.RLock()
        self._now: dict[str, str] = {}
        self._spoiled: dict[Path, tuple[bytes, bytes]] = {}
        self._held: int | None = None

    @property
    def now(self) -> dict[str, str]:
        """Return the kind of trouble by channel."""
        with self._lock:
            return dict(self._now)

    def inject(self, channel: str, kind: str, *, seconds: float = 1.0) -> None:
        """Begin. InvalidInput: the host has no such channel, or there is no such trouble."""
        if kind not in FAULT_KINDS:
            raise InvalidInput(f"no fault {kind!r}; there are {', '.join(FAULT_KINDS)}")
        if channel not in self._xen.channels:
            raise InvalidInput(f"{self._xen!r} has no channel {channel!r} that could fail")
        with self._lock:
            self.mend(channel)
            self._now[channel] = kind
            if channel in ("xend", "xenstore"):
                for gate in self._xen.gates(channel):
                    gate.set(kind, seconds)
            elif channel == "hypercall":
                self._xen.door.set(kind, seconds)
            elif channel == "xl":
                self._spoil_xl(kind, seconds)
            else:
                self._spoil_files(kind)

    def mend(self, channel: str | None = None) -> None:
        """End the trouble of a channel, or every one."""
        with self._lock:
            for each in [channel] if channel is not None else [*self._now]:
                kind = self._now.pop(each, None)
                if kind is not None:
                    self._mend(each, kind)

    def _mend(self, channel: str, kind: str) -> None:
        if channel in ("xend", "xenstore"):
            for gate in self._xen.gates(channel):
                gate.open()
        elif channel == "hypercall":
            self._xen.door.set(None)
        elif channel == "xl":
            if kind == "absent":
                _away(self._xen.xl.path).rename(self._xen.xl.path)
            self._xen.xl.tell()
        else:
            self._mend_files(kind)

    def _spoil_xl(self, kind: str, seconds: float) -> None:
        xl = self._xen.xl
        if kind == "absent":
            xl.path.rename(_away(xl.path))
        elif kind == "slow":
            xl.tell(fault="slow", seconds=seconds)
        else:
            xl.tell(fault=_XL[kind])

    def _spoil_files(self, kind: str) -> None:
        folder = self._xen.folder
        if kind in ("absent", "refused"):
            folder.rename(_away(folder))
            if kind == "refused":
                # Root may open every folder; nobody can open one that leads to itself.
                folder.symlink_to(folder)
        elif kind in ("slow", "hung"):
            self._held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._held, fcntl.LOCK_EX)
        else:
            for path in folder.iterdir():
                if path.is_file() and not path.is_symlink():
                    before = path.read_bytes()
                    after = before[: len(before) // 2] if kind == "dead" else _NONSENSE
                    self._spoiled[path] = (before, after)
                    path.write_bytes(after)

    def _mend_files(self, kind: str) -> None:
        folder = self._xen.folder
        if kind in ("absent", "refused"):
            folder.unlink(missing_ok=True)
            _away(folder).rename(folder)
        elif self._held is not None:
            os.close(self._held)
            self._held = None
        for path, (before, after) in self._spoiled.items():
            # What somebody wrote meanwhile stays.
            if path.is_file() and path.read_bytes() == after:
                path.write_bytes(before)
        self._spoiled = {}


def _away(path: Path) -> Path:
    return path.with_name(f"{path.name}.away")
