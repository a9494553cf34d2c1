"""Devices of a living guest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    ProtocolError,
    Unsupported,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.devices import DeviceInfo
from xenparley_wire.sxp_tree import children, key_of, pairs
from xenparley_xend.doors import Op
from xenparley_xend.numbers import plain_target, vbd_number

if TYPE_CHECKING:
    from xenparley.domain.config.devices import Disk, HostPci, Interface, PciAddress
    from xenparley.domain.identity import GuestRef
    from xenparley.ports.devices import AnyDevice
    from xenparley_wire.sxp import Sexp
    from xenparley_xend.calls import Calls, Found
    from xenparley_xend.doors import Door

__all__ = ["DevicesPort"]

C = Capability
#: XenD's classes of disks: one kind to the guest.
_DISKS: Final = ("vbd", "tap", "tap2")
_ALWAYS: Final = ("vbd", "vif")
#: Classes whose devices have an end in the guest.
_CLASSES: Final = (*_DISKS, "vif", "vif2", "vfb", "vkbd", "pci", "console", "vscsi", "vusb")
#: XenD's own words for a PCI address are hexadecimal, with and without 0x.
_NUMBER: Final = re.compile(r"(0x)?[0-9a-fA-F]{1,4}", re.ASCII)
_ENDED: Final = RunFlags.SHUTDOWN | RunFlags.DYING


class _Held(NamedTuple):
    """A device as XenD lists it: its class, number, keys, and its name in the configuration."""

    kind: str
    number: int
    told: dict[str, str]
    name: str | None


class DevicesPort:
    """Lists devices, plugs in and out, changes media."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Return the devices by kind and number."""
        with self._calls.call(C.DEVICES, deadline, guest) as door:
            found = self._calls.living(guest, deadline)
            held = _held(door, found, _classes(found.tree), deadline)
            told: dict[tuple[str, int], DeviceInfo] = {}
            for one in held:
                kind = "vbd" if one.kind in _DISKS else one.kind.removesuffix("2")
                told.setdefault(
                    (kind, one.number),
                    DeviceInfo(
                        kind=kind,
                        devid=one.number,
                        backend_domid=_int(one.told.get("backend-id")) or 0,
                        frontend_state=_state(one.told.get("state")),
                        name=one.name,
                    ),
                )
            return [told[key] for key in sorted(told)]

    def attach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Plug a disk, an interface or a PCI function in."""
        from xenparley.domain.config.devices import Disk, HostPci, Interface
        from xenparley_formats.sxp_write_devices import device_to_sxp

        with self._calls.call(C.ATTACH_DEVICE, deadline, guest) as door:
            if isinstance(device, HostPci):
                self._pci(door, guest, device, "Initialising", deadline)
                return
            if not isinstance(device, (Disk, Interface)):
                raise Unsupported("XenD plugs disks, interfaces and PCI functions in only")
            if isinstance(device, Disk) and vbd_number(device.target) is None:
                raise InvalidInput(f"not a disk's name: {printable(device.target, limit=40)!r}")
            found = self._running(guest, deadline)
            if self._find(door, found, device, deadline) is not None:
                raise AlreadyExists(f"{guest} has {_words(device)} already")
            node = device_to_sxp(
                device, version=self._calls.release.format, hvm=found.seen.virt == "hvm"
            )
            door.command(found.key, Op("device_create", (("config", node),)), deadline)

    def detach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Unplug a disk, an interface or a PCI function."""
        from xenparley.domain.config.devices import Disk, HostPci, Interface

        with self._calls.call(C.DETACH_DEVICE, deadline, guest) as door:
            if isinstance(device, HostPci):
                self._pci(door, guest, device, "Closing", deadline)
                return
            if not isinstance(device, (Disk, Interface)):
                raise Unsupported("XenD plugs disks, interfaces and PCI functions out only")
            found = self._running(guest, deadline)
            held = self._find(door, found, device, deadline)
            if held is None:
                raise NotFound(f"{guest} has no {_words(device)}")
            op = Op(
                "device_destroy",
                (("type", held.kind), ("dev", str(held.number)), ("force", 0), ("rm_cfg", 1)),
            )
            door.command(found.key, op, deadline)

    def change_media(self, guest: GuestRef, device: Disk, *, deadline: float) -> None:
        """Put another medium into a drive."""
        from xenparley_formats.sxp_write_devices import device_to_sxp

        with self._calls.call(C.CHANGE_MEDIA, deadline, guest) as door:
            if self._calls.release.format < 2:
                raise Unsupported("up to Xen 3.0.2 a CD-ROM is part of the guest's image")
            found = self._running(guest, deadline)
            held = self._find(door, found, device, deadline)
            if held is None:
                raise NotFound(f"{guest} has no drive {printable(device.target, limit=40)}")
            kind = held.told.get("device-type")
            if kind is not None and kind not in ("cdrom", "floppy"):
                raise InvalidInput(f"{printable(device.target, limit=40)} is no CD-ROM drive")
            node = device_to_sxp(
                device, version=self._calls.release.format, hvm=found.seen.virt == "hvm"
            )
            if not any(True for _ in children(node, "uname")):
                node.append(["uname", ""])
            op = Op("device_configure", (("config", node), ("dev", str(held.number))))
            door.command(found.key, op, deadline)

    def _pci(
        self, door: Door, guest: GuestRef, device: HostPci, state: str, deadline: float
    ) -> None:
        """Change the one PCI device of a guest, which holds all its functions."""
        from xenparley_formats.sxp_write_devices import device_to_sxp

        if not self._calls.release.plugs_pci:
            raise Unsupported("before Xen 3.3 XenD plugs no PCI functions into living guests")
        found = self._running(guest, deadline)
        held = _functions(found.tree)
        there = device.address in held
        if there is (state == "Initialising"):
            if there:
                raise AlreadyExists(f"{guest} has {_words(device)} already")
            raise NotFound(f"{guest} has no {_words(device)}")
        node = device_to_sxp(device, version=self._calls.release.format, state=state)
        if held:
            op = Op("device_configure", (("config", node), ("dev", "0")))
        else:
            op = Op("device_create", (("config", node),))
        door.command(found.key, op, deadline)

    def _running(self, guest: GuestRef, deadline: float) -> Found:
        found = self._calls.living(guest, deadline)
        if found.seen.flags is not None and found.seen.flags & _ENDED:
            raise InvalidState(f"{guest} has ended: nothing is plugged in or out", phase="shutdown")
        return found

    def _find(
        self, door: Door, found: Found, device: Disk | Interface | HostPci, deadline: float
    ) -> _Held | None:
        """Return the device with this target or MAC."""
        from xenparley.domain.config.devices import Disk, Interface

        if isinstance(device, Disk):
            number = vbd_number(device.target)
            classes = [kind for kind in _classes(found.tree) if kind in _DISKS]
            every = _held(door, found, classes, deadline)
            return next((one for one in every if one.number == number), None)
        if isinstance(device, Interface) and device.mac:
            mac = device.mac.lower()
            classes = [kind for kind in _classes(found.tree) if kind in ("vif", "vif2")]
            every = _held(door, found, classes, deadline)
            return next((one for one in every if (one.name or "").lower() == mac), None)
        return None


def _words(device: Disk | Interface | HostPci) -> str:
    for attribute in ("target", "mac", "address"):
        value = getattr(device, attribute, None)
        if value:
            return f"{type(device).__name__.lower()} {printable(str(value), limit=60)}"
    return type(device).__name__.lower()


def _classes(tree: Sexp) -> list[str]:
    """Return the classes that the guest has devices of; disks and interfaces in any case."""
    there = {key_of(node[1]) for node in children(tree, "device") if len(node) > 1}
    return [kind for kind in _CLASSES if kind in there or kind in _ALWAYS]


def _held(door: Door, found: Found, classes: Sequence[str], deadline: float) -> list[_Held]:
    held: list[_Held] = []
    for kind in classes:
        told = door.ask(found.key, Op("devices", (("type", kind),)), deadline)
        if not isinstance(told, list):
            raise ProtocolError(f"XenD, devices of class {kind}: not a list", retry_safe=True)
        names = _names(found.tree, kind)
        for entry in told:
            one = _entry(kind, entry, names)
            if one is not None:
                held.append(one)
    return held


def _entry(kind: str, entry: Sexp, names: dict[int, str]) -> _Held | None:
    """Read ``(51712 ((backend-id 0) ...))``; early releases have the keys one level up."""
    if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
        return None
    number = _int(entry[0])
    if number is None:
        return None
    inner = entry[1] if len(entry) == 2 and isinstance(entry[1], list) else entry
    told = pairs(entry if key_of(inner) is not None else ["", *inner])
    name = names.get(number)
    if kind in ("vif", "vif2"):
        name = told.get("mac") or name
    if kind == "pci":
        name = told.get("dev-0") or name
    return _Held(kind, number, told, name)


def _names(tree: Sexp, kind: str) -> dict[int, str]:
    """Return the names that the configuration has for devices of a class, by their numbers."""
    nodes = [
        pairs(node[1])
        for node in children(tree, "device")
        if len(node) > 1 and key_of(node[1]) == kind
    ]
    if kind in _DISKS:
        targets = [plain_target(one["dev"]) for one in nodes if one.get("dev")]
        numbered = ((vbd_number(target), target) for target in targets)
        return {number: target for number, target in numbered if number is not None}
    if kind in ("vif", "vif2"):
        if len(nodes) == 1 and nodes[0].get("mac"):
            return {0: nodes[0]["mac"]}
        # Several: which is which only "devid" tells, where a release prints it.
        told = ((_int(one.get("devid")), one.get("mac")) for one in nodes)
        return {number: mac for number, mac in told if number is not None and mac}
    return {}


def _functions(tree: Sexp) -> set[PciAddress]:
    """Return the PCI functions of a configuration; XenD writes their numbers in several ways."""
    from xenparley.domain.config.devices import PciAddress

    found = set()
    for node in children(tree, "device"):
        for dev in children(node[1], "dev") if len(node) > 1 and key_of(node[1]) == "pci" else ():
            told = pairs(dev)
            words = [told.get(key, "0") for key in ("domain", "bus", "slot", "func")]
            numbers = [_NUMBER.fullmatch(word) for word in words]
            if all(numbers):
                found.add(PciAddress(*(int(word, 16) for word in words)))
    return found


def _int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _state(text: str | None) -> int | None:
    number = _int(text)
    return number if number is not None and number <= 8 else None
