"""Configurations that mean the same to xend, in one form.

What a notation need not say because each guest has it, or because the host decides it, is said
in one way here: so equal means that nothing was lost.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, fields_dict, has

from xenparley.domain.config import (
    CharDevice,
    CharSource,
    Clock,
    Disk,
    Graphics,
    GuestConfig,
    Input,
    Interface,
    VcpuPin,
)
from xenparley_formats.native_disks import bus_of
from xenparley_formats.native_graphics import listen_of
from xenparley_formats.native_nics import HOST_NAME
from xenparley_formats.native_view import implied_console, implied_input, libvirt_view
from xenparley_formats.native_words import cpu_list, cpu_ranges

__all__ = ["normal"]


def _no_empty(part: Any) -> Any:
    """Return the part with None for each empty text."""
    changed = {}
    for name in fields_dict(type(part)):
        value = getattr(part, name)
        if value == "" and name not in ("target", "name", "model", "type", "bootloader"):
            changed[name] = None
        elif isinstance(value, tuple) and value and has(type(value[0])):
            changed[name] = tuple(_no_empty(each) for each in value)
        elif has(type(value)):
            changed[name] = _no_empty(value)
    return evolve(part, **changed)


def _clock(clock: Clock | None) -> Clock:
    clock = clock or Clock()
    offset = clock.offset or "utc"
    said = clock.adjustment
    seconds = int(said) if said is not None and said != "reset" else 0
    if offset == "variable":
        offset = clock.basis or "utc"
    if seconds:
        return evolve(clock, offset="variable", adjustment=str(seconds), basis=offset)
    return evolve(clock, offset=offset, adjustment=None, basis=None)


def _disk(disk: Disk) -> Disk:
    target = disk.target.removeprefix("ioemu:")
    source = disk.source
    if source.path is None:
        source = evolve(source, type="file")
    else:
        driver = disk.driver or ("phy" if source.type == "block" else "file")
        form = "raw" if disk.format in (None, "aio", "raw") else disk.format
        plain = disk.driver is None and source.type == "block" and source.path[0] != "/"
        disk = evolve(disk, driver=driver, format=form if driver in ("tap", "tap2") else None)
        source = evolve(source, path=f"/dev/{source.path}" if plain else source.path)
    return evolve(
        disk,
        target=target,
        source=source,
        bus=disk.bus or bus_of(target),
        readonly=disk.readonly or disk.device == "cdrom",
    )


def _nic(nic: Interface) -> Interface:
    target = None if nic.target is None or HOST_NAME.fullmatch(nic.target) else nic.target
    script = "vif-bridge" if nic.type == "bridge" and not nic.source else nic.script
    return evolve(nic, target=target, script=script)


def _char(char: CharDevice, port: int | None) -> CharDevice:
    source = char.source
    if source.type in ("pty", "null", "stdio", "vc"):
        source = CharSource(type=source.type)
    if source.type == "unix":
        source = evolve(source, mode=source.mode or "connect")
    if source.type == "tcp":
        source = evolve(source, protocol=source.protocol or "raw")
    ends = tuple(sorted(source.endpoints, key=lambda end: end.mode))
    if source.type == "udp" and not any(end.mode == "connect" for end in ends):
        ends += (type(ends[0])(mode="connect"),)
    source = evolve(source, endpoints=ends)
    return evolve(char, source=source, port=port, target_type=None, tty=None)


def _chars(chars: tuple[CharDevice, ...]) -> tuple[CharDevice, ...]:
    taken: dict[int, CharDevice] = {}
    for char in chars:
        port = char.port
        if port is None:
            port = next(n for n in range(len(chars) + 256) if n not in taken)
        taken[port] = _char(char, port)
    return tuple(taken[port] for port in sorted(taken))


def _graphics(graphics: Graphics) -> Graphics:
    if graphics.type != "vnc":
        return graphics
    port = graphics.port if graphics.port is not None and graphics.port > 0 else -1
    said = [one.address for one in graphics.listens if one.address]
    listen = graphics.listen or (said[0] if said else None)
    return evolve(
        graphics,
        port=port,
        autoport=bool(graphics.autoport) or port < 0,
        listen=listen,
        listens=listen_of(listen),
    )


def _inputs(config: GuestConfig, *, hvm: bool) -> tuple[Input, ...]:
    own = [device for device in config.inputs if not implied_input(device, hvm=hvm)]
    return tuple(evolve(device, bus=device.bus or "usb") for device in own)


def _vcpus(config: GuestConfig) -> Any:
    vcpus = config.vcpus
    pins = {pin.vcpu: cpu_list(pin.cpuset) for pin in vcpus.pins}
    every = cpu_list(vcpus.cpuset) if vcpus.cpuset else ()
    of_each = [pins.get(number, every) for number in range(vcpus.maximum)]
    if len(set(of_each)) == 1:
        cpuset, told = (cpu_ranges(of_each[0]) or None), ()
    else:
        cpuset = None
        told = tuple(VcpuPin(vcpu=n, cpuset=cpu_ranges(s)) for n, s in enumerate(of_each) if s)
    current = vcpus.current if vcpus.current != vcpus.maximum else None
    return evolve(vcpus, cpuset=cpuset, pins=told, current=current)


def normal(config: GuestConfig, version: int) -> GuestConfig:
    """Return the one form of a configuration, for xend's format ``version``."""
    config = _no_empty(config)
    hvm = config.virt == "hvm"
    boot = config.boot
    order = boot.devices
    if hvm and not boot.kernel and not order:
        order = ("hd",)
    elif boot.kernel and order == ("hd",):
        order = ()
    loader = None if boot.loader is None else evolve(boot.loader, type=None)
    boot = evolve(boot, arch=None, machine=None, type_name=None, devices=order, loader=loader)
    disks = [_disk(disk) for disk in config.disks]
    # what the image tells of comes after the devices
    told = ["floppy", *(["cdrom"] if version == 1 and hvm else [])]
    disks.sort(key=lambda disk: (disk.device in told, disk.device == "floppy", _drive(disk, told)))
    if version < 3:
        # no cap and no start with the host is what those releases do anyway
        config = evolve(
            config,
            autostart=config.autostart or None,
            vcpus=evolve(config.vcpus, cap=config.vcpus.cap or None),
        )
    serials = _chars(config.serials)
    consoles = tuple(one for one in config.consoles if not implied_console(config, one))
    features = {one.name: one for one in config.features}
    known = [n for n in ("acpi", "apic", "pae", "hap", "viridian") if n in features]
    graphics = tuple(_graphics(one) for one in config.graphics)
    if version == 1:
        # only that it is on is told, the port is the domain's
        graphics = tuple(
            evolve(one, port=-1, autoport=True) if one.type == "vnc" else one for one in graphics
        )
    config = evolve(
        config,
        domid=None,
        vcpus=_vcpus(config),
        boot=boot,
        features=tuple(
            evolve(features[n], state="off" if features[n].state == "off" else None) for n in known
        ),
        clock=_clock(config.clock),
        disks=tuple(disks),
        interfaces=tuple(_nic(nic) for nic in config.interfaces),
        serials=serials,
        parallels=_chars(config.parallels),
        consoles=consoles,
        inputs=_inputs(config, hvm=hvm),
        graphics=graphics,
        balloon=None,
    )
    return libvirt_view(config, keeps_clock=version >= 4)


def _drive(disk: Disk, told: list[str]) -> str:
    return disk.target if disk.device in told else ""
