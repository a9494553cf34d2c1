"""What disks and interfaces carried: the kernel's own counts of its back ends."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xenparley.domain.errors import AccessRefused, Unavailable
from xenparley.negotiation.capability import Capability
from xenparley.ports.statistics import BlockStats, InterfaceStats
from xenparley_xenstore.calls import Calls, living, texts
from xenparley_xenstore.devices import Device, devices_of

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef

__all__ = ["StatisticsPort"]

#: The unit of the back end's rd_sect and wr_sect, in bytes.
_SECTOR = 512
_DISKS = ("vbd", "tap", "qdisk")


class StatisticsPort:
    """Reads counters of a living guest."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def block_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[BlockStats]:
        """Return one entry for each disk with a back end in this domain.

        Only the kernel's block back end counts; a disk served by qemu or tapdisk has no numbers.
        """
        with self._calls.call(Capability.BLOCK_STATS, deadline, guest) as store:
            domain = living(store, guest, deadline)
            disks = [d for d in devices_of(store, domain, deadline) if _is_here(d, _DISKS)]
            names = texts(store, [f"{disk.backend}/dev" for disk in disks], deadline)
            return [
                self._block(domain.domid, disk, name)
                for disk, name in zip(disks, names, strict=True)
            ]

    def _block(self, domid: int, disk: Device, name: str | None) -> BlockStats:
        folder = Path(
            self._calls.sysfs, "bus", "xen-backend", "devices", f"vbd-{domid}-{disk.devid}"
        )
        requests_read, sectors_read, requests_written, sectors_written = (
            _count(folder / "statistics" / key)
            for key in ("rd_req", "rd_sect", "wr_req", "wr_sect")
        )
        return BlockStats(
            target=name or str(disk.devid),
            read_requests=requests_read,
            read_bytes=None if sectors_read is None else sectors_read * _SECTOR,
            write_requests=requests_written,
            write_bytes=None if sectors_written is None else sectors_written * _SECTOR,
        )

    def interface_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[InterfaceStats]:
        """Return one entry for each interface with a back end in this domain.

        What the guest receives its back end sends, so the kernel's rx and tx change places.
        """
        with self._calls.call(Capability.INTERFACE_STATS, deadline, guest) as store:
            domain = living(store, guest, deadline)
            vifs = [d for d in devices_of(store, domain, deadline) if _is_here(d, ("vif",))]
            found = (self._interface(f"vif{domain.domid}.{vif.devid}") for vif in vifs)
            return [entry for entry in found if entry is not None]

    def _interface(self, name: str) -> InterfaceStats | None:
        folder = Path(self._calls.sysfs, "class", "net", name, "statistics")
        kinds = ("bytes", "packets", "errors", "dropped")
        sent = [_count(folder / f"tx_{kind}") for kind in kinds]
        received = [_count(folder / f"rx_{kind}") for kind in kinds]
        if sent[0] is None and received[0] is None:
            return None
        rx = [count or 0 for count in sent]
        tx = [count or 0 for count in received]
        return InterfaceStats(
            target=name,
            rx_bytes=rx[0],
            rx_packets=rx[1],
            rx_errors=rx[2],
            rx_drops=rx[3],
            tx_bytes=tx[0],
            tx_packets=tx[1],
            tx_errors=tx[2],
            tx_drops=tx[3],
        )


def _is_here(device: Device, kinds: Sequence[str]) -> bool:
    return device.kind in kinds and device.backend is not None and device.backend_domid == 0


def _count(path: Path) -> int | None:
    """Return a number that the kernel tells; None where it tells none."""
    try:
        value = path.read_text("ascii", "replace").strip()
    except OSError as exc:
        if exc.errno in (errno.EACCES, errno.EPERM):
            raise AccessRefused(f"{path}: {exc.strerror}") from exc
        if exc.errno in (errno.ENOENT, errno.ENODEV, errno.ENOTDIR, errno.EINVAL):
            return None
        raise Unavailable(f"{path}: {exc.strerror}") from exc
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
