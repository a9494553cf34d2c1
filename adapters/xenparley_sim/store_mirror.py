"""Keeps XenStore and the simulated hypervisor in step, as toolstack and guests do on a host.

What happens to domains is written into the store; what is written into the store to steer a
guest (``control/shutdown``, ``memory/target``, ``cpu/N/availability``) is obeyed by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import ChannelLost, NotFound, XenparleyError
from xenparley.domain.events import EventKind
from xenparley.plugin.log import logger
from xenparley_sim import changes
from xenparley_sim.backend_counts import forget_counts, write_counts
from xenparley_sim.store_keys import availability, device_keys, guest_keys, home, sizes
from xenparley_sim.xenstore_tree import StoreFault

if TYPE_CHECKING:
    from xenparley_sim.changes import Change
    from xenparley_sim.domain import Domain
    from xenparley_sim.hardware import Hardware, SimDevice
    from xenparley_sim.host_store import HostStore
    from xenparley_sim.hypervisor import Hypervisor

__all__ = ["StoreMirror"]

#: The store's watch, by which the guests' part is played.
_TOKEN: Final = "guests"  # noqa: S105 - a watch's name
#: How many seconds a command waits until the store says what it did.
_PATIENCE: Final = 5.0
_BACKENDS: Final = ("vbd", "vif", "vfb", "vkbd", "pci", "vusb", "console")
#: A USB device of the host at a port, which is a key of its controller's.
_NO_DEVICE: Final = "usb"


class StoreMirror:
    """Writes into ``store`` what happens on ``hypervisor``, and plays the guests' part there.

    ``libxl``: the toolstack is xl, else XenD (or none at all, which leaves the same keys).
    ``sysfs`` gets the kernel's counts of disks and interfaces. ``cleans``: the toolstack clears
    the keys away of a domain that was destroyed behind its back.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        store: HostStore,
        *,
        sysfs: Path,
        libxl: bool,
        cleans: bool,
    ) -> None:
        self._hypervisor = hypervisor
        self._store = store
        self._sysfs = sysfs
        self._libxl = libxl
        self._cleans = cleans
        self._mine = threading.local()
        #: Domain ids that were destroyed by the hypervisor alone.
        self._bare: set[int] = set()
        self._stop: Callable[[], None] | None = None
        self._acts: dict[str, Callable[[Change], None]] = {
            EventKind.STARTED.value: self._started,
            EventKind.UNPAUSED.value: self._woke,
            EventKind.SHUTDOWN.value: self._ended,
            EventKind.CRASHED.value: self._ended,
            changes.DYING: self._dying,
            EventKind.STOPPED.value: self._gone,
            EventKind.RENAMED.value: self._renamed,
            EventKind.MEMORY_CHANGED.value: self._resized,
            changes.VCPUS_CHANGED: self._replugged,
            changes.REQUESTED: self._requested,
            EventKind.DEVICE_ADDED.value: self._rewired,
            EventKind.DEVICE_REMOVED.value: self._rewired,
        }

    def start(self) -> None:
        """Write what there is, and follow from now on."""
        self._stop = self._hypervisor.observe(self._changed)
        self._hypervisor.patience = self._patience
        for domain in self._hypervisor.domains():
            self._introduce(domain)
        self._store.watch("/local/domain", _TOKEN, self, self._written)

    def close(self) -> None:
        """Follow no more."""
        if self._stop is not None:
            self._stop()
        with suppress(StoreFault, ChannelLost):
            self._store.unwatch("/local/domain", _TOKEN, self)

    def _patience(self) -> float:
        # Who plays a guest's part holds the store: whoever tells may be waiting for it.
        return 0.0 if getattr(self._mine, "acting", False) else _PATIENCE

    def destroyed_bare(self, domid: int) -> None:
        """Say that this domain is about to be destroyed by a hypercall: nobody clears up."""
        if not self._cleans:
            self._bare.add(domid)

    # From the hypervisor into the store

    def _changed(self, change: Change) -> None:
        act = self._acts.get(change.kind)
        if act is not None:
            try:
                with self._writing():
                    act(change)
            except ChannelLost as exc:
                # A real daemon was ended: the hypervisor goes on without it, as on a host.
                logger("sim").warning("XenStore doesn't show what happens: %s", exc)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What is written in here is ours: the guests' part doesn't answer to it."""
        before = getattr(self._mine, "writing", False)
        self._mine.writing = True
        try:
            yield
        finally:
            self._mine.writing = before

    def _write(self, keys: dict[str, str]) -> None:
        for path, value in keys.items():
            data = value.encode("utf-8", "surrogateescape")
            try:
                if self._store.read(path) == data:
                    continue
            except StoreFault:
                # Not there: it is written now.
                pass
            self._store.write(path, data)

    def _remove(self, *paths: str) -> None:
        for path in paths:
            if self._store.exists(path):
                self._store.remove(path)

    def _now(self, change: Change) -> Domain | None:
        return None if change.domid is None else self._hypervisor.domain(change.domid)

    def _hardware(self, domain: Domain) -> Hardware | None:
        try:
            return self._hypervisor.hardware(domain.domid)
        except NotFound:
            # Gone since: its end is the next change that is told.
            return None

    def _introduce(self, domain: Domain) -> None:
        hardware = self._hardware(domain)
        if hardware is None:
            return
        with self._writing():
            keys = guest_keys(domain, hardware, libxl=self._libxl)
            for device in hardware.devices:
                if self._is_told(device):
                    keys.update(device_keys(domain, device, libxl=self._libxl))
            write_counts(self._sysfs, domain.domid, hardware.devices)
            # The name comes last: who sees it sees the whole guest.
            name = keys.pop(f"{home(domain.domid)}/name")
            self._write({**keys, f"{home(domain.domid)}/name": name})
            self._store.introduce(domain.domid)

    def _started(self, change: Change) -> None:
        domain = self._now(change)
        if domain is not None and not domain.dying:
            self._introduce(domain)

    def _woke(self, change: Change) -> None:
        self._rewired(change)
        domain = self._now(change)
        if domain is not None and domain.request and domain.obedient:
            self._write({f"{home(domain.domid)}/control/shutdown": ""})

    def _ended(self, change: Change) -> None:
        assert change.domid is not None
        if self._store.exists(f"{home(change.domid)}/control/shutdown"):
            self._write({f"{home(change.domid)}/control/shutdown": ""})
        if not self._libxl and change.detail in ("poweroff", "reboot", "suspend", "crash"):
            self._write({f"/vm/{change.uuid}/xend/last_shutdown_reason": change.detail})
        self._rewired(change)
        self._store.domain_changed(change.domid)

    def _dying(self, change: Change) -> None:
        assert change.domid is not None
        if change.domid in self._bare:
            self._bare.discard(change.domid)
        else:
            self._clear(change)
        if self._store.introduced(change.domid):
            self._store.release(change.domid)

    def _gone(self, change: Change) -> None:
        assert change.domid is not None
        forget_counts(self._sysfs, change.domid)
        self._store.domain_changed(change.domid)

    def _clear(self, change: Change) -> None:
        """Clear a guest away, as the toolstack does."""
        domid = change.domid
        assert domid is not None
        others = [
            each
            for each in self._hypervisor.domains()
            if each.handle == change.uuid and each.domid != domid and not each.dying
        ]
        self._remove(
            *(f"/local/domain/0/backend/{kind}/{domid}" for kind in _BACKENDS),
            home(domid),
            f"/libxl/{domid}",
        )
        # Another holder of the handle still needs /vm; XenD leaves its last word there.
        if not others and self._libxl:
            self._remove(f"/vm/{change.uuid}")

    def _renamed(self, change: Change) -> None:
        domain = self._now(change)
        if domain is not None and self._store.exists(f"{home(domain.domid)}/name"):
            self._write(
                {
                    f"{home(domain.domid)}/name": domain.name,
                    f"/vm/{domain.handle}/name": domain.name,
                }
            )

    def _resized(self, change: Change) -> None:
        domain = self._now(change)
        if domain is not None and self._store.exists(home(domain.domid)):
            self._write(sizes(domain, libxl=self._libxl))

    def _replugged(self, change: Change) -> None:
        domain = self._now(change)
        if domain is not None and self._store.exists(home(domain.domid)):
            self._write(availability(domain))

    def _requested(self, change: Change) -> None:
        domain = self._now(change)
        if domain is None:
            return
        path = f"{home(domain.domid)}/control/shutdown"
        self._write({path: domain.request or ""})
        if domain.request and domain.runs and domain.obedient:
            # The guest takes the request at once, and acts on it when it gets round to it.
            self._write({path: ""})

    def _is_told(self, device: SimDevice) -> bool:
        return device.kind != _NO_DEVICE and (device.kind != "console" or self._libxl)

    def _rewired(self, change: Change) -> None:
        """Bring the devices in line: those that are there with their states, no others."""
        domain = self._now(change)
        if domain is None or not self._store.exists(home(domain.domid)):
            return
        hardware = self._hardware(domain)
        if hardware is None:
            return
        there = {(d.kind, str(d.devid)) for d in hardware.devices}
        for kind in _BACKENDS:
            root = f"/local/domain/0/backend/{kind}/{domain.domid}"
            known = self._store.directory(root) if self._store.exists(root) else []
            for devid in known:
                if (kind, devid) not in there:
                    self._remove(
                        f"{root}/{devid}",
                        f"{home(domain.domid)}/device/{kind}/{devid}",
                        f"/libxl/{domain.domid}/device/{kind}/{devid}",
                    )
        for device in hardware.devices:
            if self._is_told(device):
                self._write(device_keys(domain, device, libxl=self._libxl))
        write_counts(self._sysfs, domain.domid, hardware.devices)

    # From the store to the guests

    def _written(self, path: str, _token: str) -> None:
        """Play the guest's part when somebody else wrote a key that steers it."""
        if getattr(self._mine, "writing", False):
            return
        parts = path.split("/")
        if len(parts) < 6 or not parts[3].isdigit():
            return
        domid, key = int(parts[3]), "/".join(parts[4:])
        value = self._store.news(path)
        if value is None:
            # Removed, or not somebody else's: nothing is asked.
            return
        self._mine.acting = True
        try:
            self._obey(domid, key, value.decode("utf-8", "replace"))
        except XenparleyError as exc:
            # A guest leaves be what it can't do, as the one in a real domain would.
            logger("sim").info("domain %d leaves %s = %.40r be: %s", domid, key, value, exc)
        finally:
            self._mine.acting = False

    def _obey(self, domid: int, key: str, value: str) -> None:
        domain = self._hypervisor.domain(domid)
        if domain is None or domain.dying:
            return
        if key == "control/shutdown":
            if value != (domain.request or "") and domid:
                self._hypervisor.request(domid, value or None)
        elif key == "memory/target":
            if value.isascii() and value.isdigit() and int(value[:15]) != domain.target_kib:
                self._hypervisor.set_target(domid, int(value[:15]))
        elif key.startswith("cpu/") and key.endswith("/availability"):
            online = sum(
                self._store.read(path) == b"online"
                for path in availability(domain)
                if self._store.exists(path)
            )
            if online != domain.vcpus:
                self._hypervisor.set_vcpus(domid, online)
