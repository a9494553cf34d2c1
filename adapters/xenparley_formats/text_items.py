"""Devices as items of a list in XM files and xl.cfg: ``mac=00:16:3e:00:00:01,bridge=xenbr0``.

A comma ends a word, so no value may hold one; blanks around a word don't count. Words that the
model doesn't know are kept in the device's extras, as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import partial

from attrs import evolve

from xenparley.domain.config import Extra, Graphics, HostPci, HostUsb, Interface, PciAddress
from xenparley_formats.native_graphics import GRAPHICS_KEYS, graphics_words, kind_of, parse_graphics
from xenparley_formats.native_nics import NIC_KEYS, nic_words, parse_nic
from xenparley_formats.native_run import Unreadable, Unsayable, WriteLog, shown
from xenparley_formats.native_words import parse_pci, whole

__all__ = [
    "joined",
    "nic_item",
    "own_words",
    "pci_item",
    "read_nic",
    "read_pci",
    "read_usb_host",
    "read_vfb",
    "usb_host_word",
    "vfb_item",
    "word",
    "words_of",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NIC_ORDER = (
    "mac", "bridge", "ip", "script", "model", "type", "vifname", "rate", "backend",
)  # fmt: skip
_USB_PLACE = re.compile(r"host:([0-9]{1,3})\.([0-9]{1,3})", re.ASCII)
_USB_KIND = re.compile(r"host:([0-9a-fA-F]{1,4}):([0-9a-fA-F]{1,4})", re.ASCII)
_PCI = re.compile(r"([0-9a-fA-FxX:.]+)(?:@([0-9a-fA-F]{1,2}))?")


def words_of(text: str, known: Collection[str], own: str) -> tuple[dict[str, str], list[Extra]]:
    """Split an item at its commas: values of known keys, and everything else as extras.

    Raises Unreadable for a known key that stands there twice or without a value's sign.
    """
    found: dict[str, str] = {}
    extras: list[Extra] = []
    for part in text.split(","):
        piece = part.strip()
        if not piece:
            continue
        key, sign, value = piece.partition("=")
        key = key.strip()
        if key not in known:
            extras.append(Extra(own, key, piece))
        elif not sign:
            raise Unreadable(f"a word without a value: {shown(piece)}")
        elif key in found:
            raise Unreadable(f"a word that stands there twice: {shown(key)}")
        else:
            found[key] = value.strip()
    return found, extras


def word(text: str) -> str:
    """Return text that can be one word of an item. Raises Unsayable."""
    if "," in text or _CONTROL.search(text):
        raise Unsayable(f"a comma or control character: {shown(text)}")
    if text != text.strip():
        raise Unsayable(f"blanks around a word: {shown(text)}")
    return text


def own_words(extras: Iterable[Extra], own: str, log: WriteLog, place: str) -> list[str]:
    """Return the words of this notation that were kept; notes those that can't be one."""
    found = []
    for extra in extras:
        if extra.format != own:
            continue
        piece = log.say(f"{place}/extras", partial(word, extra.text))
        if piece:
            found.append(piece)
    return found


def joined(words: Iterable[tuple[str, str]], more: Iterable[str]) -> str:
    """Join words as an item. Raises Unsayable for a value with a comma."""
    return ",".join([*(f"{key}={word(value)}" for key, value in words), *more])


def read_nic(text: str, own: str) -> Interface:
    """Read an item of ``vif``. xl's ``type=vif`` is what xm calls netfront."""
    words, extras = words_of(text, NIC_KEYS, own)
    kind = words.get("type", "")
    if own == "xl" and kind == "vif":
        words["type"] = "netfront"
    elif kind not in ("", "ioemu", "netfront"):
        raise Unreadable(f"unknown type of an interface: {shown(kind)}")
    if words.get("type") == "netfront" and words.get("model", "netfront") != "netfront":
        raise Unreadable("a model of an interface that is not emulated")
    ips = words.get("ip", "")
    if ips and not ips.split():
        raise Unreadable("an empty address")
    return evolve(parse_nic(words), extras=tuple(extras))


def nic_item(nic: Interface, own: str, log: WriteLog, place: str, *, hvm: bool, ioemu: bool) -> str:
    """Write an item of ``vif``. Raises Unsayable."""
    words = dict(nic_words(nic, log, place, hvm=hvm, ioemu=ioemu))
    if own == "xl" and words.get("type") == "netfront":
        words["type"] = "vif"
    ordered = [(key, words[key]) for key in _NIC_ORDER if key in words]
    return joined(ordered, own_words(nic.extras, own, log, place))


def read_vfb(text: str, own: str) -> Graphics:
    """Read an item of ``vfb``."""
    words, extras = words_of(text, GRAPHICS_KEYS, own)
    words = {key: value for key, value in words.items() if value}
    if words.get("type", "vnc") not in ("vnc", "sdl"):
        raise Unreadable(f"unknown type of a display: {shown(words['type'])}")
    return evolve(parse_graphics(words, kind_of(words)), extras=tuple(extras))


def vfb_item(graphics: Graphics, own: str, log: WriteLog, place: str) -> str:
    """Write an item of ``vfb``. Raises Unsayable."""
    words = graphics_words(graphics, log, place)
    if graphics.type not in ("vnc", "sdl"):
        raise Unsayable(f"a display of type {shown(graphics.type)}")
    if graphics.password is not None:
        # the message of a refusal would show it
        _secret(graphics.password)
    return joined([("type", graphics.type), *words], own_words(graphics.extras, own, log, place))


def _secret(password: str) -> None:
    try:
        word(password)
    except Unsayable:
        raise Unsayable("a password with a comma, control characters or blanks around") from None


def read_pci(text: str, own: str) -> HostPci:
    """Read an item of ``pci``: ``dddd:bb:ss.f@slot,permissive=1``."""
    head, _, rest = text.strip().partition(",")
    match = _PCI.fullmatch(head.strip())
    if match is None:
        raise Unreadable(f"not a PCI address: {shown(text)}")
    known = ("permissive", "seize") if own == "xl" else ()
    words, extras = words_of(rest, known, own)
    slot = None
    if match[2] is not None:
        number = int(match[2], 16)
        if number > 0x1F:
            raise Unreadable(f"a PCI slot beyond 0x1f: {shown(text)}")
        slot = PciAddress(0, 0, number, 0)
    permissive = words.get("permissive")
    seize = words.get("seize")
    if seize is not None and whole(seize, 1) == 0:
        extras.append(Extra(own, "seize", "seize=0"))
    return HostPci(
        address=parse_pci(match[1]),
        guest_address=slot,
        permissive=None if permissive is None else whole(permissive, 1) != 0,
        managed=seize is not None and whole(seize, 1) != 0,
        extras=tuple(extras),
    )


def pci_item(pci: HostPci, own: str, log: WriteLog, place: str) -> str:
    """Write an item of ``pci``. Raises Unsayable."""
    text = str(pci.address)
    if pci.address.slot > 0x1F:
        raise Unsayable(f"a PCI slot beyond 0x1f: {text}")
    if pci.guest_address is not None:
        guest = pci.guest_address
        if guest != PciAddress(0, 0, guest.slot, 0):
            log.lose(f"{place}/address", "more than the guest's slot")
        text += f"@{guest.slot:x}"
    words: list[tuple[str, str]] = []
    if own == "xl":
        if pci.permissive is not None:
            words.append(("permissive", str(int(pci.permissive))))
        if pci.managed:
            words.append(("seize", "1"))
    elif pci.managed:
        log.lose(f"{place}/@managed", "xend detaches no device from its driver")
    rest = joined(words, own_words(pci.extras, own, log, place))
    return f"{text},{rest}" if rest else text


def read_usb_host(text: str) -> HostUsb | None:
    """Read qemu's ``host:bus.device`` or ``host:vendor:product``; None for anything else."""
    if match := _USB_PLACE.fullmatch(text):
        bus, device = int(match[1]), int(match[2])
        return (
            HostUsb(bus=bus, device=device, mode="subsystem") if max(bus, device) <= 255 else None
        )
    if match := _USB_KIND.fullmatch(text):
        ids = int(match[1], 16), int(match[2], 16)
        return HostUsb(vendor=ids[0], product=ids[1], mode="subsystem")
    return None


def usb_host_word(usb: HostUsb) -> str:
    """Write what :func:`read_usb_host` reads."""
    if usb.bus is not None and usb.device is not None:
        return f"host:{usb.bus}.{usb.device}"
    if usb.vendor is not None and usb.product is not None:
        return f"host:{usb.vendor:04x}:{usb.product:04x}"
    raise Unsayable("a USB device without its place or its ids")
