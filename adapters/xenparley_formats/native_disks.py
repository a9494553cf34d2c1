"""Disks in the words of xend, xm and xl: ``tap:aio:/p``, ``hdc:cdrom``, ``w!``."""

from __future__ import annotations

import re

from attrs import frozen

from xenparley.domain.config import Disk, DiskSource
from xenparley_formats.native_run import Unreadable, Unsayable, shown

__all__ = [
    "Source",
    "bus_of",
    "disk_type",
    "mode_text",
    "parse_mode",
    "parse_target",
    "parse_uname",
    "plain_target",
    "uname_text",
]

# blktap's sub-types; aio is its word for raw images
_TAP = {
    "aio": "raw",
    "sync": "sync",
    "ram": "ram",
    "qcow": "qcow",
    "qcow2": "qcow2",
    "vmdk": "vmdk",
    "vhd": "vhd",
    "vdi": "vdi",
    "qed": "qed",
}
_SAID = {form: word for word, form in _TAP.items()}
_DRIVER = re.compile(r"[A-Za-z0-9_+-]{1,32}", re.ASCII)
_TARGET = re.compile(r"[^\s:,\x00-\x1f\x7f]+")


@frozen
class Source:
    """What a ``uname`` says: back end, image format, source type and path."""

    driver: str | None
    format: str | None
    type: str
    path: str


def disk_type(driver: str | None) -> str:
    """Return the source's type for a back end: ``phy`` serves devices, others files."""
    return "block" if driver == "phy" else "file"


def parse_uname(text: str, *, bare: bool = False, tap2: bool = False) -> Source:
    """Read ``driver:path``, ``tap:format:path`` or ``tap2:tapdisk:format:path``.

    ``bare``: a path without a driver is a device (XM). ``tap2``: the device is a ``tap2`` one, so
    a ``tap:`` source is served by it. Raises Unreadable.
    """
    driver, colon, path = text.partition(":")
    if not colon:
        if bare and text:
            return Source("phy", None, "block", text)
        raise Unreadable(f"a disk's source without its driver: {shown(text)}")
    form: str | None = None
    if driver in ("tap", "tap2"):
        # blktap2 may say by which program: tap2:tapdisk:aio:/p
        path = path.removeprefix("tapdisk:")
        word, colon, path = path.partition(":")
        form = _TAP.get(word)
        if not colon or form is None:
            raise Unreadable(f"unknown kind of image: {shown(text)}")
        if tap2:
            driver = "tap2"
    if _DRIVER.fullmatch(driver) is None:
        raise Unreadable(f"unknown driver of a disk: {shown(text)}")
    if not path:
        raise Unreadable(f"a disk's source without a path: {shown(text)}")
    return Source(driver, form, disk_type(driver), path)


def uname_text(disk: Disk) -> str | None:
    """Write a disk's source; None for an empty drive. Raises Unsayable.

    A relative name of a device gets ``/dev/``, which is where xend looks for it.
    """
    source: DiskSource = disk.source
    if source.type not in ("file", "block"):
        raise Unsayable(f"a source of type {shown(source.type)}")
    if not source.path:
        if disk.driver is not None or disk.format is not None:
            raise Unsayable("the driver of an empty drive")
        return None
    if disk.driver in ("tap", "tap2"):
        form = "aio" if disk.format in (None, "aio") else _SAID.get(disk.format)
        if form is None:
            raise Unsayable(f"images of format {shown(disk.format or '')}")
        return f"{disk.driver}:{form}:{source.path}"
    if disk.format not in (None, "raw"):
        raise Unsayable(f"images of format {shown(disk.format or '')} without blktap")
    if disk.driver is not None:
        if _DRIVER.fullmatch(disk.driver) is None:
            raise Unsayable(f"a driver named {shown(disk.driver)}")
        return f"{disk.driver}:{source.path}"
    if source.type == "file":
        return f"file:{source.path}"
    return f"phy:{source.path}" if source.path.startswith("/") else f"phy:/dev/{source.path}"


def bus_of(target: str) -> str:
    """Return the bus that a target's name says."""
    name = target.removeprefix("ioemu:")
    for start, bus in (("xvd", "xen"), ("hd", "ide"), ("sd", "scsi"), ("fd", "fdc")):
        if name.startswith(start):
            return bus
    return "virtio" if name.startswith("vd") else "ide"


def plain_target(target: str) -> str:
    """Return a target that can stand before a colon or comma. Raises Unsayable."""
    name = target.removeprefix("ioemu:")
    if _TARGET.fullmatch(name) is None:
        raise Unsayable(f"a target named {shown(target)}")
    return name


def parse_target(text: str, *, suffix: bool = True) -> tuple[str, str | None]:
    """Read ``hdc:cdrom`` as name and kind (None: not said); ``ioemu:`` goes.

    Without ``suffix`` the part behind the colon is a part of the name (xend before 3.0.3).
    """
    name = text.removeprefix("ioemu:")
    kind: str | None = None
    if suffix and ":" in name:
        name, _, kind = name.rpartition(":")
    if not name or name != "".join(name.split()):
        raise Unreadable(f"no name of a device: {shown(text)}")
    return name, kind


def parse_mode(text: str) -> tuple[bool, bool]:
    """Read ``r``, ``ro``, ``w``, ``rw``, ``w!``, ``!`` as (read-only, shareable)."""
    word = text.strip().rstrip("!")
    shared = text.strip().endswith("!")
    if word not in ("r", "ro", "w", "rw", ""):
        raise Unreadable(f"unknown access mode of a disk: {shown(text)}")
    return word in ("r", "ro"), shared


def mode_text(disk: Disk) -> str:
    """Write how a disk is shared: ``r``, ``w!`` or ``w``. Raises Unsayable."""
    if disk.transient:
        raise Unsayable("a disk whose changes are thrown away")
    if disk.readonly:
        if disk.shareable:
            # xend: a read-only disk may be shared anyway
            raise Unsayable("a disk that is both read-only and shareable")
        return "r"
    return "w!" if disk.shareable else "w"
