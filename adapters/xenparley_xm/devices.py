"""Devices of a guest that is not living: what its file lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import evolve

from xenparley.domain.config import Disk, HostPci, Interface
from xenparley.domain.errors import AlreadyExists, InvalidInput, NotFound, Unsupported
from xenparley.domain.identity import GuestRef, printable
from xenparley.negotiation.capability import Capability
from xenparley_xm.calls import Calls, Opened
from xenparley_xm.errors import CHANNEL

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.ports.devices import AnyDevice, DeviceInfo

__all__ = ["DevicesPort"]


class DevicesPort:
    """Adds devices to a file, takes them out, changes media. Unsupported for a living guest."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Raise Unsupported: a device has a number and states only when its guest lives."""
        _lifeless(guest)

    def attach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Add the device. AlreadyExists when its target, MAC or address is taken."""
        with self._calls.edit(Capability.ATTACH_DEVICE, deadline, guest) as opened:
            config = _config(self._calls, opened)
            held, same = _place(config, device)
            if any(same(other) for other in held):
                raise AlreadyExists(f"{guest} has {_shown(device)} already")
            self._apply(opened, _with(config, device, (*held, device)))

    def detach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Take the device out, found by target, MAC or address. NotFound."""
        with self._calls.edit(Capability.DETACH_DEVICE, deadline, guest) as opened:
            config = _config(self._calls, opened)
            held, same = _place(config, device)
            left = tuple(other for other in held if not same(other))
            if len(left) == len(held):
                raise NotFound(f"{guest} has no {_shown(device)}")
            self._apply(opened, _with(config, device, left))

    def change_media(self, guest: GuestRef, device: Disk, *, deadline: float) -> None:
        """Put another medium into a drive; no source path leaves it empty. NotFound."""
        with self._calls.edit(Capability.CHANGE_MEDIA, deadline, guest) as opened:
            config = _config(self._calls, opened)
            _, same = _place(config, device)
            disks = list(config.disks)
            place = next((n for n, disk in enumerate(disks) if same(disk)), None)
            if place is None or disks[place].device not in ("cdrom", "floppy"):
                raise NotFound(f"{guest} has no drive {printable(device.target, limit=40)}")
            # How a medium is reached (driver, format) comes with the medium.
            disks[place] = evolve(
                disks[place], source=device.source, driver=device.driver, format=device.format
            )
            self._apply(opened, evolve(config, disks=tuple(disks)))

    def _apply(self, opened: Opened, config: GuestConfig) -> None:
        self._calls.folder.grammar.apply(opened.document, config)


def _config(calls: Calls, opened: Opened) -> GuestConfig:
    return calls.folder.grammar.config(opened.document, opened.path)


def _lifeless(guest: GuestRef) -> NoReturn:
    raise Unsupported(
        "files don't tell the state of devices",
        operation=Capability.DEVICES.value,
        channel=CHANNEL,
        guest=str(guest),
    )


def _place(
    config: GuestConfig, device: AnyDevice
) -> tuple[tuple[AnyDevice, ...], Callable[[AnyDevice], bool]]:
    """Return the devices of this kind, and what tells whether one of them is the same."""
    if isinstance(device, Disk):
        target = device.target
        return config.disks, lambda other: isinstance(other, Disk) and other.target == target
    if isinstance(device, Interface):
        mac = (device.mac or "").lower()
        return (
            config.interfaces,
            lambda other: (
                isinstance(other, Interface) and mac != "" and (other.mac or "").lower() == mac
            ),
        )
    if isinstance(device, HostPci):
        address = device.address
        return config.pci, lambda other: isinstance(other, HostPci) and other.address == address
    raise InvalidInput(f"not a device that a file can hold: {type(device).__name__}")


def _with(config: GuestConfig, device: AnyDevice, devices: tuple[AnyDevice, ...]) -> GuestConfig:
    changes: dict[str, Any] = {}
    if isinstance(device, Disk):
        changes["disks"] = devices
    elif isinstance(device, Interface):
        changes["interfaces"] = devices
    else:
        changes["pci"] = devices
    return evolve(config, **changes)


def _shown(device: AnyDevice) -> str:
    if isinstance(device, Disk):
        return f"a disk {printable(device.target, limit=40)}"
    if isinstance(device, Interface):
        return f"an interface {printable(device.mac or 'without a MAC', limit=40)}"
    if isinstance(device, HostPci):
        return f"a PCI device {printable(str(device.address), limit=60)}"
    return f"a {type(device).__name__}"
