"""Devices as xend's S-expressions, for a whole guest and for hot-plug."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, fields_dict

from xenparley.domain.config import Disk, Graphics, HostPci, Interface
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley_formats.native_disks import bus_of, disk_type, mode_text, plain_target, uname_text
from xenparley_formats.native_graphics import graphics_words
from xenparley_formats.native_nics import nic_words
from xenparley_formats.native_run import ReadLog, Unsayable, WriteLog, shown, unsaid
from xenparley_formats.sxp_extras import with_extras
from xenparley_formats.sxp_node import FORMAT
from xenparley_formats.sxp_read_devices import read_disk, read_nic
from xenparley_wire.sxp import Sexp

__all__ = [
    "Device",
    "device_to_sxp",
    "in_image",
    "write_disk",
    "write_drive",
    "write_graphics",
    "write_nic",
    "write_pci",
]

#: Devices that xend attaches to a running guest.
Device = Disk | Interface | HostPci | Graphics

_DISK_SAID = frozenset(
    (
        "target",
        "device",
        "source",
        "bus",
        "driver",
        "format",
        "readonly",
        "shareable",
        "transient",
        "backend_domain",
    )
)
_NIC_SAID = frozenset(
    (
        "type",
        "source",
        "mac",
        "model",
        "script",
        "ips",
        "target",
        "rate_kib_s",
        "rate_interval_us",
        "backend_domain",
    )
)
_HERE = ("", "0", "Domain-0")


def in_image(disk: Disk, *, version: int, hvm: bool) -> str | None:
    """Return the image's key for a drive that is told there: floppies, and CD-ROMs of old."""
    if not hvm:
        return None
    if disk.device == "floppy":
        return disk.target if disk.target in ("fda", "fdb") else None
    return "cdrom" if disk.device == "cdrom" and version == 1 else None


def write_drive(disk: Disk, log: WriteLog, place: str) -> str | None:
    """Return the path of a drive that the image tells of; what else it has is lost."""
    unsaid(log, place, disk, _DISK_SAID, FORMAT)
    for extra in disk.extras:
        if extra.format == FORMAT:
            log.lose(f"{place}/{printable(extra.key, limit=80)}", "there is no word for it")
    cdrom = disk.device == "cdrom"
    path = disk.source.path
    if cdrom and disk.target.removeprefix("ioemu:") != "hdc":
        log.lose(f"{place}/target", "a CD-ROM drive other than hdc")
        return None
    if not path or disk.source.type not in ("file", "block"):
        log.lose(f"{place}/source", "an empty drive, or one whose source is no file or device")
        return None
    unsaid(log, f"{place}/source", disk.source, ("type", "path"), FORMAT)
    block = path.startswith("/dev/")
    if (disk.source.type == "block") != block:
        log.lose(f"{place}/@type", "only what is below /dev is a device")
    if disk.driver not in (None, "phy" if block else "file") or disk.format not in (None, "raw"):
        log.lose(f"{place}/driver", "a driver, or a format other than raw")
    if disk.bus not in (None, "ide" if cdrom else "fdc"):
        log.lose(f"{place}/target/@bus", f"bus {shown(disk.bus or '')}")
    if disk.shareable or disk.transient or (disk.readonly and not cdrom):
        log.lose(place, "how the drive may be used")
    if disk.backend_domain is not None:
        log.lose(f"{place}/backenddomain", "another domain's drive")
    return path


def write_disk(
    disk: Disk, log: WriteLog, place: str, *, version: int, hvm: bool
) -> list[Sexp] | None:
    """Return ``(vbd ...)``, ``(tap ...)`` or ``(tap2 ...)``; None, and a loss, if there is none."""
    if disk.device not in ("disk", "cdrom"):
        log.lose(f"{place}/@device", f"a drive of kind {shown(disk.device)} at this place")
        return None
    unsaid(log, place, disk, _DISK_SAID, FORMAT)
    unsaid(log, f"{place}/source", disk.source, ("type", "path"), FORMAT)
    cdrom = disk.device == "cdrom"
    target = log.say(f"{place}/target", lambda: plain_target(disk.target))
    if target is None:
        return None
    if disk.bus not in (None, bus_of(target)):
        log.lose(f"{place}/target/@bus", f"{target} on another bus than its name says")
    try:
        uname = uname_text(disk)
    except Unsayable as exc:
        log.lose(f"{place}/source", exc.message)
        return None
    driver = disk.driver or ("phy" if disk.source.type == "block" else "file")
    if uname is None:
        if not cdrom:
            log.lose(f"{place}/source", "a disk without a source")
            return None
    elif disk.source.type != disk_type(driver):
        log.lose(f"{place}/@type", f"a source of type {disk.source.type} by driver {driver}")
    if cdrom:
        dev = f"{target}:cdrom"
        mode: str | None = "r"
        if disk.shareable or disk.transient:
            log.lose(place, "a CD-ROM that is written to")
    else:
        dev = target if not hvm else f"ioemu:{target}" if version == 1 else f"{target}:disk"
        mode = log.say(place, lambda: mode_text(disk))
    node: list[Sexp] = [driver if driver in ("tap", "tap2") else "vbd", ["dev", dev]]
    node += [["uname", uname]] if uname is not None else []
    node.append(["mode", mode or ("r" if disk.readonly else "w")])
    if disk.backend_domain is not None:
        if disk.backend_domain in _HERE:
            log.lose(f"{place}/backenddomain", "Domain 0 named: it is the default")
        else:
            node.append(["backend", disk.backend_domain])
    return with_extras(node, disk.extras, log, place, _same_disk)


def _same_disk(node: list[Sexp]) -> Disk:
    return evolve(read_disk(node, ReadLog(""), ""), extras=())


def _same_nic(node: list[Sexp]) -> Interface:
    return evolve(read_nic(node, ReadLog(""), "", version=4), extras=())


def write_nic(nic: Interface, log: WriteLog, place: str, *, version: int, hvm: bool) -> list[Sexp]:
    """Return ``(vif ...)``. An emulated card is ``(type ioemu)`` before 3.1 only."""
    unsaid(log, place, nic, _NIC_SAID, FORMAT)
    words = nic_words(nic, log, place, hvm=hvm, ioemu=version < 4)
    node: list[Sexp] = ["vif"]
    node += [[key, value] for key, value in words]
    return with_extras(node, nic.extras, log, place, _same_nic)


def write_graphics(graphics: Graphics, log: WriteLog, place: str) -> list[Sexp] | None:
    """Return ``(vfb (type vnc) ...)``; None, and a loss, for a display that xend doesn't have."""
    # graphics_words notes the fields itself
    unsaid(log, place, graphics, fields_dict(Graphics), FORMAT)
    words = graphics_words(graphics, log, place)
    if graphics.type not in ("vnc", "sdl"):
        return None
    node: list[Sexp] = ["vfb", ["type", graphics.type]]
    node += [[key, value] for key, value in words]
    return with_extras(node, graphics.extras, log, place)


def write_pci(
    functions: Iterable[HostPci], log: WriteLog, places: Iterable[str], state: str | None = None
) -> list[Sexp]:
    """Return ``(pci (dev ...) ...)`` with all functions, and xenbus' state for hot-plug."""
    node: list[Sexp] = ["pci"]
    for pci, place in zip(functions, places, strict=True):
        unsaid(log, place, pci, ("address", "managed", "mode"), FORMAT)
        if pci.managed:
            log.lose(f"{place}/@managed", "xend detaches no device from its driver")
        if pci.mode not in (None, "subsystem"):
            log.lose(f"{place}/@mode", f"mode {shown(pci.mode)}")
        address = pci.address
        dev: list[Sexp] = [
            "dev",
            ["domain", f"0x{address.domain:04x}"],
            ["bus", f"0x{address.bus:02x}"],
            ["slot", f"0x{address.slot:02x}"],
            ["func", f"0x{address.function:x}"],
        ]
        node.append(with_extras(dev, pci.extras, log, place))
    if state is not None:
        node.append(["state", state])
    return node


def device_to_sxp(
    device: Device, *, version: int = 4, hvm: bool = False, state: str | None = None
) -> list[Sexp]:
    """Return the expression that xend's ``device_create`` and ``device_configure`` take.

    ``hvm`` says what kind the guest is; ``state`` is xenbus' state for PCI (``Initialising`` to
    attach, ``Closing`` to detach). Raises Unrepresentable with everything that can't be said;
    floppies and, before 3.0.3, CD-ROMs of hvm guests can't be attached at all.
    """
    log = WriteLog(f"a device of xend's format {version}")
    node: list[Sexp] | None = None
    if isinstance(device, Disk):
        if in_image(device, version=version, hvm=hvm) is not None:
            log.lose("disk/@device", f"{shown(device.target)} can't be attached to a running guest")
        else:
            node = write_disk(device, log, "disk", version=version, hvm=hvm)
    elif isinstance(device, Interface):
        node = write_nic(device, log, "interface", version=version, hvm=hvm)
    elif isinstance(device, HostPci):
        node = write_pci([device], log, ["hostdev"], state)
    elif isinstance(device, Graphics):
        node = write_graphics(device, log, "graphics")
    else:
        raise InvalidInput(f"xend attaches no device of type {type(device).__name__}")
    log.check(lossy=False)
    assert node is not None
    return node
