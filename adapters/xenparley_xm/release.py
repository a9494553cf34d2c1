"""Which Xen release this machine runs, as far as a file can tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable

__all__ = ["Release", "config_version", "has_xend_definitions", "parse_release", "running_release"]

Release = tuple[int, int, int]

_RELEASE: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:[-.+~a-z].*)?\Z")


def parse_release(text: str) -> Release:
    """Read ``3.0.4`` or ``4.17.4-pre``. Raises InvalidInput."""
    match = _RELEASE.match(text)
    if match is None:
        raise InvalidInput(f"not a Xen release: {printable(text, limit=40)!r}; try 3.0.4 or 4.17")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def running_release(sysfs: str) -> Release | None:
    """Return the release of the hypervisor below this machine; None when nothing tells.

    ``SYSFS/hypervisor/version/{major,minor,extra}`` (Linux for Xen 3.0.3 and later). The extra
    part is ``.4-1`` and the like.
    """
    folder = Path(sysfs, "hypervisor", "version")
    try:
        parts = [folder.joinpath(name).read_text("ascii") for name in ("major", "minor", "extra")]
    except (OSError, ValueError):
        # Not Xen, or a kernel that doesn't tell: both are answered with None.
        return None
    major, minor, extra = (part.strip()[:20] for part in parts)
    try:
        return parse_release(f"{major}.{minor}{extra}")
    except InvalidInput:
        return None


def has_xend_definitions(release: Release) -> bool:
    """Say whether XenD keeps definitions itself: since 3.0.4."""
    return release >= (3, 0, 4)


def config_version(release: Release | None) -> int:
    """Return the ``xend_config_format`` that a release's XenD speaks; the newest when unknown."""
    if release is None or release >= (3, 1, 0):
        return 4
    if release >= (3, 0, 4):
        return 3
    return 2 if release >= (3, 0, 3) else 1
