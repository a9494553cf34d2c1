"""What libvirt's XML says of every Xen guest although Xen's notations leave it out.

A paravirtualised guest has a console, an hvm guest's first serial port is its console, a display
comes with mouse and keyboard, interfaces of a living guest have names on the host. Writers take
these for granted, too: they are defaults, so leaving them out loses nothing.
"""

from __future__ import annotations

from attrs import evolve

from xenparley.domain.config import CharDevice, CharSource, Clock, GuestConfig, Input, Interface

__all__ = ["implied_console", "implied_input", "libvirt_view"]


def implied_input(device: Input, *, hvm: bool) -> bool:
    """Say whether an input device is there with each display: ps2 for hvm guests, else xen."""
    bus = device.bus or ("usb" if device.type == "tablet" else "ps2" if hvm else "xen")
    return device.type in ("mouse", "keyboard") and bus == ("ps2" if hvm else "xen")


def implied_console(config: GuestConfig, console: CharDevice) -> bool:
    """Say whether a console is the one that the guest has anyway."""
    kind, source = console.target_type, console.source
    if console.target_name is not None:
        return False
    if config.virt == "hvm":
        if kind not in (None, "serial") or not config.serials:
            return False
        first = config.serials[0]
        same = source == first.source or source.type == first.source.type == "pty"
        return same and console.port in (None, 0, first.port)
    return (
        console.port in (None, 0)
        and kind in (None, "xen")
        and source.type == "pty"
        and config.domid != 0
    )


def _clock(config: GuestConfig, *, keeps_clock: bool) -> Clock:
    """Return the clock in libvirt's words.

    A host that ``keeps_clock`` remembers how an hvm guest set it: the offset is variable. Others
    start it anew each time, which libvirt words as a reset.
    """
    clock = config.clock or Clock(offset="utc")
    if clock.offset not in ("utc", "localtime") or clock.adjustment is not None:
        return clock
    if keeps_clock and config.virt == "hvm":
        return evolve(clock, offset="variable", adjustment="0", basis=clock.offset)
    return evolve(clock, adjustment="reset")


def _nic(nic: Interface, number: int, domid: int | None) -> Interface:
    if nic.target is not None or not domid:
        return nic
    return evolve(nic, target=f"vif{domid}.{number}")


def libvirt_view(config: GuestConfig, *, keeps_clock: bool) -> GuestConfig:
    """Return the configuration with what libvirt would print beside what is said.

    Nothing that is said is changed. ``keeps_clock``: whether the host remembers the clock of hvm
    guests (xend does since 3.1). The actions are those that xend takes when none is said.
    """
    hvm = config.virt == "hvm"
    consoles = config.consoles
    if not consoles and config.domid != 0:
        if not hvm:
            consoles = (CharDevice(source=CharSource(), target_type="xen", port=0),)
        elif config.serials:
            first = config.serials[0]
            port = first.port or 0
            consoles = (CharDevice(source=first.source, target_type="serial", port=port),)
    inputs = config.inputs
    if config.graphics:
        bus = "ps2" if hvm else "xen"
        have = {device.type for device in inputs if implied_input(device, hvm=hvm)}
        missing = [kind for kind in ("mouse", "keyboard") if kind not in have]
        inputs = (*inputs, *(Input(type=kind, bus=bus) for kind in missing))
    return evolve(
        config,
        max_memory_kib=config.maximum_kib,
        vcpus=evolve(config.vcpus, placement=config.vcpus.placement or "static"),
        clock=_clock(config, keeps_clock=keeps_clock),
        interfaces=tuple(_nic(nic, n, config.domid) for n, nic in enumerate(config.interfaces)),
        consoles=consoles,
        inputs=inputs,
        pci=tuple(evolve(pci, mode=pci.mode or "subsystem") for pci in config.pci),
        on_poweroff=config.on_poweroff or "destroy",
        on_reboot=config.on_reboot or "restart",
        on_crash=config.on_crash or "restart",
    )
