"""The devices of a living guest, with the states of both ends.

A front end's folder may be written by its guest, so nothing there is believed: a back end's path
must be that of this very guest and device, or the device counts as having none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from xenparley.negotiation.capability import Capability
from xenparley.ports.devices import DeviceInfo
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.bulk import ask_many
from xenparley_xenstore.calls import Calls, Living, living, texts

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xenstore.operations import Operations

__all__ = ["Device", "DevicesPort", "devices_of"]

_BACKEND = re.compile(r"/local/domain/(\d{1,5})/backend/([A-Za-z0-9_\-]+)/(\d{1,5})/(\d{1,10})\Z")
#: Where a back end says what its device is called in the guest.
_NAME_KEYS = {"vbd": "dev", "tap": "dev", "qdisk": "dev", "vif": "mac", "pci": "dev-0"}


class Device(NamedTuple):
    """One device and where its ends are."""

    kind: str
    devid: int
    frontend: str
    backend: str | None
    backend_domid: int


class DevicesPort:
    """Lists devices."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def devices(self, guest: GuestRef, *, deadline: float) -> Sequence[DeviceInfo]:
        """Return the devices by kind and number. Four round trips, however many there are."""
        with self._calls.call(Capability.DEVICES, deadline, guest) as store:
            domain = living(store, guest, deadline)
            found = devices_of(store, domain, deadline)
            paths: list[str] = []
            for device in found:
                backend = device.backend or device.frontend
                paths += [
                    f"{device.frontend}/state",
                    f"{backend}/state",
                    f"{backend}/{_name_key(device)}",
                ]
            values = iter(texts(store, paths, deadline))
            return [_info(device, next(values), next(values), next(values)) for device in found]


def _name_key(device: Device) -> str:
    return _NAME_KEYS.get(device.kind, "dev")


def _info(device: Device, front: str | None, back: str | None, name: str | None) -> DeviceInfo:
    return DeviceInfo(
        kind=device.kind,
        devid=device.devid,
        backend_domid=device.backend_domid,
        frontend_state=_state(front),
        backend_state=_state(back) if device.backend else None,
        name=name if device.backend else None,
    )


def _state(value: str | None) -> int | None:
    return (
        int(value)
        if value is not None and value.isascii() and value.isdigit() and len(value) == 1
        else None
    )


def devices_of(store: Operations, domain: Living, deadline: float) -> list[Device]:
    """Return the devices by kind and number."""
    # libxl keeps a list of its own, which no guest can write (4.7 and later).
    roots = [f"/libxl/{domain.domid}/device", f"{domain.path}/device"]
    kinds = _listings(store, roots, deadline)
    folders = [
        f"{root}/{kind}" for root, listed in zip(roots, kinds, strict=True) for kind in listed
    ]
    entries: dict[tuple[str, int], list[str]] = {}
    for folder, names in zip(folders, _listings(store, folders, deadline), strict=True):
        kind = folder.rpartition("/")[2]
        for name in names:
            if name.isdigit() and len(name) <= 10:
                entries.setdefault((kind, int(name)), []).append(f"{folder}/{name}")
    order = sorted(entries)
    backends = iter(
        texts(store, [f"{path}/backend" for key in order for path in entries[key]], deadline)
    )
    found: list[Device] = []
    for kind, devid in order:
        told = [next(backends) for _ in entries[kind, devid]]
        backend, backend_domid = _checked(domain, devid, told)
        console = kind == "console" and devid == 0
        frontend = f"{domain.path}/console" if console else f"{domain.path}/device/{kind}/{devid}"
        found.append(Device(kind, devid, frontend, backend, backend_domid))
    return found


def _checked(domain: Living, devid: int, told: Sequence[str | None]) -> tuple[str | None, int]:
    """Return the first back end's path that is this guest's and this device's."""
    for path in told:
        match = _BACKEND.match(path) if path is not None else None
        if match and int(match[3]) == domain.domid and int(match[4]) == devid:
            return path, int(match[1])
    return None, 0


def _listings(store: Operations, paths: Sequence[str], deadline: float) -> list[list[str]]:
    """Return what is in each folder; a folder that is not there is empty."""
    wanted = [(int(MessageType.DIRECTORY), requests.path(path)) for path in paths]
    return [
        replies.directory(payload) if kind == MessageType.DIRECTORY else []
        for kind, payload in ask_many(store, wanted, deadline)
    ]
