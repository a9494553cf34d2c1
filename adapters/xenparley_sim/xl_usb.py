"""The subcommands of the fake xl for USB (since 4.7) and virtual keyboards (since 4.12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xenparley_sim.xl_commands import find
from xenparley_sim.xl_main import Stop

if TYPE_CHECKING:
    from xenparley.domain.config import HostUsb
    from xenparley_sim.xl_main import Xl

__all__ = ["COMMANDS"]


def _usb_list(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    devices = xl.host.hardware(domain.domid).devices
    held = {d.devid: d.name for d in devices if d.kind == "usb"}
    # The column Type became wider.
    wide = 12 if xl.release >= (4, 12) else 6
    for one in devices:
        if one.kind != "vusb":
            continue
        version, ports = (one.what or "2 8").split()
        state, _ = one.states(domain.cpu_ns, domain.reason is not None)
        xl.print(
            f"{'Devid':<6} {'Type':<{wide}} {'BE':<3} {'state':<5} {'usb-ver':<7} {'ports':<5}"
        )
        xl.print(
            f"{one.devid:<6} {'qusb':<{wide}} {one.backend_domid:<3} {state:<5} {version:<7} "
            f"{ports:<5}"
        )
        for port in range(1, int(ports) + 1):
            name = held.get(one.devid << 8 | port)
            if name is None:
                xl.print(f"  Port {port}:")
            else:
                usb = _host_usb(name)
                xl.print(f"  Port {port}: Bus {usb.bus:03x} Device {usb.device:03x}")


def _vkb_list(xl: Xl, arguments: list[str]) -> None:
    xl.print(
        f"{'Idx':<3} {'BE':<2} {'handle':<6} {'state':<5} {'evt-ch':<6} {'ref':>6} {'ID':<10} "
        f"{'BE-type':<10} {'BE-path':<30}"
    )
    for word in arguments:
        domain = find(xl, word)
        for one in xl.host.hardware(domain.domid).devices:
            if one.kind == "vkbd":
                state, _ = one.states(domain.cpu_ns, domain.reason is not None)
                path = f"/local/domain/0/backend/vkbd/{domain.domid}/{one.devid}"
                xl.print(
                    f"{one.devid:<3} {one.backend_domid:<2} {one.devid:>6} {state:>5} {-1:>6} "
                    f"{-1:>6} {'':<10} {'qemu':<10} {path:<30}"
                )


def _pairs(words: list[str], known: tuple[str, ...]) -> dict[str, str]:
    said = dict(word.partition("=")[::2] for word in words)
    for key in said:
        if key not in known:
            raise Stop(1, f"unknown option '{key}'")
    return said


def _number(said: dict[str, str], key: str) -> int | None:
    return int(said[key]) if key in said else None


def _usbctrl_attach(xl: Xl, arguments: list[str]) -> None:
    from xenparley.domain.config import Controller

    domain = find(xl, arguments[0])
    said = _pairs(arguments[1:], ("type", "version", "ports"))
    taken = [d.devid for d in xl.host.hardware(domain.domid).devices if d.kind == "vusb"]
    controller = Controller(
        type="usb",
        index=max(taken, default=-1) + 1,
        model=f"qusb{said.get('version', '2')}",
        ports=_number(said, "ports"),
    )
    xl.host.attach(domain.domid, controller)


def _usbctrl_detach(xl: Xl, arguments: list[str]) -> None:
    from xenparley.domain.config import Controller

    domain = find(xl, arguments[0])
    devices = xl.host.hardware(domain.domid).devices
    number = int(arguments[1])
    if not any(d.kind == "vusb" and d.devid == number for d in devices):
        raise Stop(1, f"Unknown device {arguments[1]}.")
    for device in devices:
        # xl takes along what is plugged in there.
        if device.kind == "usb" and device.devid >> 8 == number:
            xl.host.detach(domain.domid, _host_usb(device.name))
    xl.host.detach(domain.domid, Controller(type="usb", index=number))


def _host_usb(name: str | None) -> HostUsb:
    from xenparley.domain.config import HostUsb

    bus, _, device = (name or "0:0").partition(":")
    return HostUsb(bus=int(bus), device=int(device))


def _usbdev_attach(xl: Xl, arguments: list[str]) -> None:
    from attrs import evolve

    domain = find(xl, arguments[0])
    said = _pairs(arguments[1:], ("type", "hostbus", "hostaddr", "controller", "port"))
    usb = evolve(
        _host_usb(f"{said['hostbus']}:{said['hostaddr']}"),
        guest_bus=_number(said, "controller"),
        guest_port=_number(said, "port"),
    )
    xl.host.attach(domain.domid, usb)
    if xl.control.get("usb_stays_out"):
        # The back end took nothing; a controller that was made for the device stays.
        xl.host.detach(domain.domid, usb)
        raise Stop(1, "libxl: error: failed to bind device\nlibxl_device_usbdev_add failed.")


def _usbdev_detach(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    place = int(arguments[1]) << 8 | int(arguments[2])
    for device in xl.host.hardware(domain.domid).devices:
        if device.kind == "usb" and device.devid == place:
            xl.host.detach(domain.domid, _host_usb(device.name))
            return
    raise Stop(1, f"Unknown device at controller {arguments[1]} port {arguments[2]}.")


def _vkb_attach(xl: Xl, arguments: list[str]) -> None:
    from xenparley.domain.config import Input

    domain = find(xl, arguments[0])
    if "backend-type" not in _pairs(arguments[1:], ("backend-type", "unique-id")):
        raise Stop(253, "backend-type should be set")
    xl.host.attach(domain.domid, Input(type="keyboard", bus="xen"))


def _vkb_detach(xl: Xl, arguments: list[str]) -> None:
    from xenparley.domain.config import Input

    domain = find(xl, arguments[0])
    devices = xl.host.hardware(domain.domid).devices
    if not any(d.kind == "vkbd" and str(d.devid) == arguments[1] for d in devices):
        raise Stop(253, f"Error: Device {arguments[1]} not connected.")
    xl.host.detach(domain.domid, Input(type="keyboard", bus="xen"))


COMMANDS: dict[str, Callable[[Xl, list[str]], int | None]] = {
    "usb-list": _usb_list,
    "vkb-list": _vkb_list,
    "usbctrl-attach": _usbctrl_attach,
    "usbctrl-detach": _usbctrl_detach,
    "usbdev-attach": _usbdev_attach,
    "usbdev-detach": _usbdev_detach,
    "vkb-attach": _vkb_attach,
    "vkb-detach": _vkb_detach,
}
