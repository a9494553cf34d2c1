"""Which files of the folder are guests', what new ones are called, and UUIDs made from paths."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from xenparley.domain.identity import canonical_uuid

__all__ = ["TEMPORARY", "derived_uuid", "file_names", "new_uuid", "skipped"]

#: How our temporary files begin and end. The dot hides them from libvirt's reader and from ours.
TEMPORARY: Final = (".xenparley-", ".tmp")

#: libvirt's list (its XM driver, 0.9.8 to 1.2.2), and the examples that came with xl: nobody has
#: a guest in a file of such a name.
_PREFIXES: Final = {
    ".": "a hidden file",
    "#": "an editor's file",
    "xend-config.sxp": "XenD's own configuration",
    "xend-pci-": "XenD's own configuration",
    "xmexample": "an example",
    "xlexample": "an example",
    "qemu-ifup": "a script",
}
_ANY: Final = tuple(_PREFIXES)
#: The RFC 4122 name space for URLs.
_URLS: Final = bytes.fromhex("6ba7b8119dad11d180b400c04fd430c8")


def skipped(file: str) -> str | None:
    """Return why a file of this name is never a guest's; None when it may be one."""
    if file.startswith(_ANY):
        return next(reason for prefix, reason in _PREFIXES.items() if file.startswith(prefix))
    return "an editor's backup" if file.endswith("~") else None


def derived_uuid(path: str) -> str:
    """Return the UUID of a file that has none: version 5 of the URL ``file://PATH``.

    The same on each run and on each host; another one when the file is moved.
    """
    digest = hashlib.sha1(_URLS + b"file://" + os.fsencode(path), usedforsecurity=False).digest()
    return _versioned(digest[:16], 5)


def new_uuid() -> str:
    """Return a random UUID (version 4)."""
    return _versioned(os.urandom(16), 4)


def _versioned(data: bytes, version: int) -> str:
    raw = bytearray(data)
    raw[6] = raw[6] & 0x0F | version << 4
    raw[8] = raw[8] & 0x3F | 0x80
    return canonical_uuid(raw.hex())


def file_names(name: str, uuid: str) -> tuple[str, str]:
    """Return what a new guest's file may be called, the better one first.

    The guest's name, as libvirt did it, unless files of that name are skipped; else its UUID.
    """
    spare = f"{uuid}.cfg"
    return (spare, spare) if skipped(name) else (name, spare)
