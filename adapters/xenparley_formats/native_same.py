"""When two configurations are the same guest to a notation: defaults said, spellings evened out.

A writer of a notation reads its own text back and compares it with what it was given: whatever
differs was not said. So nothing is dropped without a word, and no value can reach into another
one. What :func:`evened` evens out is implied by the notation and lost by nobody:

- the id of a guest's last life, and the names that the host then gave its interfaces;
- architecture and machine, which the host decides, and the PCI or drive address of a disk that
  its target's name says anyway;
- the console, mouse and keyboard that each guest has, the balloon, the default video card;
- ``acpi``, ``apic``, ``pae`` and ``viridian`` that are off, which is the same as not there;
- a disk's driver and bus where its source and target say them, and that floppies come last.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from xenparley.domain.config import (
    Boot,
    CharDevice,
    Clock,
    Controller,
    Disk,
    Extra,
    Feature,
    Graphics,
    GraphicsListen,
    GuestConfig,
    MemBalloon,
    Video,
)
from xenparley_formats.native_disks import bus_of
from xenparley_formats.native_nics import HOST_NAME
from xenparley_formats.native_view import implied_console, implied_input, libvirt_view

__all__ = ["MACHINES", "Evening", "evened", "implied_video"]

#: The machine of each kind of guest, as libvirt names it.
MACHINES = {"pv": "xenpv", "hvm": "xenfv", "pvh": "xenpvh"}
#: Features for which being off and not being there is the same.
_OFF = ("acpi", "apic", "pae", "viridian")
_ORDER = ("acpi", "apic", "pae", "hap", "viridian")
_DRIVE = re.compile(
    r"""<address type=['"]drive['"] controller=['"](\d{1,3})['"] bus=['"](\d{1,3})['"]"""
    r""" target=['"]0['"] unit=['"](\d{1,3})['"]/>""",
    re.ASCII,
)


@frozen(kw_only=True)
class Evening:
    """What a notation implies: does its host keep an hvm guest's clock, and the video memory."""

    keeps_clock: bool
    video_kib: tuple[int | None, ...]
    #: Back ends of a file and of a device, and whether images are raw unless said otherwise.
    file_driver: str
    says_raw: bool
    #: Whether the loader called hvmloader is the default.
    hvmloader: bool = False
    #: Whether an empty drive reads as a device, as libvirt takes a source without a driver.
    empty_is_device: bool = False
    #: Whether a CD-ROM of an hvm guest has a key of its own and so comes behind the disks.
    cdrom_last: bool = False


def implied_video(video: Video, config: GuestConfig, evening: Evening) -> bool:
    """Say whether a video card is the one that libvirt gives each guest with a display."""
    if video.extras or video.ram_kib is not None or video.primary is False:
        return False
    if video.heads not in (None, 1):
        return False
    if config.virt == "hvm":
        return video.model in (None, "cirrus") and video.vram_kib in evening.video_kib
    return video.model == "xen"


def _natural(disk: Disk, extra: Extra) -> bool:
    """Say whether a piece is the drive address that libvirt derives from the target's name."""
    match = _DRIVE.fullmatch(extra.text) if extra.key == "address" else None
    name = disk.target.removeprefix("ioemu:")
    if extra.format != "xml" or match is None or not re.fullmatch("[hs]d[a-z]", name):
        return False
    number = ord(name[2]) - ord("a")
    said = tuple(int(part) for part in match.groups())
    if name.startswith("hd"):
        return said == (number // 4, number % 4 // 2, number % 2)
    return said == (number // 7, 0, number % 7)


def _disk(disk: Disk, config: GuestConfig, evening: Evening) -> Disk:
    source, driver, form = disk.source, disk.driver, disk.format
    target = disk.target.removeprefix("ioemu:")
    if source.path and driver is None and source.type in ("file", "block"):
        driver = evening.file_driver if source.type == "file" else "phy"
    if driver == "phy" and source.type == "block" and source.path and source.path[0] != "/":
        source = evolve(source, path=f"/dev/{source.path}")
    if source.path == "":
        source = evolve(source, path=None)
    if not source.path and source.type in ("file", "block") and form in (None, "raw"):
        if evening.empty_is_device and driver in (None, "file", "phy"):
            source, driver, form = evolve(source, type="block"), "phy", None
        elif not evening.empty_is_device and driver in (None, "file", "phy", "qemu"):
            source, driver, form = evolve(source, type="file"), None, None
    if evening.says_raw:
        driver = "qemu" if driver == "file" else driver
        form = form or ("raw" if source.path else None)
    elif driver in ("tap", "tap2"):
        form = form or "raw"
    elif form == "raw" and driver in (None, "file", "phy"):
        form = None
    bus = disk.bus or ("xen" if config.virt != "hvm" and target[:2] != "sd" else bus_of(target))
    return evolve(
        disk,
        target=target,
        source=source,
        bus=bus,
        driver=driver,
        format=form,
        extras=tuple(extra for extra in disk.extras if not _natural(disk, extra)),
    )


def _disks(config: GuestConfig, evening: Evening) -> tuple[Disk, ...]:
    disks = [_disk(disk, config, evening) for disk in config.disks]

    def rank(disk: Disk) -> int:
        if disk.device == "floppy":
            return 2
        return int(config.virt == "hvm" and evening.cdrom_last and disk.device == "cdrom")

    return tuple(sorted(disks, key=rank))


def _ports(chars: tuple[CharDevice, ...], kind: str) -> tuple[CharDevice, ...]:
    found = []
    types = (None, kind, "isa", f"isa-{kind}")
    taken = {char.port for char in chars}
    free = (number for number in range(len(chars) * 2 + 1) if number not in taken)
    for char in chars:
        port = char.port
        if port is None:
            port = next(free)
        source = evolve(char.source, path=None) if char.source.type == "pty" else char.source
        if source.type == "unix" and source.mode is None:
            source = evolve(source, mode="connect")
        if source.type == "tcp" and source.protocol is None:
            source = evolve(source, protocol="raw")
        if source.type == "udp":
            ends = sorted(source.endpoints, key=lambda end: end.mode)
            source = evolve(source, endpoints=tuple(ends))
        target = None if char.target_type in types else char.target_type
        tty = None if source.type == "pty" else char.tty
        found.append(evolve(char, source=source, port=port, target_type=target, tty=tty))
    return tuple(sorted(found, key=lambda char: char.port or 0))


def _display(graphics: Graphics) -> Graphics:
    if graphics.type == "sdl":
        return evolve(graphics, display=graphics.display or None, xauth=graphics.xauth or None)
    listen, listens = graphics.listen or None, graphics.listens
    if listen is None:
        listen = next((one.address for one in listens if one.type == "address"), None) or None
    if listen is not None and not listens:
        listens = (GraphicsListen(type="address", address=listen),)
    if listen is None and listens == (GraphicsListen(type="address"),):
        listens = ()
    port = graphics.port if graphics.port is not None and graphics.port > 0 else -1
    tls = graphics.tls_port if graphics.tls_port is not None and graphics.tls_port > 0 else None
    return evolve(
        graphics,
        port=port,
        tls_port=tls,
        autoport=bool(graphics.autoport) or (port < 0 and tls is None),
        listen=listen,
        listens=listens,
        password=graphics.password or None,
        keymap=graphics.keymap or None,
    )


def _features(config: GuestConfig) -> tuple[Feature, ...]:
    found = []
    for feature in config.features:
        plain = not (feature.features or feature.extras or feature.mode)
        if plain and feature.name in _ORDER:
            if feature.name in _OFF and feature.state == "off":
                continue
            if feature.state == "on":
                feature = evolve(feature, state=None)
        if feature.name == "xen" and feature.features:
            inner = [evolve(f, state=f.state or "on") for f in feature.features]
            feature = evolve(feature, features=tuple(inner))
        found.append(feature)
    rank = {name: number for number, name in enumerate(_ORDER)}
    return tuple(sorted(found, key=lambda f: rank.get(f.name, len(rank))))


def _boot(boot: Boot, config: GuestConfig, evening: Evening, own: str) -> Boot:
    loader = boot.loader
    firmware = boot.firmware
    if loader is not None and loader.type == "rom":
        loader = evolve(loader, type=None)
    if loader is not None and evening.hvmloader:
        base = (loader.path or "").rsplit("/", 1)[-1]
        plain = not (loader.secure or (loader.type is None and loader.readonly is False))
        if base == "hvmloader" and plain and loader.type is None:
            loader = None
        elif base == "ovmf.bin" and plain and loader.type == "pflash":
            loader, firmware = None, firmware or "efi"
    kept = any(extra.format == own and extra.key == "boot" for extra in config.extras)
    devices = boot.devices
    if boot.virt == "hvm" and not boot.kernel and not devices and not kept:
        devices = ("hd",)
    return evolve(
        boot,
        type_name=None,
        arch=None,
        machine=None if boot.machine == MACHINES.get(boot.virt) else boot.machine,
        loader=loader,
        firmware=firmware,
        devices=devices,
        kernel=boot.kernel or None,
        initrd=boot.initrd or None,
        cmdline=boot.cmdline or None,
        root=boot.root or None,
        bootloader_args=boot.bootloader_args or None,
    )


def _clock(clock: Clock | None) -> Clock:
    clock = clock or Clock(offset="utc")
    clock = evolve(clock, offset=clock.offset or "utc")
    order = {"tsc": 0, "hpet": 1}
    clock = evolve(clock, timers=tuple(sorted(clock.timers, key=lambda t: order.get(t.name, 2))))
    if clock.basis == clock.offset:
        clock = evolve(clock, basis=None)
    seconds = clock.adjustment
    if seconds is not None and re.fullmatch("[+-]?[0-9]{1,18}", seconds, re.ASCII):
        clock = evolve(clock, adjustment=str(int(seconds)))
    if clock.offset == "variable":
        clock = evolve(clock, adjustment=clock.adjustment or "0", basis=clock.basis or "utc")
    elif clock.offset in ("utc", "localtime") and clock.adjustment == "0":
        clock = evolve(clock, adjustment=None)
    return clock


def evened(config: GuestConfig, evening: Evening, own: str) -> GuestConfig:
    """Return the configuration as notation ``own`` would give it back if it can say all of it."""
    vcpus = config.vcpus
    hvm = config.virt == "hvm"
    config = evolve(
        config,
        domid=None,
        boot=_boot(config.boot, config, evening, own),
        features=_features(config),
        vcpus=evolve(
            vcpus,
            current=None if vcpus.current == vcpus.maximum else vcpus.current,
            pins=tuple(sorted(vcpus.pins, key=lambda pin: pin.vcpu)),
        ),
        clock=_clock(config.clock),
        disks=_disks(config, evening),
        serials=_ports(config.serials, "serial"),
        parallels=_ports(config.parallels, "parallel"),
        graphics=tuple(_display(display) for display in config.graphics),
        balloon=None if config.balloon == MemBalloon() else config.balloon,
        description=config.description or None,
        emulator=config.emulator or None,
        interfaces=tuple(
            evolve(nic, target=None) if HOST_NAME.fullmatch(nic.target or "") else nic
            for nic in config.interfaces
        ),
        usb=tuple(evolve(usb, mode=usb.mode or "subsystem") for usb in config.usb),
    )
    ide = Controller(type="ide", index=0)
    consoles = tuple(
        console
        for number, console in enumerate(config.consoles)
        if number or console.extras or not implied_console(config, console)
    )
    config = evolve(
        config,
        consoles=consoles,
        controllers=tuple(c for c in config.controllers if not hvm or c != ide),
        inputs=tuple(
            device
            for device in config.inputs
            if device.extras or not implied_input(device, hvm=hvm)
        ),
        videos=tuple(v for v in config.videos if not implied_video(v, config, evening)),
    )
    config = evolve(
        config,
        inputs=tuple(evolve(device, bus=device.bus or "usb") for device in config.inputs),
    )
    return libvirt_view(config, keeps_clock=evening.keeps_clock)
