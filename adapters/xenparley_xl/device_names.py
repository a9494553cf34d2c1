"""Names of disks and their numbers in XenStore (docs/misc/vbd-interface of Xen)."""

from __future__ import annotations

import re

__all__ = ["disk_name", "disk_number"]

_NAME = re.compile(r"(xvd|hd|sd|vd|fd)([a-z]{1,3})([0-9]{0,3})", re.ASCII)
# IDE: majors in pairs of disks.
_IDE = (3, 22, 33, 34, 56, 57, 88, 89, 90, 91)


def _letters(disk: int) -> str:
    text = ""
    disk += 1
    while disk:
        disk, rest = divmod(disk - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def disk_number(name: str) -> int | None:
    """Return the number of a disk's name; None for what is no name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    disk = 0
    for letter in match[2]:
        disk = disk * 26 + ord(letter) - ord("a") + 1
    disk -= 1
    part = int(match[3] or 0)
    if match[1] == "hd":
        if disk // 2 >= len(_IDE) or part > 63:
            return None
        return _IDE[disk // 2] << 8 | (disk % 2) << 6 | part
    if match[1] == "fd":
        return 2 << 8 | disk if disk < 4 and not part else None
    if match[1] == "sd" and disk < 16 and part < 16:
        return 8 << 8 | disk << 4 | part
    if disk < 16 and part < 16:
        return 202 << 8 | disk << 4 | part
    return 1 << 28 | disk << 8 | part if part < 256 and disk < 1 << 20 else None


def disk_name(number: int) -> str:
    """Return the name of a disk's number; the number itself where no name fits."""
    if number >> 28 == 1:
        return "xvd" + _letters(number >> 8 & 0xFFFFF) + (str(number & 255) if number & 255 else "")
    major, minor = number >> 8, number & 255
    if major == 202 or major == 8:
        word = "xvd" if major == 202 else "sd"
        return word + _letters(minor >> 4) + (str(minor & 15) if minor & 15 else "")
    if major in _IDE:
        disk = _IDE.index(major) * 2 + (minor >> 6)
        return "hd" + _letters(disk) + (str(minor & 63) if minor & 63 else "")
    if major == 2 and minor < 4:
        return "fd" + _letters(minor)
    return str(number)
