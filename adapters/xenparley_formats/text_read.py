"""What XM files and xl.cfg say in the same words, to fields of GuestConfig."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from xenparley.domain.config import (
    CharDevice,
    Clock,
    Extra,
    Feature,
    HostUsb,
    Input,
    Sound,
    Timer,
    VcpuPin,
    Vcpus,
    Video,
)
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import canonical_uuid
from xenparley_formats.native_chars import parse_char
from xenparley_formats.native_graphics import GRAPHICS_KEYS, parse_graphics
from xenparley_formats.native_run import Unreadable, shown
from xenparley_formats.native_words import (
    MIB,
    cpu_list,
    number,
    online_mask,
    online_of,
    whole,
)
from xenparley_formats.text_items import (
    read_nic,
    read_pci,
    read_usb_host,
    read_vfb,
)
from xenparley_formats.text_keys import Keys

__all__ = [
    "FEATURES",
    "INPUTS",
    "TSC_MODES",
    "chars",
    "clock",
    "cpuset",
    "devices",
    "display",
    "features",
    "identity",
    "memory",
    "usb_devices",
    "vcpus",
    "video",
]

#: Features of hvm guests that have a key each.
FEATURES = ("acpi", "apic", "pae", "hap", "viridian")
#: USB devices that are input devices.
INPUTS = ("mouse", "tablet", "keyboard")
#: ``tsc_mode`` as xl's words, xm's numbers and libvirt's words.
TSC_MODES = (
    ("default", "0", "auto"),
    ("always_emulate", "1", "emulate"),
    ("native", "2", "native"),
    ("native_paravirt", "3", "paravirt"),
)
_MAX_MIB = 1 << 32
_MAX_VCPUS = 8192


def identity(keys: Keys, values: dict[str, Any]) -> None:
    """Take name and UUID."""
    name = keys.text("name")
    if not name:
        keys.log.problem("name", "a guest needs a name")
    values["name"] = name or ""
    values["uuid"] = keys.word("uuid", _uuid)


def _uuid(text: str) -> str:
    try:
        return canonical_uuid(text)
    except InvalidInput as exc:
        raise Unreadable(exc.message) from exc


def memory(keys: Keys, values: dict[str, Any], default: int | None) -> None:
    """Take ``memory`` and ``maxmem``, both in MiB."""
    start = keys.number("memory", _MAX_MIB)
    most = keys.number("maxmem", _MAX_MIB)
    if start is None and not keys.has("memory"):
        start = default if default is not None and not most else most or default
    if not start:
        keys.log.problem(keys.where("memory"), "a guest needs memory")
        return
    values["memory_kib"] = start * MIB
    if most:
        values["max_memory_kib"] = max(most, start) * MIB


def vcpus(keys: Keys, cap: str) -> Vcpus:
    """Take the virtual CPUs. ``maxvcpus`` is the number of them, else ``vcpus`` is."""
    count = keys.number("vcpus", _MAX_VCPUS) or None
    most = keys.number("maxvcpus", _MAX_VCPUS) or None
    maximum = max(most or count or 1, count or 1)
    current = count if most is not None and count is not None and count < maximum else None
    mask = keys.peek("vcpu_avail")
    if keys.dialect.name == "xm" and mask and mask.isascii() and mask.isdigit():
        # only the first so many can be told apart from others by their number
        online = online_of(int(mask), maximum) if len(mask) < 2500 else 0
        if online and int(mask) & online_mask(maximum) == online_mask(online):
            keys.drop("vcpu_avail")
            current = min(online, current or maximum)
            current = current if current < maximum else None
    found = Vcpus(
        maximum=maximum,
        current=current,
        weight=keys.word("cpu_weight", lambda text: whole(text, 65535) or None),
        cap=keys.number(cap, 65535),
    )
    return cpuset(keys, found)


def cpuset(keys: Keys, found: Vcpus) -> Vcpus:
    """Take ``cpus``: one list of CPUs for all, or a list with one for each virtual CPU."""
    listed = keys.listed("cpus")
    if listed is None:
        return evolve(found, cpuset=keys.word("cpus", _cpus))
    try:
        sets = [_cpus(item.strip()) if item.strip() else None for item in listed]
    except Unreadable as exc:
        keys.log.doubt(keys.where("cpus"), exc.message)
        return found
    if len(sets) > found.maximum or (sets and sets[-1] is None):
        return found
    keys.drop("cpus")
    pins = [VcpuPin(vcpu=vcpu, cpuset=cpus) for vcpu, cpus in enumerate(sets) if cpus]
    return evolve(found, pins=tuple(pins))


def _cpus(text: str) -> str:
    cpu_list(text)
    return text


def features(keys: Keys, values: dict[str, Any]) -> None:
    """Take an hvm guest's features. acpi, apic and pae are there unless they are switched off."""
    found = []
    for name in FEATURES:
        on = keys.truth(name)
        if on is None and name in ("acpi", "apic", "pae") and not keys.has(name):
            on = True
        if on:
            found.append(Feature(name=name))
        elif on is False and name == "hap":
            found.append(Feature(name=name, state="off"))
    values["features"] = tuple(found)


def clock(keys: Keys, *, hvm: bool, keeps: bool) -> Clock:
    """Take the clock and timers. Where the host keeps an hvm guest's clock, it has an offset."""
    base = "localtime" if keys.truth("localtime") else "utc"
    timers = []
    if hvm:
        mode = keys.word("tsc_mode", _tsc)
        if mode is not None:
            timers.append(Timer(name="tsc", present=True, mode=mode))
        hpet = keys.truth("hpet")
        if hpet is not None:
            timers.append(Timer(name="hpet", present=hpet))
    if hvm and keeps:
        seconds = keys.word("rtc_timeoffset", number) or 0
        return Clock(offset="variable", adjustment=str(seconds), basis=base, timers=tuple(timers))
    return Clock(offset=base, adjustment="reset", timers=tuple(timers))


def _tsc(text: str) -> str:
    for name, digit, mode in TSC_MODES:
        if text in (name, digit):
            return mode
    raise Unreadable(f"unknown mode of the time stamp counter: {shown(text)}")


def display(keys: Keys, values: dict[str, Any], *, vfb: bool) -> None:
    """Take displays: an item of ``vfb`` each, if there is such, or top-level keys.

    Those are for a VNC and an SDL one.
    """
    found = keys.items("vfb", lambda text: read_vfb(text, keys.dialect.name)) if vfb else []
    kinds = []
    for kind in ("vnc", "sdl"):
        said = keys.peek(kind)
        if said is None:
            continue
        try:
            on = number(said) != 0 if said.strip() else False
        except Unreadable as exc:
            keys.log.doubt(keys.where(kind), exc.message)
            continue
        keys.drop(kind)
        kinds += [kind] if on else []
    for kind in kinds:
        own = ("display", "xauthority", "opengl") if kind == "sdl" else _VNC_KEYS
        own += ("keymap",) if kind == kinds[0] else ()
        words = {key: value for key in own if (value := keys.peek(key))}
        if kind == "vnc":
            words.setdefault("vncunused", "1")
        try:
            one = parse_graphics(words, kind)
        except Unreadable as exc:
            keys.log.doubt(keys.where(kind), exc.message)
            continue
        keys.drop(*own)
        found.append(one)
    values["graphics"] = tuple(found)


_VNC_KEYS: tuple[str, ...] = tuple(key for key in GRAPHICS_KEYS if key.startswith("vnc"))[1:]


def devices(keys: Keys, values: dict[str, Any]) -> None:
    """Take interfaces and PCI devices."""
    own = keys.dialect.name
    values["interfaces"] = tuple(keys.items("vif", lambda text: read_nic(text, own)))
    values["pci"] = tuple(keys.items("pci", lambda text: read_pci(text, own)))


def chars(keys: Keys, key: str) -> tuple[CharDevice, ...]:
    """Take serial or parallel ports: a word, or a list whose places are the ports."""
    text = keys.peek(key)
    words = keys.listed(key) if text is None else [text]
    if words is None:
        return ()
    found = []
    try:
        for port, said in enumerate(words):
            source = parse_char(said.strip()) if said.strip() else None
            if source is not None:
                found.append(CharDevice(source=source, port=port))
    except Unreadable as exc:
        keys.log.doubt(keys.where(key), exc.message)
        return ()
    keys.drop(key)
    return tuple(found)


def sounds(keys: Keys) -> tuple[Sound, ...]:
    """Take sound cards, separated by commas."""
    said = keys.text("soundhw")
    cards = [] if said is None else [card.strip() for card in said.split(",")]
    return tuple(Sound(model=card) for card in cards if card)


def usb_devices(keys: Keys, values: dict[str, Any]) -> None:
    """Take emulated USB: input devices and devices of the host. xl has lists of them, xm has one.

    xl's other way for a device by its place, ``usbdev``, is the one that the model means.
    """
    xl = keys.dialect.name == "xl"
    read = _usb_of_xl if xl else _usb
    text = keys.peek("usbdevice")
    found: list[Input | HostUsb]
    if text is not None:
        one = keys.word("usbdevice", read)
        found = [] if one is None else [one]
    else:
        found = keys.items("usbdevice", read) if xl else []
    if found and keys.peek("usb") == "1":
        keys.drop("usb")
    values["inputs"] = tuple(device for device in found if isinstance(device, Input))
    values["usb"] = tuple(device for device in found if isinstance(device, HostUsb))


def _usb(text: str) -> Input | HostUsb:
    if text in INPUTS:
        return Input(type=text, bus="usb")
    host = read_usb_host(text)
    if host is None:
        raise Unreadable(f"unknown USB device: {shown(text)}")
    return host


def _usb_of_xl(text: str) -> Input | HostUsb:
    found = _usb(text)
    if isinstance(found, HostUsb) and found.bus is not None:
        raise Unreadable(f"an emulated USB device by its place: {shown(text)}")
    return found


def video(keys: Keys, values: dict[str, Any], implied: tuple[int | None, ...]) -> None:
    """Take ``stdvga``, xl's ``vga``, and ``videoram`` (MiB) as a card.

    The default card is none; one that libvirt would take for the default stays as it is written.
    """
    model = {"": None, "cirrus": "cirrus", "stdvga": "vga", "qxl": "qxl", "none": "none"}
    said = (keys.peek("vga") or "") if keys.dialect.name == "xl" else ""
    standard = keys.peek("stdvga")
    ram = keys.peek("videoram")
    if said not in model or standard not in (None, "0", "1", ""):
        return
    name = model[said] or ("vga" if standard == "1" else None)
    if said not in ("", "stdvga") and standard == "1":
        return
    try:
        kib = whole(ram, 1 << 20) * MIB if ram else None
    except Unreadable as exc:
        keys.log.doubt(keys.where("videoram"), exc.message)
        return
    if name in (None, "cirrus"):
        if kib in implied:
            if kib is None and not said and standard in ("0", ""):
                # what stdvga=0 says is the default
                keys.drop("stdvga")
            return
        name = "cirrus"
    keys.drop("stdvga", "videoram", *(("vga",) if keys.dialect.name == "xl" else ()))
    values["videos"] = (Video(model=name, vram_kib=kib),)


def kept(keys: Keys) -> tuple[Extra, ...]:
    """Return everything that was not taken."""
    return keys.rest()
