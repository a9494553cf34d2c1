"""Devices of a living guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

if TYPE_CHECKING:
    from xenparley.domain.config.devices import Controller, Disk, HostPci, HostUsb, Input, Interface

__all__ = ["AnyDevice", "DeviceInfo", "Devices"]

if TYPE_CHECKING:
    AnyDevice = Disk | Interface | HostPci | HostUsb | Controller | Input
else:
    AnyDevice = object


@frozen(kw_only=True)
class DeviceInfo:
    """A device as the host sees it.

    ``kind``: ``vbd``, ``vif``, ``pci``, ``vfb``, ``vkbd``, ``console``, ``vusb`` (a controller),
    ``usb`` (a device of the host at one), ... ``devid`` is XenStore's device number; for ``usb``
    256 times the controller's and the port. States are XenBus states: 1 initialising, 2 init wait,
    3 initialised, 4 connected, 5 closing, 6 closed; None: not known.
    """

    kind: str
    devid: int
    backend_domid: int = 0
    frontend_state: int | None = None
    backend_state: int | None = None
    #: Disks: the target's name (``xvda``); interfaces: the MAC; PCI: the address; USB: the
    #: host's bus and device number (``001:004``).
    name: str | None = None


class Devices(Protocol):
    """Lists, attaches and detaches devices of living guests."""

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Return the devices of a living guest by kind and number. NotFound when it is gone."""
        ...

    def attach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Plug the device in. AlreadyExists when its target, MAC or address is taken.

        Disks and interfaces at least; Unsupported for a kind that the channel can't plug.
        """
        ...

    def detach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Unplug the device, found by target, MAC or address. NotFound when it isn't there."""
        ...

    def change_media(self, guest: GuestRef, device: Disk, *, deadline: float) -> None:
        """Put another medium into a CD-ROM or floppy drive; no source path ejects."""
        ...
