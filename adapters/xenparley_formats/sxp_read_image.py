"""``(image (linux|hvm ...))`` of xend's S-expressions."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from xenparley.domain.config import (
    Boot,
    CharDevice,
    Clock,
    Disk,
    DiskSource,
    Extra,
    Feature,
    Input,
    Loader,
    Sound,
    Timer,
)
from xenparley_formats.native_chars import parse_char
from xenparley_formats.native_graphics import GRAPHICS_KEYS
from xenparley_formats.native_run import Unreadable
from xenparley_formats.native_words import boot_devices, number, whole
from xenparley_formats.sxp_node import Taking, kept

__all__ = ["FEATURES", "INPUTS", "read_clock", "read_image"]

#: Features of hvm guests that both xend and libvirt name.
FEATURES = ("acpi", "apic", "pae", "hap", "viridian")
#: USB devices that are input devices.
INPUTS = ("mouse", "tablet", "keyboard")


def _truth(text: str) -> bool:
    return whole(text) != 0


def read_image(
    take: Taking, values: dict[str, Any], boot: Boot, *, version: int
) -> tuple[Boot, dict[str, str]]:
    """Take an image: fields of GuestConfig go into ``values``.

    Returns the boot and the words of a display in the old style.
    """
    hvm = boot.virt == "hvm"
    kernel = take.text("kernel") or None
    boot = evolve(
        boot,
        initrd=take.text("ramdisk") or None,
        root=take.text("root") or None,
        cmdline=take.text("args") or None,
    )
    if hvm:
        loader = take.text("loader") or None
        if loader is None:
            loader, kernel = kernel, None
        elif kernel == loader:
            kernel = None
        if loader is not None:
            boot = evolve(boot, loader=Loader(path=loader))
    boot = evolve(boot, kernel=kernel)
    emulator = take.text("device_model") or None
    if emulator is not None:
        values["emulator"] = emulator
    extras: tuple[Extra, ...] = ()
    if hvm:
        boot, extras = _hvm(take, values, boot, version)
    style: dict[str, str] = {}
    if any(_says(take, kind) for kind in ("vnc", "sdl")):
        style = take.words(GRAPHICS_KEYS)
    values["extras"] = (*values.get("extras", ()), *extras)
    return boot, style


def _says(take: Taking, key: str) -> bool:
    value = take.peek(key)
    return value is not None and value not in ("", "0")


def _hvm(
    take: Taking, values: dict[str, Any], boot: Boot, version: int
) -> tuple[Boot, tuple[Extra, ...]]:
    """Take what only hvm images say."""
    order = take.word("boot", boot_devices) or ()
    # xm always says an order; with a kernel the first is never used
    if order and not (boot.kernel and order == ("hd",)):
        boot = evolve(boot, devices=order)
    features = []
    for name in FEATURES:
        on = take.word(name, _truth)
        if on is not None:
            features.append(Feature(name=name, state=None if on else "off"))
    values["features"] = tuple(features)
    # said once more for qemu-dm
    take.drop(("vcpus", "vcpu_avail"))
    extras: list[Extra] = []
    if take.peek("usb") == "1":
        take.node("usb")
    values["inputs"] = tuple(_inputs(take, extras))
    values["serials"] = _chars(take, "serial")
    values["parallels"] = _chars(take, "parallel")
    values["sounds"] = _sounds(take, extras)
    values["disks"] = tuple(_drives(take, version))
    return boot, tuple(extras)


def _inputs(take: Taking, extras: list[Extra]) -> list[Input]:
    found = []
    for node in take.nodes("usbdevice"):
        # one by one, or all in one list
        words = node[1:]
        if all(word in INPUTS for word in words):
            found += [Input(type=str(word), bus="usb") for word in words]
        else:
            extras.append(kept("image/usbdevice", node))
    return found


def _chars(take: Taking, key: str) -> tuple[CharDevice, ...]:
    """Take ``(serial pty)`` or ``(serial (pty none null))``; the place in the list is the port."""
    found = []
    node = take.node(key)
    if node is None:
        return ()
    words = node[1] if len(node) == 2 and isinstance(node[1], list) else node[1:]
    if not all(isinstance(word, str) for word in words):
        take.put_back(node)
        return ()
    try:
        for port, word in enumerate(words):
            source = parse_char(word) if word and isinstance(word, str) else None
            if source is not None:
                found.append(CharDevice(source=source, port=port))
    except Unreadable as exc:
        take.log.doubt(take.where(key), exc.message)
        take.put_back(node)
        return ()
    return tuple(found)


def _sounds(take: Taking, extras: list[Extra]) -> tuple[Sound, ...]:
    said = take.text("soundhw")
    if not said:
        return ()
    if said == "all":
        # which cards these are is qemu-dm's business; libvirt names the two that all have
        extras.append(kept("image/soundhw", ["soundhw", said]))
        return (Sound(model="sb16"), Sound(model="es1370"))
    return tuple(Sound(model=card) for card in said.split(",") if card)


def _drives(take: Taking, version: int) -> list[Disk]:
    """Take the CD-ROM of releases before 3.0.3 (later ones don't look at it), and floppies."""
    found = []
    drives = [("fda", "fda"), ("fdb", "fdb")]
    if version == 1:
        drives.insert(0, ("cdrom", "hdc"))
    for key, target in drives:
        path = take.text(key)
        if not path:
            continue
        device = path.startswith("/dev/")
        cdrom = key == "cdrom"
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


def read_clock(top: Taking, image: Taking | None, *, hvm: bool) -> Clock:
    """Take the clock: the image's ``localtime`` counts before the guest's own.

    An offset of the clock is of hvm guests, since 3.1.
    """
    inner = None if image is None else image.word("localtime", _truth)
    outer = top.word("localtime", _truth)
    local = inner if inner is not None else bool(outer)
    offset = "localtime" if local else "utc"
    seconds = None
    timers: tuple[Timer, ...] = ()
    if hvm and image is not None:
        seconds = image.word("rtc_timeoffset", number)
        hpet = image.word("hpet", _truth)
        if hpet is not None:
            timers = (Timer(name="hpet", present=hpet),)
    if seconds:
        return Clock(offset="variable", adjustment=str(seconds), basis=offset, timers=timers)
    return Clock(offset=offset, timers=timers)
