"""The kernel's counts of what its back ends carried, as files of a simulated /sys."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenparley_sim.hardware import SimDevice

__all__ = ["forget_counts", "write_counts"]

_DISK = {"rd_req": 7, "rd_sect": 56, "wr_req": 3, "wr_sect": 24}
_INTERFACE = {
    **{f"rx_{kind}": n for n, kind in enumerate(("errors", "dropped"))},
    **{f"tx_{kind}": n for n, kind in enumerate(("errors", "dropped"))},
    "rx_bytes": 6400,
    "rx_packets": 100,
    "tx_bytes": 12800,
    "tx_packets": 200,
}


def write_counts(sysfs: Path, domid: int, devices: Iterable[SimDevice]) -> None:
    """Have the files of a guest's disks and interfaces, and no others of it."""
    (sysfs / "class" / "net").mkdir(parents=True, exist_ok=True)
    wanted: dict[Path, Mapping[str, int]] = {}
    for device in devices:
        if device.kind == "vbd":
            wanted[_disks(sysfs) / f"vbd-{domid}-{device.devid}"] = _DISK
        elif device.kind == "vif":
            wanted[sysfs / "class" / "net" / f"vif{domid}.{device.devid}"] = _INTERFACE
    for folder in _known(sysfs, domid):
        if folder not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
    for folder, counts in wanted.items():
        files = folder / "statistics"
        if not files.is_dir():
            files.mkdir(parents=True)
            for name, count in counts.items():
                (files / name).write_text(f"{count}\n")


def forget_counts(sysfs: Path, domid: int) -> None:
    """Remove the files of a guest that is gone."""
    for folder in _known(sysfs, domid):
        shutil.rmtree(folder, ignore_errors=True)


def _disks(sysfs: Path) -> Path:
    return sysfs / "bus" / "xen-backend" / "devices"


def _known(sysfs: Path, domid: int) -> list[Path]:
    found = [*_disks(sysfs).glob(f"vbd-{domid}-*")]
    return [*found, *(sysfs / "class" / "net").glob(f"vif{domid}.*")]
