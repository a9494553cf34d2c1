"""Devices plugged into and out of a living guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.domain.config.devices import Disk, Interface
from xenparley.domain.errors import InvalidInput, InvalidState, NotFound
from xenparley.domain.events import EventKind
from xenparley.domain.identity import printable
from xenparley_sim.configs import config_text, read_config
from xenparley_sim.domain import Domain
from xenparley_sim.hardware import Hardware, device_key
from xenparley_sim.transaction import Transaction

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.ports.devices import AnyDevice

__all__ = ["attach", "change_media", "detach"]

#: Where a configuration has its devices of a kind. What USB and keyboards hold is told by the
#: living guest alone.
_PLACES = {"vbd": "disks", "vif": "interfaces", "pci": "pci"}


def attach(tx: Transaction, domain: Domain, device: AnyDevice) -> None:
    """Plug in. AlreadyExists: target, MAC or address is taken; InvalidState: not running."""
    _check_running(domain)
    hardware = _hardware(tx, domain)
    made = hardware.attach(device, domain.cpu_ns)
    if isinstance(device, Interface) and device.mac is None:
        device = evolve(device, mac=made.name)
    _change_config(tx, domain, made.kind, made.name, device)
    tx.put_document(f"h:{domain.domid}", hardware.text())
    tx.note(EventKind.DEVICE_ADDED.value, domain, f"{made.kind} {made.name}")


def detach(tx: Transaction, domain: Domain, device: AnyDevice) -> None:
    """Unplug. NotFound: there is no such device; InvalidState: not running."""
    _check_running(domain)
    hardware = _hardware(tx, domain)
    gone = hardware.detach(device)
    _change_config(tx, domain, gone.kind, gone.name, None)
    tx.put_document(f"h:{domain.domid}", hardware.text())
    tx.note(EventKind.DEVICE_REMOVED.value, domain, f"{gone.kind} {gone.name}")


def change_media(tx: Transaction, domain: Domain, device: Disk) -> None:
    """Put another medium into the drive with this target. InvalidInput: it takes none."""
    _check_running(domain)
    found = _hardware(tx, domain).find("vbd", device.target)
    shown = printable(device.target, limit=40)
    if found is None:
        raise NotFound(f"the guest has no drive {shown}")
    if found.what not in ("cdrom", "floppy"):
        raise InvalidInput(f"{shown} is not a CD-ROM or floppy drive")
    _change_config(tx, domain, "vbd", device.target, device)


def _check_running(domain: Domain) -> None:
    if domain.dying or domain.reason is not None:
        raise InvalidState(
            f"the guest is {domain.phase.value}: nothing can be plugged in or out",
            phase=domain.phase.value,
        )


def _hardware(tx: Transaction, domain: Domain) -> Hardware:
    text = tx.document(f"h:{domain.domid}")
    return Hardware() if text is None else Hardware.read(text)


def _change_config(
    tx: Transaction, domain: Domain, kind: str, name: str | None, device: AnyDevice | None
) -> None:
    """Put ``device`` in the place of the one named so (at the end when there is none)."""
    text = tx.document(f"c:{domain.domid}")
    if text is None or kind not in _PLACES:
        return
    config: GuestConfig = read_config(text)
    place = _PLACES[kind]
    kept = []
    new = device
    for old in getattr(config, place):
        if device_key(old) != (kind, name):
            kept.append(old)
        elif new is not None:
            kept.append(new)
            new = None
    if new is not None:
        kept.append(new)
    changes: dict[str, tuple[AnyDevice, ...]] = {place: tuple(kept)}
    changed = evolve(config, **changes)  # type: ignore[arg-type]
    tx.put_document(f"c:{domain.domid}", config_text(changed))
