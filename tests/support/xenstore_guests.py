"""A toolstack that only writes XenStore: guests as libxl (or XenD) would leave them there."""

from __future__ import annotations

import threading
from pathlib import Path

from xenparley.domain.identity import GuestRef
from xenparley_sim.xenstore_server import Store, StoreFault

__all__ = ["Guests"]


class Guests:
    """Makes and removes guests in a store. ``sysfs`` gets the back ends' statistics."""

    def __init__(self, store: Store, sysfs: Path) -> None:
        self.store = store
        self.sysfs = sysfs
        self._next = 1
        self._lock = threading.Lock()
        #: Guests that take what is written to control/shutdown.
        self.obedient = True
        self.commands: list[tuple[str, bytes]] = []
        (sysfs / "class" / "net").mkdir(parents=True)
        store.watch("/local/domain", "guests", self, self._written)

    def _written(self, path: str, _token: str) -> None:
        """Play the guests' part, and count what was commanded."""
        key = path.split("/", 4)[-1]
        if path.count("/") < 4 or not (
            key in ("control/shutdown", "memory/target") or key.startswith("cpu/")
        ):
            return
        try:
            value = self.store.read(path)
        except StoreFault:
            return
        if threading.current_thread().name != "sim-xenstored":
            return
        self.commands.append((path, value))
        if key == "control/shutdown" and value and self.obedient:
            self.store.write(path, b"")

    def make(self, config, *, uuid_suffix: str = "") -> GuestRef:
        """Write a guest as libxl 4.17 does; the daemon is told last."""
        with self._lock:
            domid, self._next = self._next, self._next + 1
        home, vm = f"/local/domain/{domid}", f"/vm/{config.uuid}{uuid_suffix}"
        hvm = config.virt == "hvm"
        keys = {
            f"{vm}/uuid": config.uuid,
            f"{vm}/name": config.name,
            f"{home}/vm": vm,
            f"{home}/name": config.name,
            f"{home}/domid": str(domid),
            f"{home}/memory/target": str(config.memory_kib),
            f"{home}/memory/static-max": str(config.maximum_kib),
            f"{home}/control/shutdown": "",
            f"{home}/control/feature-poweroff": "",
            f"{home}/control/feature-reboot": "",
            f"{home}/console/tty": f"/dev/pts/{domid}",
            f"/libxl/{domid}/type": config.virt,
        }
        if hvm:
            keys[f"{home}/serial/0/tty"] = f"/dev/pts/{1000 + domid}"
            keys[f"{home}/console/vnc-port"] = str(5900 + domid)
            keys[f"{home}/console/vnc-listen"] = "127.0.0.1"
        for number in range(config.vcpus.maximum):
            keys[f"{home}/cpu/{number}/availability"] = "online"
        for number, disk in enumerate(config.disks):
            self._device(keys, domid, "vbd", 51712 + 16 * number, {"dev": disk.target})
        for number, interface in enumerate(config.interfaces):
            self._device(keys, domid, "vif", number, {"mac": interface.mac or "00:16:3e:00:00:00"})
        self._statistics(domid, len(config.disks), len(config.interfaces))
        for path, value in keys.items():
            self.store.write(path, value.encode())
        self.store.introduce(domid)
        return GuestRef(domid=domid, uuid=config.uuid, name=config.name)

    def _device(self, keys, domid: int, kind: str, devid: int, more: dict[str, str]) -> None:
        front = f"/local/domain/{domid}/device/{kind}/{devid}"
        back = f"/local/domain/0/backend/{kind}/{domid}/{devid}"
        keys[f"{front}/backend"] = keys[f"/libxl/{domid}/device/{kind}/{devid}/backend"] = back
        keys[f"/libxl/{domid}/device/{kind}/{devid}/frontend"] = front
        keys[f"{front}/state"] = keys[f"{back}/state"] = "4"
        for key, value in more.items():
            keys[f"{back}/{key}"] = value

    def _statistics(self, domid: int, disks: int, interfaces: int) -> None:
        for number in range(disks):
            folder = self.sysfs / "bus/xen-backend/devices" / f"vbd-{domid}-{51712 + 16 * number}"
            self._counts(folder, {"rd_req": 7, "rd_sect": 16, "wr_req": 3, "wr_sect": 8})
        for number in range(interfaces):
            folder = self.sysfs / "class/net" / f"vif{domid}.{number}"
            kinds = ("bytes", "packets", "errors", "dropped")
            counts = {f"rx_{kind}": 100 + n for n, kind in enumerate(kinds)}
            self._counts(folder, counts | {f"tx_{k}": 200 + n for n, k in enumerate(kinds)})

    def _counts(self, folder: Path, counts: dict[str, int]) -> None:
        (folder / "statistics").mkdir(parents=True, exist_ok=True)
        for key, count in counts.items():
            (folder / "statistics" / key).write_text(f"{count}\n")

    def remove(self, ref: GuestRef) -> None:
        """Clear a guest away, as the toolstack does: keys first, then the daemon is told."""
        home = f"/local/domain/{ref.domid}"
        if not self.store.exists(f"{home}/vm"):
            return
        vm = self.store.read(f"{home}/vm").decode()
        for path in (home, vm, f"/libxl/{ref.domid}"):
            self.store.remove(path)
        for kind in ("vbd", "vif"):
            if self.store.exists(f"/local/domain/0/backend/{kind}/{ref.domid}"):
                self.store.remove(f"/local/domain/0/backend/{kind}/{ref.domid}")
        self.store.release(ref.domid)
