"""Devices in the words of `xl block-attach` and `xl network-attach`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, Problem, Unrepresentable
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from xenparley.domain.config.devices import Disk, Interface

__all__ = ["disk_words", "interface_words"]

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
# A value ends at a comma, and nothing escapes one.
_BARE = re.compile(r"[^\x00-\x1f\x7f,=\s]+(?: [^\x00-\x1f\x7f,=\s]+)*")


def disk_words(disk: Disk) -> list[str]:
    """Return the one word that says the disk, in the notation of Xen 4.2 and later.

    Raises Unrepresentable.
    """
    from xenparley_formats.native_run import WriteLog
    from xenparley_formats.xl_disks import disk_item

    log = WriteLog("xl block-attach")
    text = log.say("disk", lambda: disk_item(disk, log, "disk"))
    log.check(lossy=False)
    if text is None or text.startswith("-"):
        raise InvalidInput(f"xl has no words for the disk {printable(disk.target, limit=40)!r}")
    return [text]


def interface_words(interface: Interface) -> list[str]:
    """Return a word ``key=value`` for each thing that is said of the interface.

    Raises InvalidInput, Unrepresentable.
    """
    if interface.type not in ("bridge", "ethernet"):
        raise Unrepresentable(
            "xl network-attach", [Problem("type", f"an interface of type {interface.type!r}")]
        )
    if interface.mac is not None and not _MAC.fullmatch(interface.mac):
        raise InvalidInput(f"not a MAC: {printable(interface.mac, limit=40)!r}")
    rate = interface.rate_kib_s
    pairs = (
        ("mac", interface.mac),
        ("bridge", interface.source),
        ("script", interface.script),
        ("ip", " ".join(interface.ips) or None),
        ("vifname", interface.target),
        ("backend", interface.backend_domain),
        ("model", interface.model),
        ("rate", None if rate is None else f"{rate}KB/s"),
    )
    words = []
    for key, value in pairs:
        if value is None:
            continue
        if not _BARE.fullmatch(value):
            raise InvalidInput(f"xl can't say {key}={printable(value, limit=60)!r}")
        words.append(f"{key}={value}")
    return words
