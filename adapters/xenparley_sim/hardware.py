"""A domain's devices, consoles, displays and CPU affinity, as the store keeps them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from attrs import evolve

from xenparley.domain.errors import AlreadyExists, InvalidInput, NotFound, Unavailable
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.config.devices import Controller, HostUsb, Interface
    from xenparley.ports.devices import AnyDevice

__all__ = ["Hardware", "SimDevice", "hardware_of", "usb_name", "vbd_devid"]

_DISK = re.compile(r"(xvd|hd|sd|vd|fd)([a-z]{1,2})([0-9]{0,3})", re.ASCII)
# Linux major numbers: xvd 202; hda to hdl in pairs; sd 8; fd 2 (an hvm guest's emulated floppy).
_IDE_MAJORS = (3, 22, 33, 34, 56, 57, 88, 89, 90, 91)
MAX_DEVICES = 1024


def vbd_devid(target: str) -> int | None:
    """Return XenStore's device number of a disk (docs/misc/vbd-interface of Xen), or None."""
    match = _DISK.fullmatch(target)
    if match is None:
        return None
    disk = 0
    for letter in match[2]:
        disk = disk * 26 + ord(letter) - ord("a") + 1
    disk -= 1
    part = int(match[3] or 0)
    if match[1] == "hd":
        if disk // 2 >= len(_IDE_MAJORS) or part > 63:
            return None
        return _IDE_MAJORS[disk // 2] << 8 | (disk % 2) << 6 | part
    if match[1] == "fd":
        return 2 << 8 | disk if disk < 4 and not part else None
    if match[1] == "sd" and disk < 16 and part < 16:
        return 8 << 8 | disk << 4 | part
    if disk < 16 and part < 16:
        return 202 << 8 | disk << 4 | part
    if part < 256:
        return 1 << 28 | disk << 8 | part
    return None


class SimDevice:
    """One device. ``cpu_ns``: the guest's CPU time when it was plugged in.

    A front end connects as soon as its guest has run with it.
    """

    __slots__ = ("backend_domid", "cpu_ns", "devid", "kind", "name", "what")

    def __init__(
        self,
        kind: str,
        devid: int,
        name: str | None = None,
        backend_domid: int = 0,
        cpu_ns: int = 0,
        what: str | None = None,
    ) -> None:
        self.kind = kind
        self.devid = devid
        self.name = name
        self.backend_domid = backend_domid
        self.cpu_ns = cpu_ns
        #: disk, cdrom, floppy; a USB controller's version and number of ports; None for others.
        self.what = what

    def __repr__(self) -> str:
        return f"SimDevice({self.kind!r}, {self.devid}, {self.name!r})"

    def states(self, cpu_ns: int, ended: bool) -> tuple[int, int]:
        """Return the XenBus states of front end and back end for that CPU time of the guest."""
        if ended:
            return 6, 6
        return (4, 4) if cpu_ns > self.cpu_ns else (1, 2)


class Hardware:
    """What a domain is made of beside memory and CPU time.

    ``affinity`` maps a virtual CPU to host CPUs (missing: all). ``serials`` counts its serial
    ports. ``displays`` are (type, host, port), port 0: 5900 + domain id.
    """

    def __init__(self) -> None:
        self.devices: list[SimDevice] = []
        self.affinity: dict[int, frozenset[int]] = {}
        self.serials = 0
        self.displays: list[tuple[str, str | None, int]] = []

    def text(self) -> str:
        """Write it for the store."""
        return json.dumps(
            {
                "devices": [
                    [d.kind, d.devid, d.name, d.backend_domid, d.cpu_ns, d.what]
                    for d in self.devices
                ],
                "affinity": {str(n): sorted(cpus) for n, cpus in self.affinity.items()},
                "serials": self.serials,
                "displays": self.displays,
            },
            separators=(",", ":"),
        )

    @classmethod
    def read(cls, text: str) -> Hardware:
        """Read what :meth:`text` wrote. Unavailable: the file is damaged."""
        made = cls()
        try:
            held: dict[str, Any] = json.loads(text)
            made.devices = [SimDevice(*device) for device in held["devices"]]
            made.affinity = {int(n): frozenset(cpus) for n, cpus in held["affinity"].items()}
            made.serials = int(held["serials"])
            made.displays = [(t, h, int(p)) for t, h, p in held["displays"]]
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as exc:
            raise Unavailable("a stored device list is damaged") from exc
        return made

    def find(self, kind: str, name: str) -> SimDevice | None:
        """Return the device of this kind and name."""
        return next((d for d in self.devices if d.kind == kind and d.name == name), None)

    def named(self, interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
        """Return a configuration's interfaces with the MACs that they were given here."""
        macs = [device.name for device in self.devices if device.kind == "vif"]
        return tuple(
            interface if interface.mac else evolve(interface, mac=mac)
            for interface, mac in zip(interfaces, macs, strict=True)
        )

    def restarted(self) -> str:
        """Return the text for the same hardware in a guest that has not run yet."""
        for device in self.devices:
            device.cpu_ns = 0
        return self.text()

    def attach(self, device: AnyDevice, cpu_ns: int) -> SimDevice:
        """Plug a device in. AlreadyExists: target, MAC or address is taken."""
        from xenparley.domain.config.devices import (
            Controller,
            Disk,
            HostPci,
            HostUsb,
            Input,
            Interface,
        )

        if len(self.devices) >= MAX_DEVICES:
            raise InvalidInput(f"a guest has at most {MAX_DEVICES} devices here")
        if isinstance(device, Disk):
            devid = vbd_devid(device.target)
            if devid is None:
                raise InvalidInput(f"not a disk's name: {printable(device.target, limit=40)!r}")
            made = SimDevice("vbd", devid, device.target, 0, cpu_ns, device.device)
        elif isinstance(device, Interface):
            made = SimDevice("vif", self._next("vif"), _mac(device), 0, cpu_ns)
        elif isinstance(device, HostPci):
            made = SimDevice("pci", self._next("pci"), str(device.address), 0, cpu_ns)
        elif isinstance(device, HostUsb):
            made = SimDevice("usb", self._usb_port(device, cpu_ns), usb_name(device), 0, cpu_ns)
        elif isinstance(device, Controller) and device.type == "usb":
            made = self._controller(device, cpu_ns)
        elif isinstance(device, Input) and device.bus == "xen":
            made = SimDevice("vkbd", self._next("vkbd"), None, 0, cpu_ns)
        else:
            raise InvalidInput(f"can't be plugged in: {type(device).__name__}")
        for other in self.devices:
            same = made.name is not None and other.name == made.name
            if other.kind == made.kind and (same or other.devid == made.devid):
                shown = printable(made.name or str(made.devid), limit=60)
                raise AlreadyExists(f"the guest has {made.kind} {shown} already")
        self.devices.append(made)
        return made

    def detach(self, device: AnyDevice) -> SimDevice:
        """Unplug the device with the same target, MAC, address or index. NotFound."""
        kind, name = device_key(device)
        if kind == "vkbd":
            found = next((d for d in self.devices if d.kind == kind), None)
        else:
            found = self.find(kind, name) if name is not None else None
        if found is not None and kind == "vusb":
            for held in self.devices:
                if held.kind == "usb" and held.devid >> 8 == found.devid:
                    raise InvalidInput(f"the USB controller holds {held.name}: unplug that first")
        if found is None:
            raise NotFound(f"the guest has no {kind} {printable(name or '?', limit=60)}")
        self.devices.remove(found)
        return found

    def _controller(self, device: Controller, cpu_ns: int) -> SimDevice:
        number = self._next("vusb") if device.index is None else device.index
        version = (device.model or "qusb2")[-1]
        return SimDevice("vusb", number, str(number), 0, cpu_ns, f"{version} {device.ports or 8}")

    def _usb_port(self, device: HostUsb, cpu_ns: int) -> int:
        """Return the number of a free port; a controller is made where every port is taken."""
        taken = {d.devid for d in self.devices if d.kind == "usb"}
        for controller in self.devices:
            if controller.kind != "vusb" or device.guest_bus not in (None, controller.devid):
                continue
            for port in range(1, int((controller.what or "2 8").split()[1]) + 1):
                free = controller.devid << 8 | port not in taken
                if device.guest_port == port or (device.guest_port is None and free):
                    return controller.devid << 8 | port
        if device.guest_bus is not None:
            raise NotFound(f"the guest has no free port at USB controller {device.guest_bus}")
        number = self._next("vusb")
        self.devices.append(SimDevice("vusb", number, str(number), 0, cpu_ns, "2 8"))
        return number << 8 | 1

    def _next(self, kind: str) -> int:
        taken = {d.devid for d in self.devices if d.kind == kind}
        return next(n for n in range(len(taken) + 1) if n not in taken)


def usb_name(device: HostUsb) -> str:
    """Return a USB device's name: its bus and number. InvalidInput: it is told by its ids."""
    if device.bus is None or device.device is None:
        raise InvalidInput("the simulated host knows USB devices by bus and number only")
    return f"{device.bus:03d}:{device.device:03d}"


def device_key(device: AnyDevice) -> tuple[str, str | None]:
    """Return kind and name by which a configuration's device is found among the living ones."""
    from xenparley.domain.config.devices import (
        Controller,
        Disk,
        HostPci,
        HostUsb,
        Input,
        Interface,
    )

    if isinstance(device, Disk):
        return "vbd", device.target
    if isinstance(device, Interface):
        return "vif", device.mac.lower() if device.mac else None
    if isinstance(device, HostPci):
        return "pci", str(device.address)
    if isinstance(device, HostUsb):
        return "usb", usb_name(device)
    if isinstance(device, Controller) and device.type == "usb":
        return "vusb", None if device.index is None else str(device.index)
    if isinstance(device, Input) and device.bus == "xen":
        return "vkbd", None
    raise InvalidInput(f"can't be plugged in or out: {type(device).__name__}")


def hardware_of(config: GuestConfig, cpus: int) -> Hardware:
    """Build what the configuration says. ``cpus`` is the host's number. InvalidInput."""
    from xenparley_sim.cpus import parse_cpus

    made = Hardware()
    for disk in config.disks:
        made.attach(disk, 0)
    for interface in config.interfaces:
        made.attach(interface, 0)
    for function in config.pci:
        made.attach(function, 0)
    made.devices.append(SimDevice("console", 0))
    for number, display in enumerate(config.graphics):
        if config.virt == "pv":
            made.devices.append(SimDevice("vfb", number))
            made.devices.append(SimDevice("vkbd", number))
        if display.type in ("vnc", "spice"):
            listen = display.listen or next((x.address for x in display.listens if x.address), None)
            port = display.port if display.port and display.port > 0 else 0
            made.displays.append((display.type, listen or "127.0.0.1", port))
    made.serials = len(config.serials) if config.virt == "hvm" else 0
    if config.vcpus.cpuset:
        everywhere = parse_cpus(config.vcpus.cpuset, cpus)
        made.affinity = dict.fromkeys(range(config.vcpus.maximum), everywhere)
    for pin in config.vcpus.pins:
        if 0 <= pin.vcpu < config.vcpus.maximum:
            made.affinity[pin.vcpu] = parse_cpus(pin.cpuset, cpus)
    return made


def _mac(device: Interface) -> str:
    if device.mac:
        return device.mac.lower()
    from os import urandom

    # Xen's own prefix; the seventh octet's top bit stays clear.
    tail = urandom(3)
    return f"00:16:3e:{tail[0] & 0x7F:02x}:{tail[1]:02x}:{tail[2]:02x}"
