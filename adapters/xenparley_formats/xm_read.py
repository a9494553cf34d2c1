"""XM files to GuestConfig: what xm of Xen 3.0 to 4.4 reads from /etc/xen."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Loader
from xenparley_formats import text_read
from xenparley_formats.literals import xm_literal
from xenparley_formats.native_disks import bus_of, parse_mode, parse_target, parse_uname
from xenparley_formats.native_run import ReadLog, Unreadable, shown
from xenparley_formats.native_same import MACHINES, Evening
from xenparley_formats.native_view import libvirt_view
from xenparley_formats.native_words import boot_devices
from xenparley_formats.text_keys import Dialect, Keys
from xenparley_formats.text_known import XM_KEYS
from xenparley_formats.xm_syntax import XmDocument, parse_xm

__all__ = ["DIALECT", "VERSIONS", "config_from_xm", "evening", "read_disk"]

#: ``xend_config_format``: 3.0.2 and older, 3.0.3, 3.0.4, 3.1 and later.
VERSIONS = (1, 2, 3, 4)
DIALECT = Dialect("xm", xm_literal, parse_xm, XM_KEYS)
#: xm's own default of ``memory``, in MiB.
_MEMORY = 128
_BUILDERS = {"linux": "pv", "generic": "pv", "hvm": "hvm", "vmx": "hvm"}


def evening(version: int) -> Evening:
    """Return what XM files for a version of xend imply."""
    return Evening(
        keeps_clock=version >= 4,
        video_kib=(None, 4096, 9216, 16384),
        file_driver="file",
        says_raw=False,
        empty_is_device=True,
        cdrom_last=version == 1,
    )


def config_from_xm(
    document: XmDocument,
    *,
    version: int = 4,
    source: str = "<xm>",
    strict: bool = False,
    log: ReadLog | None = None,
    arch: str | None = None,
) -> GuestConfig:
    """Return the guest of an XM file. ``version`` is xend's ``xend_config_format``, 1 to 4.

    What no release knows, or what has no meaning here, is kept in ``extras`` (with ``strict`` it
    is a problem). The file doesn't say the guest's architecture: give ``arch`` to have it set.
    Warnings go to ``log``. Raises ConfigError with every problem.
    """
    log = log or ReadLog(source, strict=strict)
    config = _config(Keys(document, DIALECT, log), version, arch)
    log.check("invalid XM file")
    return libvirt_view(config, keeps_clock=version >= 4)


def _config(keys: Keys, version: int, arch: str | None) -> GuestConfig:
    values: dict[str, Any] = {}
    text_read.identity(keys, values)
    text_read.memory(keys, values, _MEMORY)
    values["vcpus"] = text_read.vcpus(keys, "cpu_cap")
    builder = keys.text("builder") or "linux"
    if builder not in _BUILDERS:
        keys.log.problem(keys.where("builder"), f"unknown kind of guest: {shown(builder)}")
    hvm = _BUILDERS.get(builder) == "hvm"
    boot = Boot(virt="hvm" if hvm else "pv", arch=arch)
    boot = evolve(boot, machine=MACHINES[boot.virt])
    values["boot"] = _hvm_boot(keys, boot, version) if hvm else _pv_boot(keys, boot)
    drives: list[Disk] = []
    if hvm:
        text_read.features(keys, values)
        drives = _drives(keys, version)
        values["serials"] = text_read.chars(keys, "serial")
        values["parallels"] = text_read.chars(keys, "parallel")
        values["sounds"] = text_read.sounds(keys)
        text_read.usb_devices(keys, values)
    values["clock"] = text_read.clock(keys, hvm=hvm, keeps=version >= 4)
    for key in ("on_poweroff", "on_reboot", "on_crash"):
        values[key] = keys.text(key)
    values["emulator"] = keys.text("device_model")
    values["description"] = keys.text("description")
    values["cpupool"] = keys.text("pool")
    if keys.peek("on_xend_start") in ("start", "ignore"):
        values["autostart"] = keys.text("on_xend_start") == "start"
    text_read.display(keys, values, vfb=version >= 3)
    if hvm:
        text_read.video(keys, values, evening(version).video_kib)
    disks = keys.items("disk", lambda text: read_disk(text, hvm=hvm))
    values["disks"] = (*disks, *drives)
    text_read.devices(keys, values)
    values["extras"] = keys.rest()
    return GuestConfig(**values)


def _hvm_boot(keys: Keys, boot: Boot, version: int) -> Boot:
    """Take how an hvm guest boots: ``kernel`` is its loader, unless xm of 3.3 has ``loader``."""
    kernel = keys.text("kernel")
    loader = keys.text("loader") if version >= 4 else None
    order = keys.word("boot", boot_devices)
    if loader is None:
        loader, kernel = kernel, None
    if order is None and kernel is None and not keys.has("boot"):
        order = ("hd",)
    boot = evolve(
        boot,
        loader=None if loader is None else Loader(path=loader),
        kernel=kernel,
        devices=order or (),
    )
    if kernel is not None:
        boot = evolve(boot, initrd=keys.text("ramdisk"))
        boot = evolve(boot, root=keys.text("root"), cmdline=keys.text("extra"))
    return boot


def _pv_boot(keys: Keys, boot: Boot) -> Boot:
    return evolve(
        boot,
        bootloader=keys.text("bootloader"),
        bootloader_args=keys.text("bootargs"),
        kernel=keys.text("kernel"),
        initrd=keys.text("ramdisk"),
        root=keys.text("root"),
        cmdline=keys.text("extra"),
    )


def read_disk(text: str, *, hvm: bool) -> Disk:
    """Read an item of ``disk``: ``phy:/dev/sda,hda,w`` and maybe the back end's domain."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (3, 4):
        raise Unreadable(f"a disk is source,target,mode and maybe a domain: {shown(text)}")
    uname, dev, mode = parts[:3]
    if not dev.isascii():
        # xend looks the name's number up
        raise Unreadable(f"no name of a device: {shown(dev)}")
    target, kind = parse_target(dev)
    if kind not in (None, "disk", "cdrom"):
        raise Unreadable(f"unknown kind of a disk: {shown(dev)}")
    readonly, shareable = parse_mode(mode)
    cdrom = kind == "cdrom"
    # libvirt takes what has no driver for a device, also nothing
    source = DiskSource(type="block")
    driver: str | None = "phy"
    form: str | None = None
    if uname:
        said = parse_uname(uname, bare=True)
        path = said.path
        if said.driver == "phy" and not path.startswith("/"):
            # xend looks for devices there
            path = f"/dev/{path}"
        source = DiskSource(type=said.type, path=path)
        driver, form = said.driver, said.format
    elif not cdrom:
        raise Unreadable(f"a disk without a source: {shown(text)}")
    backend = parts[3] if len(parts) == 4 else ""
    return Disk(
        target=target,
        device="cdrom" if cdrom else "disk",
        source=source,
        bus="xen" if not hvm and target[:2] != "sd" else bus_of(target),
        driver=driver,
        format=form,
        readonly=readonly,
        shareable=shareable,
        backend_domain=None if backend in ("", "0", "Domain-0") else backend,
    )


def _drives(keys: Keys, version: int) -> list[Disk]:
    """Take floppies, and the CD-ROM of releases before 3.0.3."""
    found = []
    known = (("cdrom", "hdc"),) if version == 1 else ()
    for key, target in (*known, ("fda", "fda"), ("fdb", "fdb")):
        path = keys.text(key)
        if path is None:
            continue
        device, cdrom = path.startswith("/dev/"), key == "cdrom"
        found.append(
            Disk(
                target=target,
                device="cdrom" if cdrom else "floppy",
                source=DiskSource(type="block" if device else "file", path=path),
                bus="ide" if cdrom else "fdc",
                driver="phy" if device else "file",
                readonly=cdrom,
            )
        )
    return found
