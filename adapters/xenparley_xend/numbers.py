"""XenStore's numbers of disks, as XenD computes them from a device's name.

See docs/misc/vbd-interface of Xen.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["plain_target", "vbd_number"]

_DISK: Final = re.compile(r"(?:/dev/)?(xvd|hd|sd)([a-z]{1,2})([0-9]{0,3})", re.ASCII)
_IDE_MAJORS: Final = (3, 22, 33, 34, 56, 57, 88, 89, 90, 91)
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)


def plain_target(dev: str) -> str:
    """Return a disk's name without what XenD puts around it: ``ioemu:hda``, ``xvda:disk``."""
    dev = dev.removeprefix("ioemu:")
    name, _, kind = dev.partition(":")
    return name if kind in ("", "disk", "cdrom", "floppy") else dev


def vbd_number(target: str) -> int | None:
    """Return the device number of a disk's name (or of a number as text); None for others."""
    if _NUMBER.fullmatch(target):
        return int(target)
    match = _DISK.fullmatch(target)
    if match is None:
        return None
    disk = 0
    for letter in match[2]:
        disk = disk * 26 + ord(letter) - ord("a") + 1
    disk -= 1
    part = int(match[3] or 0)
    if match[1] == "hd":
        if disk // 2 >= len(_IDE_MAJORS) or part > 63:
            return None
        return _IDE_MAJORS[disk // 2] << 8 | disk % 2 << 6 | part
    if match[1] == "sd" and disk < 16 and part < 16:
        return 8 << 8 | disk << 4 | part
    if disk < 16 and part < 16:
        return 202 << 8 | disk << 4 | part
    return 1 << 28 | disk << 8 | part if part < 256 else None
