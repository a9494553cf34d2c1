"""Devices, their statistics, consoles and displays."""

from __future__ import annotations

from collections.abc import Sequence

from xenparley.domain.config.devices import Disk, HostPci, Interface
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.console import ConsoleInfo, DisplayInfo
from xenparley.ports.devices import DeviceInfo
from xenparley.ports.statistics import BlockStats, InterfaceStats
from xenparley_sim import life, plugging
from xenparley_sim.calls import Calls, living
from xenparley_sim.domain import Domain
from xenparley_sim.hardware import Hardware
from xenparley_sim.transaction import Transaction

__all__ = ["SimConsole", "SimDevices", "SimStatistics", "display_port"]

AnyDevice = Disk | Interface | HostPci
_FIRST_VNC_PORT = 5900
# What a guest does to its devices in a second of CPU time.
_READS, _WRITES, _BLOCK = 100, 40, 4096
_PACKETS, _PACKET = 200, 600


def _hardware(tx: Transaction, domain: Domain) -> Hardware:
    text = tx.document(f"h:{domain.domid}")
    return Hardware() if text is None else Hardware.read(text)


def display_port(domid: int, port: int) -> int:
    """Return the TCP port of a display: the one that was asked for, or 5900 + domain id."""
    return port or _FIRST_VNC_PORT + domid


class SimDevices:
    """Lists, attaches and detaches devices."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Return the devices by kind and number."""
        with self._calls.read(Capability.DEVICES, deadline, guest) as tx:
            domain = living(tx, guest)
            held = _hardware(tx, domain).devices
        ended = bool(domain.dying) or domain.reason is not None
        found = []
        for device in sorted(held, key=lambda d: (d.kind, d.devid)):
            front, back = device.states(domain.cpu_ns, ended)
            found.append(
                DeviceInfo(
                    kind=device.kind,
                    devid=device.devid,
                    backend_domid=device.backend_domid,
                    frontend_state=front,
                    backend_state=back,
                    name=device.name,
                )
            )
        return found

    def attach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Plug the device in."""
        with self._calls.command(Capability.ATTACH_DEVICE, deadline, guest) as tx:
            domain = living(tx, guest)
            life.check_unprivileged(domain, "take a device")
            plugging.attach(tx, domain, device)

    def detach(self, guest: GuestRef, device: AnyDevice, *, deadline: float) -> None:
        """Unplug the device."""
        with self._calls.command(Capability.DETACH_DEVICE, deadline, guest) as tx:
            plugging.detach(tx, living(tx, guest), device)

    def change_media(self, guest: GuestRef, device: Disk, *, deadline: float) -> None:
        """Put another medium into a drive."""
        with self._calls.command(Capability.CHANGE_MEDIA, deadline, guest) as tx:
            plugging.change_media(tx, living(tx, guest), device)


class SimStatistics:
    """Numbers that grow with the guest's CPU time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return nanoseconds of CPU time."""
        with self._calls.read(Capability.CPU_TIME, deadline, guest) as tx:
            return living(tx, guest).cpu_ns

    def uptime_s(self, guest: GuestRef, *, deadline: float) -> int:
        """Return seconds since the guest was made."""
        with self._calls.read(Capability.UPTIME, deadline, guest) as tx:
            started = living(tx, guest).started
            return max(0, int(self._calls.hypervisor.clock.now() - started))

    def block_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[BlockStats]:
        """Return an entry for each disk."""
        with self._calls.read(Capability.BLOCK_STATS, deadline, guest) as tx:
            domain = living(tx, guest)
            held = _hardware(tx, domain).devices
        found = []
        for device in held:
            if device.kind == "vbd" and device.name is not None:
                used = max(0, domain.cpu_ns - device.cpu_ns)
                reads = used * _READS // 1_000_000_000
                writes = used * _WRITES // 1_000_000_000
                found.append(
                    BlockStats(
                        target=device.name,
                        read_requests=reads,
                        read_bytes=reads * _BLOCK,
                        write_requests=writes,
                        write_bytes=writes * _BLOCK,
                        errors=0,
                    )
                )
        return found

    def interface_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[InterfaceStats]:
        """Return an entry for each interface, named as its end in Domain 0."""
        with self._calls.read(Capability.INTERFACE_STATS, deadline, guest) as tx:
            domain = living(tx, guest)
            held = _hardware(tx, domain).devices
        found = []
        for device in held:
            if device.kind == "vif":
                packets = max(0, domain.cpu_ns - device.cpu_ns) * _PACKETS // 1_000_000_000
                found.append(
                    InterfaceStats(
                        target=f"vif{domain.domid}.{device.devid}",
                        rx_bytes=packets * _PACKET,
                        rx_packets=packets,
                        rx_errors=0,
                        rx_drops=0,
                        tx_bytes=packets * _PACKET // 2,
                        tx_packets=packets,
                        tx_errors=0,
                        tx_drops=0,
                    )
                )
        return found


class SimConsole:
    """Says where consoles and displays are."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def consoles(self, guest: GuestRef, *, deadline: float) -> Sequence[ConsoleInfo]:
        """Return the consoles: a pv guest's pv console, an hvm guest's serial ports first."""
        with self._calls.read(Capability.CONSOLES, deadline, guest) as tx:
            domain = living(tx, guest)
            serials = _hardware(tx, domain).serials
        if domain.domid == 0:
            return []
        main = ConsoleInfo(kind="pv", number=0, tty=f"/dev/pts/{domain.domid}")
        ports = [
            ConsoleInfo(kind="serial", number=n, tty=f"/dev/pts/{10_000 + domain.domid * 4 + n}")
            for n in range(serials)
        ]
        return [*ports, main] if domain.virt == "hvm" else [main, *ports]

    def displays(self, guest: GuestRef, *, deadline: float) -> Sequence[DisplayInfo]:
        """Return the displays."""
        with self._calls.read(Capability.DISPLAYS, deadline, guest) as tx:
            domain = living(tx, guest)
            held = _hardware(tx, domain).displays
        return [
            DisplayInfo(type=kind, host=host, port=display_port(domain.domid, port))
            for kind, host, port in held
        ]
