"""Devices of xend's S-expressions: ``(vbd ...)``, ``(vif ...)``, ``(pci ...)``, ``(vfb ...)``."""

from __future__ import annotations

from attrs import evolve

from xenparley.domain.config import (
    Disk,
    DiskSource,
    Extra,
    Graphics,
    HostPci,
    Interface,
    PciAddress,
)
from xenparley_formats.native_disks import (
    bus_of,
    parse_mode,
    parse_target,
    parse_uname,
    uname_text,
)
from xenparley_formats.native_graphics import GRAPHICS_KEYS, kind_of, parse_graphics
from xenparley_formats.native_nics import NIC_KEYS, parse_nic
from xenparley_formats.native_run import ReadLog, Unreadable, shown
from xenparley_formats.native_words import rate_text
from xenparley_formats.sxp_node import Taking, kept
from xenparley_wire.sxp import Sexp

__all__ = ["DISK_CLASSES", "read_disk", "read_nic", "read_pci", "read_vfb"]

DISK_CLASSES = ("vbd", "tap", "tap2")
_DISK_KINDS = ("cdrom", "disk", "floppy")
_HERE = ("", "0", "Domain-0")


def _backend(take: Taking) -> str | None:
    """Take the domain that serves the back end; None for Domain 0."""
    value = take.text("backend")
    return None if value is None or value in _HERE else value


def read_disk(node: list[Sexp], log: ReadLog, place: str) -> Disk:
    """Read ``(vbd (dev ...) (uname ...) (mode ...) ...)``. Raises Unreadable."""
    take = Taking(node, log, place)
    dev = take.text("dev")
    if not dev:
        raise Unreadable("a disk without (dev ...)")
    target, kind = parse_target(dev)
    if kind is not None and kind not in _DISK_KINDS:
        log.doubt(f"{place}/dev", f"unknown kind of disk: {shown(kind)}")
        kind = None
    uname = take.text("uname")
    source, driver, form = DiskSource(), None, None
    if uname:
        said = parse_uname(uname, tap2=node[0] == "tap2")
        source = DiskSource(type=said.type, path=said.path)
        driver, form = said.driver, said.format
    mode = take.text("mode") or ""
    readonly, shareable = parse_mode(mode)
    backend = _backend(take)
    disk = Disk(
        target=target,
        device="cdrom" if kind == "cdrom" else "disk",
        source=source,
        bus=bus_of(target),
        driver=driver,
        format=form,
        readonly=readonly,
        shareable=shareable,
        backend_domain=backend,
        extras=take.rest(),
    )
    # other spellings are written again: tap2:tapdisk:aio:/p, (mode rw)
    if uname and uname != uname_text(disk):
        disk = _with(disk, kept("uname", ["uname", uname]))
    if mode in ("rw", "ro"):
        disk = _with(disk, kept("mode", ["mode", mode]))
    return disk


def _with(disk: Disk, extra: Extra) -> Disk:
    return evolve(disk, extras=(*disk.extras, extra))


def read_nic(node: list[Sexp], log: ReadLog, place: str, *, version: int) -> Interface:
    """Read ``(vif (mac ...) (bridge ...) ...)``. Raises Unreadable.

    Since 3.1 ``(type ioemu)`` is not what each emulated card is: it is kept.
    """
    take = Taking(node, log, place)
    keys = tuple(key for key in NIC_KEYS if key != "type")
    if take.peek("type") in (("netfront", "") if version >= 4 else ("netfront", "ioemu", "")):
        keys = NIC_KEYS
    words = take.words(keys)
    nic = parse_nic(words)
    extras = take.rest()
    rate = words.get("rate")
    if rate and nic.rate_kib_s and rate != rate_text(nic.rate_kib_s, nic.rate_interval_us):
        extras += (kept("rate", ["rate", rate]),)
    return evolve(nic, extras=extras)


def read_vfb(
    node: list[Sexp], log: ReadLog, place: str, beside: dict[str, str] | None = None
) -> Graphics:
    """Read ``(vfb (type vnc) ...)``. ``beside`` are an hvm image's words for the same display.

    Raises Unreadable.
    """
    take = Taking(node, log, place)
    words = {**(beside or {}), **take.words(GRAPHICS_KEYS)}
    graphics = parse_graphics(words, kind_of(words))
    backend = _backend(take)
    extras = take.rest()
    if backend is not None:
        extras += (kept("backend", ["backend", backend]),)
    return evolve(graphics, extras=extras)


def _hex(text: str | None, most: int) -> int:
    """Read a part of an address as xend does: hexadecimal, with or without 0x."""
    try:
        value = int(text or "0", 16)
    except ValueError as exc:
        raise Unreadable(f"not a part of a PCI address: {shown(text or '')}") from exc
    if not 0 <= value <= most:
        raise Unreadable(f"beyond what a PCI address can be: {shown(text or '')}")
    return value


def read_pci(
    node: list[Sexp], log: ReadLog, place: str
) -> tuple[tuple[HostPci, ...], tuple[Extra, ...]]:
    """Read ``(pci (dev (domain 0x0000) ...) ...)``: its functions, and what else it says.

    Raises Unreadable.
    """
    take = Taking(node, log, place)
    found = []
    for dev in take.nodes("dev"):
        part = Taking(dev, log, f"{place}/dev")
        address = PciAddress(
            _hex(part.text("domain"), 0xFFFF),
            _hex(part.text("bus"), 0xFF),
            _hex(part.text("slot"), 0x1F),
            _hex(part.text("func"), 7),
        )
        found.append(HostPci(address=address, mode="subsystem", extras=part.rest()))
    if take.peek("backend") in _HERE:
        take.node("backend")
    return tuple(found), take.rest("device/pci/")
