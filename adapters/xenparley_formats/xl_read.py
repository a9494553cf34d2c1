"""xl.cfg to GuestConfig: what xl of Xen 4.1 to 4.22 reads."""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve

from xenparley.domain.config import Boot, Controller, Disk, Feature, GuestConfig, Loader
from xenparley_formats import text_read
from xenparley_formats.literals import xl_literal
from xenparley_formats.native_run import ReadLog, shown
from xenparley_formats.native_same import MACHINES, Evening
from xenparley_formats.native_view import libvirt_view
from xenparley_formats.native_words import boot_devices
from xenparley_formats.text_keys import Dialect, Keys
from xenparley_formats.text_known import XL_KEYS
from xenparley_formats.xl_devices import (
    numbered,
    read_channel,
    read_controller,
    read_spice,
    read_usb,
    xenbus,
)
from xenparley_formats.xl_disks import read_disk, read_floppies
from xenparley_formats.xlcfg_syntax import XlDocument, parse_xlcfg

__all__ = ["ACTIONS", "DIALECT", "EVENING", "config_from_xl"]

DIALECT = Dialect("xl", xl_literal, parse_xlcfg, XL_KEYS)
EVENING = Evening(
    keeps_clock=True,
    video_kib=(None, 8192),
    file_driver="qemu",
    says_raw=True,
    hvmloader=True,
)
#: Actions of xl, with libvirt's words for them.
ACTIONS = ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset")
_TYPES = ("pv", "hvm", "pvh")
_BUILDERS = {"hvm": "hvm", "generic": "pv", "linux": "pv"}
_FIRMWARE = {"ovmf": "efi", "uefi": "efi", "seabios": "bios"}


def config_from_xl(
    document: XlDocument,
    *,
    source: str = "<xl.cfg>",
    strict: bool = False,
    log: ReadLog | None = None,
    arch: str | None = None,
) -> GuestConfig:
    """Return the guest of an xl.cfg.

    What no release knows, or what has no meaning here, is kept in ``extras`` (with ``strict`` it
    is a problem). The file doesn't say the guest's architecture: give ``arch`` to have it set.
    Warnings go to ``log``. Raises ConfigError with every problem.
    """
    log = log or ReadLog(source, strict=strict)
    config = _config(Keys(document, DIALECT, log), arch)
    log.check("invalid xl.cfg")
    return libvirt_view(config, keeps_clock=True)


def _kind(keys: Keys) -> str:
    """Take what kind of guest it is: ``type`` since 4.10 counts before ``builder``."""
    builder, kind = keys.text("builder"), keys.text("type")
    if kind is not None:
        if kind not in _TYPES:
            keys.log.problem(keys.where("type"), f"unknown kind of guest: {shown(kind)}")
            return "pv"
        return kind
    if builder is not None and builder not in _BUILDERS:
        keys.log.problem(keys.where("builder"), f"unknown kind of guest: {shown(builder)}")
    return _BUILDERS.get(builder or "generic", "pv")


def _config(keys: Keys, arch: str | None) -> GuestConfig:
    values: dict[str, Any] = {}
    text_read.identity(keys, values)
    text_read.memory(keys, values, None)
    values["vcpus"] = text_read.vcpus(keys, "cap")
    virt = _kind(keys)
    hvm = virt == "hvm"
    boot = Boot(virt=virt, arch=arch, machine=MACHINES[virt])
    values["boot"] = _boot(keys, boot)
    values["features"] = ()
    if hvm:
        text_read.features(keys, values)
        values["serials"] = text_read.chars(keys, "serial")
        values["parallels"] = text_read.chars(keys, "parallel")
        values["sounds"] = text_read.sounds(keys)
        text_read.usb_devices(keys, values)
        text_read.video(keys, values, EVENING.video_kib)
    e820 = keys.truth("e820_host")
    if e820 is not None:
        inner = Feature(name="e820_host", state="on" if e820 else "off")
        values["features"] = (*values["features"], Feature(name="xen", features=(inner,)))
    values["clock"] = text_read.clock(keys, hvm=hvm, keeps=True)
    for key in ACTIONS:
        values[key] = keys.text(key)
    values["emulator"] = _emulator(keys)
    values["cpupool"] = keys.text("pool")
    text_read.display(keys, values, vfb=not hvm)
    spice = read_spice(keys) if hvm else None
    if spice is not None:
        values["graphics"] = (*values["graphics"], spice)
    disks = keys.items("disk", partial(read_disk, hvm=hvm))
    values["disks"] = (*disks, *(_floppies(keys) if hvm else ()))
    text_read.devices(keys, values)
    values["channels"] = tuple(keys.items("channel", read_channel))
    values["controllers"] = (*_controllers(keys), *xenbus(keys))
    values["usb"] = (*values.get("usb", ()), *keys.items("usbdev", read_usb))
    values["extras"] = keys.rest()
    return GuestConfig(**values)


def _controllers(keys: Keys) -> tuple[Controller, ...]:
    return numbered(keys.items("usbctrl", read_controller))


def _floppies(keys: Keys) -> list[Disk]:
    words = keys.listed("device_model_args_hvm")
    found = None if words is None else read_floppies(words)
    if found is None:
        return []
    keys.drop("device_model_args_hvm")
    return found


def _emulator(keys: Keys) -> str | None:
    """Take the emulator. xl since 4.2 warns of ``device_model`` and doesn't use it."""
    override, old = keys.text("device_model_override"), keys.peek("device_model")
    if override is None:
        return keys.text("device_model")
    if old is not None:
        keys.drop("device_model")
        keys.log.ignored(keys.where("device_model"), "ignored beside device_model_override")
    return override


def _boot(keys: Keys, boot: Boot) -> Boot:
    kernel = keys.text("kernel")
    if boot.virt == "hvm" and kernel is not None and kernel.rsplit("/", 1)[-1] == "hvmloader":
        # left over from xm: xl takes its own loader and warns
        keys.log.ignored(keys.where("kernel"), "ignored, as xl ignores a kernel called hvmloader")
        kernel = None
    cmdline, root = _cmdline(keys)
    boot = evolve(boot, kernel=kernel, initrd=keys.text("ramdisk"), cmdline=cmdline, root=root)
    if boot.virt != "hvm":
        firmware = keys.text("firmware") if boot.virt == "pvh" else None
        boot = evolve(boot, bootloader=keys.text("bootloader"), firmware=firmware)
        if keys.peek("bootloader_args") is not None:
            boot = evolve(boot, bootloader_args=keys.text("bootloader_args"))
        return boot
    bios = keys.peek("bios")
    if bios in _FIRMWARE:
        keys.drop("bios")
        boot = evolve(boot, firmware=_FIRMWARE[bios])
    path = keys.text("bios_path_override") if bios in ("ovmf", "uefi") else None
    if path is not None:
        boot = evolve(boot, loader=Loader(path=path, type="pflash", readonly=True), firmware=None)
    override = keys.text("firmware_override") if path is None else None
    if override is not None:
        boot = evolve(boot, loader=Loader(path=override))
    order = keys.word("boot", boot_devices)
    if order is None and kernel is None and not keys.has("boot"):
        order = ("hd",)
    return evolve(boot, devices=order or ())


def _cmdline(keys: Keys) -> tuple[str | None, str | None]:
    """Take the kernel's arguments: ``cmdline`` counts, else ``root`` and ``extra``."""
    cmdline = keys.text("cmdline")
    if cmdline is None:
        return keys.text("extra"), keys.text("root")
    for key in ("extra", "root"):
        if keys.has(key):
            keys.drop(key)
            keys.log.ignored(keys.where(key), "ignored beside cmdline, as xl ignores it")
    return cmdline, None
