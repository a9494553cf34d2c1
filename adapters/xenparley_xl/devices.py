"""Devices: disks, interfaces and PCI functions; USB and keyboards by modules of their own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.devices import DeviceInfo
from xenparley_xl import tables
from xenparley_xl.device_names import disk_name, disk_number
from xenparley_xl.specs import disk_words, interface_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xenparley.domain.config.devices import Disk, HostPci, Interface
    from xenparley.domain.identity import GuestRef
    from xenparley.ports.devices import AnyDevice
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["DevicesPort"]

C = Capability


class DevicesPort:
    """Lists, attaches and detaches disks, interfaces, PCI functions, USB, keyboards."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Return the devices by kind and number; USB since Xen 4.7, keyboards since 4.12."""
        from xenparley_xl.keyboards import keyboards
        from xenparley_xl.usb_devices import usb_devices

        with self._stack.call(C.DEVICES, guest):
            line = self._stack.living(guest, deadline=deadline)
            found = [
                device
                for kind in ("vbd", "vif", "pci")
                for device in self._listed(kind, line.domid, deadline)
            ]
            for newer in (usb_devices, keyboards):
                # An older xl has no such command, which hides nothing of the rest.
                with contextlib.suppress(Unsupported):
                    found += newer(self._stack, line.domid, deadline=deadline)
            return sorted(found, key=lambda device: (device.kind, device.devid))

    def _listed(self, kind: str, domid: int, deadline: float) -> list[DeviceInfo]:
        command = {"vbd": "block-list", "vif": "network-list", "pci": "pci-list"}[kind]
        text = self._stack.read(command, str(domid), deadline=deadline)
        if kind == "vbd":
            return [
                DeviceInfo(
                    kind="vbd",
                    devid=disk.devid,
                    backend_domid=disk.backend_domid,
                    frontend_state=disk.state,
                    name=disk_name(disk.devid),
                )
                for disk in tables.parse_block_list(text)
            ]
        if kind == "vif":
            return [
                DeviceInfo(
                    kind="vif",
                    devid=nic.devid,
                    backend_domid=nic.backend_domid,
                    frontend_state=nic.state,
                    name=nic.mac,
                )
                for nic in tables.parse_network_list(text)
            ]
        return [
            DeviceInfo(kind="pci", devid=number, name=pci.address)
            for number, pci in enumerate(tables.parse_pci_list(text))
        ]

    def attach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Plug the device in."""
        from xenparley.domain.config.devices import Controller, HostUsb, Input
        from xenparley_xl import keyboards, usb_devices

        stack = self._stack
        with stack.call(C.ATTACH_DEVICE, guest), stack.observed(guest, deadline):
            line = self._running(guest, deadline)
            if isinstance(device, HostUsb):
                usb_devices.attach_usb(stack, line.domid, device, deadline=deadline)
                return
            if isinstance(device, Controller):
                usb_devices.attach_controller(stack, line.domid, device, deadline=deadline)
                return
            if isinstance(device, Input):
                keyboards.attach_keyboard(stack, line.domid, device, deadline=deadline)
                return
            kind, name, words = _described(device)
            if name is not None and self._find(kind, name, line.domid, deadline) is not None:
                raise AlreadyExists(f"the guest has {kind} {printable(name, limit=60)} already")
            command = {"vbd": "block-attach", "vif": "network-attach", "pci": "pci-attach"}[kind]
            stack.change(command, str(line.domid), *words, deadline=deadline)
            if name is not None and self._after(kind, name, line.domid, command, deadline) is None:
                raise OperationFailed(f"xl {command} ended well, but the device isn't listed")

    def detach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Unplug the device with the same target, MAC, address or index."""
        from xenparley.domain.config.devices import Controller, HostUsb, Input
        from xenparley_xl import keyboards, usb_devices

        stack = self._stack
        with stack.call(C.DETACH_DEVICE, guest), stack.observed(guest, deadline):
            line = self._running(guest, deadline)
            if isinstance(device, HostUsb):
                usb_devices.detach_usb(stack, line.domid, device, deadline=deadline)
                return
            if isinstance(device, Controller):
                usb_devices.detach_controller(stack, line.domid, device, deadline=deadline)
                return
            if isinstance(device, Input):
                keyboards.detach_keyboard(stack, line.domid, device, deadline=deadline)
                return
            kind, name = _key(device)
            found = None if name is None else self._find(kind, name, line.domid, deadline)
            if found is None or name is None:
                raise NotFound(f"the guest has no {kind} {printable(name or '?', limit=60)}")
            command = {"vbd": "block-detach", "vif": "network-detach", "pci": "pci-detach"}[kind]
            word = name if kind == "pci" else str(found.devid)
            stack.change(command, str(line.domid), word, deadline=deadline)
            left = self._after(kind, name, line.domid, command, deadline)
            if left is not None and left.frontend_state in (3, 4):
                raise OperationFailed(f"xl {command} ended well, but the device is connected still")

    def change_media(self, guest: GuestRef, device: Disk, *, deadline: float) -> None:
        """Insert another medium, or eject: `xl cd-insert`, `xl cd-eject`."""
        stack = self._stack
        with stack.call(C.CHANGE_MEDIA, guest), stack.observed(guest, deadline):
            line = self._running(guest, deadline)
            target = device.target
            if self._find("vbd", target, line.domid, deadline) is None:
                raise NotFound(f"the guest has no drive {printable(target, limit=60)}")
            path = device.source.path
            if not path:
                stack.change("cd-eject", str(line.domid), target, deadline=deadline)
                return
            if not path.startswith("/"):
                raise InvalidInput(f"a medium's path is absolute: {printable(path, limit=200)!r}")
            stack.change("cd-insert", str(line.domid), target, path, deadline=deadline)

    def _running(self, guest: GuestRef, deadline: float) -> GuestLine:
        line = self._stack.unprivileged(guest, "given or bereft of devices", deadline=deadline)
        if line.flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
            raise InvalidState(f"domain {line.domid} has ended: nothing can be plugged in or out")
        return line

    def _find(self, kind: str, name: str, domid: int, deadline: float) -> DeviceInfo | None:
        found = self._listed(kind, domid, deadline)
        return next((device for device in found if device.name == name), None)

    def _after(
        self, kind: str, name: str, domid: int, command: str, deadline: float
    ) -> DeviceInfo | None:
        try:
            return self._find(kind, name, domid, deadline)
        except XenparleyError as exc:
            raise OutcomeUnknown(
                f"xl {command} ended well; what became of the device is not known: {exc.message}",
                last_seen=f"xl {command} ended with status 0",
            ) from exc


def _key(device: Disk | Interface | HostPci) -> tuple[str, str | None]:
    from xenparley.domain.config.devices import Disk, HostPci, Interface

    if isinstance(device, Disk):
        number = disk_number(device.target)
        # vda and xvda are one number, and the listing tells one name for it.
        return "vbd", device.target if number is None else disk_name(number)
    if isinstance(device, Interface):
        return "vif", None if device.mac is None else device.mac.lower()
    if isinstance(device, HostPci):
        return "pci", str(device.address)
    raise InvalidInput(f"can't be plugged in or out: {type(device).__name__}")


def _described(device: Disk | Interface | HostPci) -> tuple[str, str | None, list[str]]:
    from xenparley.domain.config.devices import Disk, Interface

    kind, name = _key(device)
    if isinstance(device, Disk):
        if disk_number(device.target) is None:
            raise InvalidInput(f"not a disk's name: {printable(device.target, limit=40)!r}")
        return kind, name, disk_words(device)
    if isinstance(device, Interface):
        return kind, name, interface_words(device)
    slot = device.guest_address
    words = [str(device.address)]
    if slot is not None:
        words.append(f"{slot.slot:02x}")
    return kind, name, words
