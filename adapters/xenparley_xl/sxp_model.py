"""What `xl list -l` printed in 4.1 (and prints with output_format="sxp"), to the model.

It looks like XenD's notation and is not: keys such as ``(domid 1)`` stand beside headings in
parentheses, and one line, ``(xsdata contains:``, is never closed. So it is read line by line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound, ProtocolError
from xenparley.domain.identity import canonical_uuid, is_uuid, printable

if TYPE_CHECKING:
    from xenparley.domain.config import Disk, GuestConfig, HostPci, Interface

__all__ = ["config_of_sxp"]

_PAIR = re.compile(r"\(([a-z_][a-z0-9_]*)(?: (.*))?\)")
_HEAD = re.compile(r"\(([a-z_][a-z0-9_]*)")
_DEVICES = frozenset({"tap", "vbd", "vif", "pci", "vfb", "vkb"})
_MAX_LINES = 100_000
_ADDRESS = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")


def config_of_sxp(text: str, domid: int) -> GuestConfig:
    """Return the model of one guest. Raises NotFound, ProtocolError."""
    from xenparley.domain.config import Boot, GuestConfig, Vcpus

    main, devices = _split(text)
    if main.get("domid") != str(domid):
        raise NotFound(f"xl list -l tells of no domain {domid}")
    hvm = main.get("hvm") == "1" or "firmware" in main
    uuid = main.get("uuid", "")
    target, most = _number(main.get("target_memkb")), _number(main.get("max_memkb"))
    return GuestConfig(
        name=main.get("name") or f"domain-{domid}",
        uuid=canonical_uuid(uuid) if is_uuid(uuid) else None,
        domid=domid,
        memory_kib=target or most or 0,
        max_memory_kib=most if most != target else None,
        vcpus=Vcpus(maximum=_number(main.get("max_vcpus")) or 1),
        boot=Boot(
            virt="hvm" if hvm else "pv",
            kernel=main.get("kernel") if not hvm else None,
            initrd=main.get("ramdisk") or None,
            cmdline=main.get("cmdline") or None,
        ),
        disks=tuple(_disk(held) for kind, held in devices if kind in ("tap", "vbd")),
        interfaces=tuple(_nic(held) for kind, held in devices if kind == "vif"),
        pci=tuple(pci for kind, held in devices if kind == "pci" for pci in _pci(held)),
    )


def _split(text: str) -> tuple[dict[str, str], list[tuple[str, dict[str, str]]]]:
    """Return what is said of the guest, and of each device."""
    main: dict[str, str] = {}
    devices: list[tuple[str, dict[str, str]]] = []
    now = main
    lines = text.split("\n")
    if not text.lstrip().startswith("(domain") or len(lines) > _MAX_LINES:
        raise ProtocolError(f"not what xl list -l prints: {printable(text, limit=80)!r}")
    for line in lines:
        word = line.strip()
        pair = _PAIR.fullmatch(word)
        if pair is not None:
            now.setdefault(pair[1], _value(pair[2] or ""))
            continue
        head = _HEAD.fullmatch(word)
        if head is not None and head[1] in _DEVICES:
            now = {}
            devices.append((head[1], now))
        elif head is not None and head[1] == "device":
            now = {}
        elif word.startswith("(domain") and main:
            break  # the next guest
    return main, devices


def _value(text: str) -> str:
    return "" if text in ("(null)", "NULL") else text


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,15}", text) else None


def _disk(held: dict[str, str]) -> Disk:
    from xenparley.domain.config import Disk, DiskSource

    path = held.get("physpath") or held.get("pdev_path") or None
    return Disk(
        target=held.get("virtpath") or held.get("vdev") or "",
        device="cdrom" if held.get("is_cdrom") == "1" else "disk",
        source=DiskSource(type="block" if (path or "").startswith("/dev/") else "file", path=path),
        readonly=held.get("readwrite", "1") in ("0", "r"),
    )


def _nic(held: dict[str, str]) -> Interface:
    from xenparley.domain.config import Interface

    mac = held.get("mac", "").lower()
    if re.fullmatch(r"[0-9a-f]{12}", mac):
        mac = ":".join(mac[place : place + 2] for place in range(0, 12, 2))
    return Interface(
        type="bridge",
        source=held.get("bridge") or None,
        mac=mac if re.fullmatch(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", mac) else None,
        model=held.get("model") or None,
    )


def _pci(held: dict[str, str]) -> list[HostPci]:
    from xenparley.domain.config import HostPci, PciAddress

    match = _ADDRESS.search(" ".join(held.values()))
    if match is None:
        return []
    domain, bus, slot, function = (int(match[n], 16) for n in (1, 2, 3, 4))
    return [HostPci(address=PciAddress(domain, bus, slot, function))]
