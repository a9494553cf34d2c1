"""Hypothesis strategies for guests' configurations: valid ones, with odd names and all devices.

``configs()`` gives configurations that :func:`xenparley.domain.config.validate.validate` accepts
and that every character of can be written in XML. ``extras=False`` leaves out pieces of other
documents, ``virt`` fixes the guest's kind.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from xenparley.domain.config import (
    Boot,
    CharDevice,
    CharEndpoint,
    CharSource,
    Clock,
    Controller,
    Disk,
    DiskHost,
    DiskSource,
    Extra,
    Feature,
    Graphics,
    GraphicsListen,
    GuestConfig,
    HostPci,
    HostUsb,
    Input,
    Interface,
    Loader,
    MemBalloon,
    PciAddress,
    Sound,
    Timer,
    VcpuPin,
    Vcpus,
    Video,
)
from xenparley.domain.config.validate import ACTIONS, validate
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import check_name

__all__ = ["configs", "disks", "interfaces", "names", "paths", "texts", "uuids", "xml_extras"]

_XML = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
_ODD = "'\"()[]{}<>&;,:=#%$\\`~!@^*|? \t"
_VENDOR = "urn:example:vendor"


def texts(max_size: int = 12, *, lines: bool = False) -> st.SearchStrategy[str]:
    """Text that XML can hold, often with characters that some notation uses for itself."""
    odd = _ODD + ("\n\r" if lines else "")
    return st.text(st.one_of(st.sampled_from(odd + "abc012"), _XML), max_size=max_size)


def _is_name(text: str) -> bool:
    try:
        check_name(text)
    except InvalidInput:
        return False
    return True


def names() -> st.SearchStrategy[str]:
    """Names that a guest may be given."""
    plain = st.text(st.sampled_from("abcXYZ0189-_.+"), min_size=1, max_size=12)
    return st.one_of(plain, texts().filter(_is_name)).filter(_is_name)


def paths() -> st.SearchStrategy[str]:
    """Absolute paths, odd ones among them."""
    return st.builds("/{}".format, texts(16))


def uuids() -> st.SearchStrategy[str]:
    """Canonical UUIDs."""
    return st.uuids().map(str)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def _few(strategy: st.SearchStrategy[Any], most: int = 2, **more: Any) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=most, **more).map(tuple)


def xml_extras() -> st.SearchStrategy[tuple[Extra, ...]]:
    """Pieces that XML's reader would keep, in the order in which it keeps them."""
    attribute = st.builds(
        Extra,
        st.just("xml"),
        st.sampled_from(["@vendorish", f"@{{{_VENDOR}}}kind"]),
        texts(),
    )
    element = st.builds(
        lambda value, form: Extra("xml", form[0], form[1].format(value)),
        st.text(st.sampled_from("abc xyz-09"), max_size=8),
        st.sampled_from(
            [
                ("vendorish", '<vendorish at="{0}">{0}<inner/></vendorish>'),
                (f"{{{_VENDOR}}}thing", f'<v:thing xmlns:v="{_VENDOR}" v:at="{{0}}"/>'),
            ]
        ),
    )
    comment = st.builds(
        Extra,
        st.just("xml"),
        st.just("!comment"),
        st.text(st.sampled_from("abc <&>"), max_size=8),
    )
    foreign = st.builds(
        Extra, st.sampled_from(["sxp", "xm", "xl"]), texts(8), texts(20, lines=True)
    )
    return st.builds(
        lambda a, b: (*a, *b),
        _few(attribute, 1, unique_by=lambda e: e.key),
        _few(st.one_of(element, comment, foreign)),
    )


def _addresses() -> st.SearchStrategy[PciAddress]:
    return st.builds(
        PciAddress,
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFF),
        st.integers(0, 0x1F),
        st.integers(0, 7),
    )


def disks(extras: st.SearchStrategy[Any]) -> st.SearchStrategy[Disk]:
    """Disks of all kinds of source."""
    host = st.builds(DiskHost, texts(), port=_maybe(texts(5)), extras=extras)
    path = paths()
    source = st.one_of(
        st.builds(DiskSource, type=st.sampled_from(["file", "block", "dir"]), path=path),
        st.builds(
            DiskSource,
            type=st.just("network"),
            path=path,
            protocol=st.sampled_from(["rbd", "nbd"]),
            hosts=_few(host),
            auth_user=_maybe(texts()),
        ),
        st.builds(DiskSource, type=st.just("volume"), path=path, pool=names()),
    )
    return st.builds(
        Disk,
        target=st.sampled_from(["hda", "hdb", "xvda", "sda1", "sdb", "vda", "ioemu:hdd"]),
        device=st.sampled_from(["disk", "cdrom"]),
        source=source,
        bus=_maybe(st.sampled_from(["xen", "ide", "scsi"])),
        driver=_maybe(st.sampled_from(["file", "phy", "tap", "tap2", "qemu"])),
        format=_maybe(st.sampled_from(["raw", "qcow2", "vhd"])),
        cache=_maybe(st.sampled_from(["none", "writeback"])),
        discard=_maybe(st.sampled_from(["unmap", "ignore"])),
        readonly=st.booleans(),
        shareable=st.booleans(),
        transient=st.booleans(),
        backend_domain=_maybe(names()),
        script=_maybe(paths()),
        extras=extras,
    )


def interfaces(extras: st.SearchStrategy[Any]) -> st.SearchStrategy[Interface]:
    """Network interfaces."""
    return st.builds(
        Interface,
        type=st.sampled_from(["bridge", "network", "ethernet", "direct"]),
        source=_maybe(names()),
        mac=_maybe(st.integers(0, 0xFFFFFF).map(_mac)),
        model=_maybe(st.sampled_from(["e1000", "netfront", "rtl8139"])),
        script=_maybe(paths()),
        ips=_few(st.sampled_from(["192.0.2.1", "2001:db8::1", "192.0.2.7/24"])),
        target=_maybe(st.sampled_from(["vif1.0", "tap-x"])),
        rate_kib_s=_maybe(st.integers(1, 10**9)),
        rate_interval_us=_maybe(st.integers(1, 10**6)),
        backend_domain=_maybe(names()),
        driver=_maybe(st.just("qemu")),
        extras=extras,
    )


def _mac(number: int) -> str:
    digits = f"{number:06x}"
    return f"00:16:3e:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def _chars(extras: st.SearchStrategy[Any], types: list[str]) -> st.SearchStrategy[CharDevice]:
    end = st.builds(
        CharEndpoint,
        mode=st.sampled_from(["connect", "bind"]),
        host=_maybe(texts()),
        service=_maybe(texts(5)),
        extras=extras,
    )
    protocol = _maybe(st.sampled_from(["raw", "telnet"]))
    source = st.one_of(
        st.builds(CharSource, type=st.sampled_from(["pty", "null", "stdio", "vc"])),
        st.builds(
            CharSource,
            type=st.sampled_from(["dev", "file", "pipe"]),
            path=paths(),
            append=_maybe(st.booleans()),
        ),
        st.builds(CharSource, type=st.just("unix"), path=paths(), mode=_maybe(st.just("bind"))),
        st.builds(
            CharSource,
            type=st.sampled_from(["tcp", "udp"]),
            endpoints=_few(end, min_size=1),
            protocol=protocol,
        ),
    )
    return st.builds(
        CharDevice,
        source=source,
        target_type=_maybe(st.sampled_from(types)),
        port=_maybe(st.integers(0, 9)),
        target_name=_maybe(texts()),
        tty=_maybe(paths()),
        extras=extras,
    )


def _graphics(extras: st.SearchStrategy[Any]) -> st.SearchStrategy[Graphics]:
    listen = st.builds(
        GraphicsListen,
        type=st.sampled_from(["address", "network", "none"]),
        address=_maybe(texts()),
        network=_maybe(texts()),
        extras=extras,
    )
    yes = _maybe(st.booleans())
    return st.builds(
        Graphics,
        type=st.sampled_from(["vnc", "sdl", "spice"]),
        port=_maybe(st.integers(-1, 65535)),
        tls_port=_maybe(st.integers(-1, 65535)),
        autoport=yes,
        listen=_maybe(texts()),
        listens=_few(listen),
        password=_maybe(texts()),
        keymap=_maybe(st.sampled_from(["ja", "en-us"])),
        display=_maybe(texts()),
        xauth=_maybe(paths()),
        fullscreen=yes,
        default_mode=_maybe(st.just("secure")),
        gl=yes,
        mouse_mode=_maybe(st.just("client")),
        clipboard=yes,
        filetransfer=yes,
        extras=extras,
    )


def _usb(extras: st.SearchStrategy[Any]) -> st.SearchStrategy[HostUsb]:
    byte = st.integers(0, 255)
    word = st.integers(0, 0xFFFF)
    common: dict[str, Any] = {
        "managed": st.booleans(),
        "mode": _maybe(st.just("subsystem")),
        "guest_bus": _maybe(byte),
        "guest_port": _maybe(byte),
        "extras": extras,
    }
    return st.one_of(
        st.builds(HostUsb, bus=byte, device=byte, **common),
        st.builds(HostUsb, vendor=word, product=word, **common),
    )


def _boots(virt: str, extras: st.SearchStrategy[Any]) -> st.SearchStrategy[Boot]:
    common: dict[str, Any] = {
        "virt": st.just(virt),
        "arch": _maybe(st.sampled_from(["i686", "x86_64"])),
        "machine": _maybe(st.sampled_from(["xenpv", "xenfv"])),
        "cmdline": _maybe(texts(30)),
        "root": _maybe(paths()),
        "extras": extras,
    }
    kernel = {"kernel": paths(), "initrd": _maybe(paths())}
    loader = st.builds(
        Loader,
        path=_maybe(paths()),
        type=_maybe(st.sampled_from(["rom", "pflash"])),
        readonly=_maybe(st.booleans()),
        secure=_maybe(st.booleans()),
    )
    if virt == "hvm":
        firm: dict[str, Any] = {
            "loader": _maybe(loader),
            "nvram": _maybe(paths()),
            "firmware": _maybe(st.sampled_from(["bios", "efi"])),
            "devices": _few(st.sampled_from(["hd", "cdrom", "network", "fd"]), 4, unique=True),
            "menu": _maybe(st.booleans()),
        }
        return st.one_of(
            st.builds(Boot, **common, **firm), st.builds(Boot, **common, **firm, **kernel)
        )
    bootloader = {"bootloader": paths(), "bootloader_args": _maybe(texts())}
    return st.one_of(st.builds(Boot, **common, **kernel), st.builds(Boot, **common, **bootloader))


def _namespaced(extras: tuple[Extra, ...]) -> tuple[Extra, ...]:
    return tuple(extra for extra in extras if extra.key != "vendorish")


def _features(extras: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Feature, ...]]:
    state = _maybe(st.sampled_from(["on", "off"]))
    inner = st.builds(
        Feature,
        name=st.sampled_from(["relaxed", "e820_host"]),
        state=state,
        extras=extras,
    )
    plain = st.builds(
        Feature,
        name=st.sampled_from(["acpi", "apic", "pae", "hap", "viridian", "future-one"]),
        state=state,
        extras=extras,
    )
    # in a group, an element without a namespace is a feature
    group = st.builds(
        Feature,
        name=st.sampled_from(["hyperv", "xen"]),
        state=state,
        mode=_maybe(st.just("custom")),
        features=_few(inner),
        extras=extras.map(_namespaced),
    )
    return _few(st.one_of(plain, group), 4, unique_by=lambda f: f.name)


def configs(
    *, extras: bool = True, virt: str | None = None, most: int = 2
) -> st.SearchStrategy[GuestConfig]:
    """Return valid configurations. ``most`` bounds the number of devices of each kind."""
    if virt is None:
        return st.one_of(*(_configs(extras, kind, most) for kind in ("pv", "hvm", "pvh")))
    return _configs(extras, virt, most)


def _fits(config: GuestConfig) -> GuestConfig:
    """Tie the numbers that depend on one another."""
    vcpus = config.vcpus
    current = vcpus.current and 1 + (vcpus.current - 1) % vcpus.maximum
    pins = {pin.vcpu % vcpus.maximum: pin for pin in vcpus.pins}
    tied = evolve(
        vcpus,
        current=current,
        pins=tuple(evolve(pin, vcpu=number) for number, pin in pins.items()),
    )
    most = config.max_memory_kib
    return evolve(
        config, vcpus=tied, max_memory_kib=None if most is None else most + config.memory_kib
    )


# made once: building strategies costs more than drawing from them
@cache
def _configs(extras: bool, kind: str, most: int) -> st.SearchStrategy[GuestConfig]:
    # most owners have none
    kept = st.one_of(st.just(()), st.just(()), xml_extras()) if extras else st.just(())
    pin = st.builds(VcpuPin, vcpu=st.integers(0, 127), cpuset=st.just("0-3,^2"), extras=kept)
    timer = st.builds(
        Timer,
        name=st.sampled_from(["hpet", "tsc"]),
        present=_maybe(st.booleans()),
        mode=_maybe(st.just("native")),
        tickpolicy=_maybe(st.just("delay")),
        extras=kept,
    )
    clock = st.builds(
        Clock,
        offset=_maybe(st.sampled_from(["utc", "localtime", "variable", "timezone"])),
        adjustment=_maybe(st.one_of(st.just("reset"), st.integers(-(10**9), 10**9).map(str))),
        basis=_maybe(st.sampled_from(["utc", "localtime"])),
        timezone=_maybe(st.just("Europe/Vienna")),
        timers=_few(timer, unique_by=lambda t: t.name),
        extras=kept,
    )
    action = _maybe(st.sampled_from(ACTIONS))

    def port(char: CharDevice) -> tuple[str | None, int | None]:
        return (char.target_type, char.port)

    def chars(*types: str) -> st.SearchStrategy[Any]:
        made = _chars(kept, list(types))
        return _few(made, most, unique_by=(port, lambda char: char.target_name))

    made = st.builds(
        GuestConfig,
        name=names(),
        uuid=_maybe(uuids()),
        domid=_maybe(st.integers(1, 0x7FEF)),
        title=_maybe(texts()),
        description=_maybe(texts(lines=True)),
        memory_kib=st.integers(1, 1 << 40),
        max_memory_kib=_maybe(st.integers(0, 1 << 40)),
        vcpus=st.builds(
            Vcpus,
            maximum=st.integers(1, 128),
            current=_maybe(st.integers(1, 128)),
            cpuset=_maybe(st.sampled_from(["0-3,^2", "1", "0,2,4"])),
            placement=_maybe(st.sampled_from(["static", "auto"])),
            pins=_few(pin, unique_by=lambda p: p.vcpu),
            weight=_maybe(st.integers(1, 65535)),
            cap=_maybe(st.integers(0, 400)),
        ),
        boot=_boots(kind, kept),
        features=_features(kept),
        clock=_maybe(clock),
        on_poweroff=action,
        on_reboot=action,
        on_crash=action,
        on_watchdog=action,
        on_soft_reset=action,
        emulator=_maybe(paths()),
        disks=_few(disks(kept), most, unique_by=lambda disk: disk.target),
        controllers=_few(
            st.builds(
                Controller,
                type=st.sampled_from(["usb", "ide", "xenbus"]),
                index=_maybe(st.integers(0, 9)),
                model=_maybe(st.just("qusb2")),
                ports=_maybe(st.integers(1, 15)),
                max_grant_frames=_maybe(st.integers(1, 64)),
                max_event_channels=_maybe(st.integers(1, 4096)),
                extras=kept,
            ),
            most,
            unique_by=lambda c: (c.type, c.index),
        ),
        interfaces=_few(interfaces(kept), most, unique_by=(lambda n: n.mac, lambda n: n.target)),
        serials=chars("isa-serial", "isa"),
        parallels=chars("isa"),
        consoles=chars("xen", "serial"),
        channels=chars("xen"),
        inputs=_few(
            st.builds(
                Input,
                type=st.sampled_from(["mouse", "tablet", "keyboard"]),
                bus=_maybe(st.sampled_from(["usb", "ps2", "xen"])),
                extras=kept,
            ),
            most,
        ),
        graphics=_few(_graphics(kept), most),
        videos=_few(
            st.builds(
                Video,
                model=_maybe(st.sampled_from(["cirrus", "vga", "xen"])),
                vram_kib=_maybe(st.integers(0, 1 << 20)),
                ram_kib=_maybe(st.integers(0, 1 << 20)),
                heads=_maybe(st.integers(1, 4)),
                primary=_maybe(st.booleans()),
                extras=kept,
            ),
            most,
        ),
        sounds=_few(st.builds(Sound, model=st.sampled_from(["sb16", "es1370"]), extras=kept), most),
        pci=_few(
            st.builds(
                HostPci,
                address=_addresses(),
                managed=st.booleans(),
                mode=_maybe(st.just("subsystem")),
                driver=_maybe(st.just("xen")),
                permissive=_maybe(st.booleans()),
                guest_address=_maybe(_addresses()),
                extras=kept,
            ),
            most,
            unique_by=lambda device: device.address,
        ),
        usb=_few(_usb(kept), most, unique_by=lambda u: (u.bus, u.device)),
        balloon=_maybe(st.builds(MemBalloon, model=st.sampled_from(["xen", "none"]), extras=kept)),
        cpupool=_maybe(names()),
        autostart=_maybe(st.booleans()),
        extras=kept,
    )
    return made.map(_fits).filter(lambda config: not validate(config))
