"""Validation of devices: see :mod:`xenparley.domain.config.validate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from xenparley.domain.config import checks
from xenparley.domain.config import devices as d
from xenparley.domain.config.guest import GuestConfig
from xenparley.domain.errors import Problem

__all__ = ["devices"]

_T = TypeVar("_T")

_DISKS = ("disk", "cdrom", "floppy", "lun")
_REMOVABLE = ("cdrom", "floppy")
_BUSES = ("xen", "ide", "scsi", "fdc", "usb", "virtio", "sata")
_INPUTS = ("mouse", "tablet", "keyboard")
_INPUT_BUSES = ("usb", "ps2", "xen", "virtio")
_WITH_PATH = ("dev", "file", "pipe", "unix")


def devices(config: GuestConfig) -> Iterator[Problem]:
    """Yield what is wrong with the devices, each by itself and with one another."""
    if config.emulator is not None and (wrong := checks.check_path(config.emulator)):
        yield Problem("devices/emulator", wrong)
    yield from _disks(config.disks)
    yield from _interfaces(config.interfaces)
    for kind in ("serial", "parallel", "console", "channel"):
        yield from _chars(kind, getattr(config, f"{kind}s"))
    yield from _graphics(config.graphics)
    for place, device in _placed("input", config.inputs):
        if wrong := checks.one_of(device.type, _INPUTS):
            yield Problem(f"{place}/@type", wrong)
        if device.bus is not None and (wrong := checks.one_of(device.bus, _INPUT_BUSES)):
            yield Problem(f"{place}/@bus", wrong)
    numbered = [
        (place, (c.type, c.index))
        for place, c in _placed("controller", config.controllers)
        if c.index is not None
    ]
    yield from checks.repeated(numbered, lambda pair: f"controller {pair}")
    yield from _host_devices(config)


def _placed(tag: str, things: Iterable[_T]) -> Iterator[tuple[str, _T]]:
    for number, thing in enumerate(things, 1):
        yield f"devices/{tag}[{number}]", thing


def _disks(disks: Iterable[d.Disk]) -> Iterator[Problem]:
    targets = []
    for place, disk in _placed("disk", disks):
        target = disk.target.removeprefix("ioemu:")
        targets.append((f"{place}/target", target))
        if not target or target != "".join(target.split()):
            yield Problem(f"{place}/target", f"no name of a device: {checks.quoted(disk.target)}")
        if wrong := checks.one_of(disk.device, _DISKS):
            yield Problem(f"{place}/@device", wrong)
        if disk.bus is not None and (wrong := checks.one_of(disk.bus, _BUSES)):
            yield Problem(f"{place}/target/@bus", wrong)
        yield from _disk_source(f"{place}/source", disk)
        if disk.script is not None and (wrong := checks.check_path(disk.script)):
            yield Problem(f"{place}/script", wrong)
    yield from checks.repeated(targets, lambda target: f"target {checks.quoted(str(target))}")


def _disk_source(place: str, disk: d.Disk) -> Iterator[Problem]:
    source = disk.source
    if not source.path:
        if disk.device not in _REMOVABLE:
            yield Problem(place, "only a CD-ROM or floppy drive can be empty")
        return
    if wrong := checks.check_path(source.path):
        yield Problem(place, wrong)
    if source.type == "network" and not source.protocol:
        yield Problem(f"{place}/@protocol", "a network disk needs a protocol")
    if source.type == "volume" and not source.pool:
        yield Problem(f"{place}/@pool", "a volume needs its pool")


def _interfaces(interfaces: Iterable[d.Interface]) -> Iterator[Problem]:
    macs, targets = [], []
    for place, nic in _placed("interface", interfaces):
        if nic.mac is not None:
            macs.append((f"{place}/mac", nic.mac.lower()))
            if wrong := checks.check_mac(nic.mac):
                yield Problem(f"{place}/mac", wrong)
        if nic.target is not None:
            targets.append((f"{place}/target", nic.target))
            # IFNAMSIZ is 16 with its NUL
            if not 0 < len(nic.target) < 16 or "/" in nic.target or nic.target.split() == []:
                shown = checks.quoted(nic.target)
                yield Problem(f"{place}/target", f"no name of a network device: {shown}")
        if nic.type in ("bridge", "network") and nic.source == "":
            yield Problem(f"{place}/source", f"the name of the {nic.type} is empty")
        for name in ("rate_kib_s", "rate_interval_us"):
            rate = getattr(nic, name)
            if rate is not None and (wrong := checks.within(rate, 1, 0xFFFFFFFF)):
                yield Problem(f"{place}/bandwidth/outbound", wrong)
        if nic.script is not None and (wrong := checks.check_path(nic.script)):
            yield Problem(f"{place}/script", wrong)
    yield from checks.repeated(macs, lambda mac: f"MAC address {mac}")
    yield from checks.repeated(targets, lambda name: f"target {checks.quoted(str(name))}")


def _chars(kind: str, chars: Iterable[d.CharDevice]) -> Iterator[Problem]:
    ports, names = [], []
    for place, char in _placed(kind, chars):
        source = char.source
        if source.type in _WITH_PATH:
            if not source.path:
                yield Problem(f"{place}/source", f"type {source.type} needs a path")
            elif wrong := checks.check_path(source.path):
                yield Problem(f"{place}/source", wrong)
        if source.type in ("tcp", "udp") and not source.endpoints:
            yield Problem(f"{place}/source", f"type {source.type} needs a host and service")
        for end in source.endpoints:
            if wrong := checks.one_of(end.mode, ("connect", "bind")):
                yield Problem(f"{place}/source/@mode", wrong)
        if char.port is not None:
            ports.append((f"{place}/target/@port", (char.target_type, char.port)))
            if wrong := checks.within(char.port, 0, 0xFFFF):
                yield Problem(f"{place}/target/@port", wrong)
        if char.target_name is not None:
            names.append((f"{place}/target/@name", char.target_name))
    yield from checks.repeated(ports, lambda pair: f"port {pair}")
    yield from checks.repeated(names, lambda name: f"name {checks.quoted(str(name))}")


def _graphics(graphics: Iterable[d.Graphics]) -> Iterator[Problem]:
    ports = []
    for place, display in _placed("graphics", graphics):
        for name, port in (("port", display.port), ("tlsPort", display.tls_port)):
            if port is None:
                continue
            if wrong := checks.within(port, -1, 0xFFFF):
                yield Problem(f"{place}/@{name}", wrong)
            # -1 and 0 leave the choice to the host, and with autoport a port is as last seen
            if port > 0 and not display.autoport:
                ports.append((f"{place}/@{name}", (display.listen, port)))
    yield from checks.repeated(ports, lambda pair: f"port {pair[1]}")  # type: ignore[index]


def _host_devices(config: GuestConfig) -> Iterator[Problem]:
    addresses = []
    for place, pci in _placed("hostdev", config.pci):
        addresses.append((place, pci.address))
        if wrong := checks.check_pci(pci.address):
            yield Problem(f"{place}/source/address", wrong)
        if pci.guest_address is not None and (wrong := checks.check_pci(pci.guest_address)):
            yield Problem(f"{place}/address", wrong)
    yield from checks.repeated(addresses, lambda address: f"PCI device {address}")
    seen = [
        (f"devices/hostdev[{n}]", (usb.bus, usb.device))
        for n, usb in enumerate(config.usb, 1 + len(config.pci))
        if usb.bus is not None and usb.device is not None
    ]
    for number, usb in enumerate(config.usb, 1 + len(config.pci)):
        place = f"devices/hostdev[{number}]"
        by_place = usb.bus is not None and usb.device is not None
        if not by_place and (usb.vendor is None or usb.product is None):
            yield Problem(place, "a USB device needs bus and device, or vendor and product")
        for name, most in (("bus", 255), ("device", 255), ("vendor", 0xFFFF), ("product", 0xFFFF)):
            value = getattr(usb, name)
            if value is not None and (wrong := checks.within(value, 0, most)):
                yield Problem(f"{place}/source/{name}", wrong)
    yield from checks.repeated(seen, lambda pair: f"USB device {pair}")
