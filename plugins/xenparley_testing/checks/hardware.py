"""Devices, statistics, consoles and displays of a living guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, fields

from xenparley.domain.config import DiskSource
from xenparley.domain.errors import AlreadyExists, NotFound
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.console import ConsoleInfo, DisplayInfo
from xenparley.ports.devices import DeviceInfo
from xenparley.ports.statistics import BlockStats, InterfaceStats
from xenparley_testing.bench import Bench, broken
from xenparley_testing.checks.compare import is_count
from xenparley_testing.registry import check

__all__ = [
    "check_attach_device",
    "check_block_stats",
    "check_change_media",
    "check_consoles",
    "check_cpu_time",
    "check_detach_device",
    "check_devices",
    "check_displays",
    "check_interface_stats",
    "check_uptime",
]

C = Capability
#: No guest of a check is older, however slow the host.
_JUST_MADE_S = 86_400


def sequence_of(answer: object, kind: type, what: str) -> Sequence[Any]:
    """Return the answer, which must be a sequence of these."""
    if not isinstance(answer, Sequence) or not all(isinstance(a, kind) for a in answer):
        raise broken(f"{what}: answered {answer!r}, not {kind.__name__} objects")
    return answer


def devices_of(bench: Bench, ref: GuestRef) -> Sequence[DeviceInfo]:
    """Return the devices, their types and order checked."""
    found: Sequence[DeviceInfo] = sequence_of(bench.call(C.DEVICES, ref), DeviceInfo, "devices")
    order = [(d.kind, d.devid) for d in found]
    if order != sorted(order) or len(set(order)) != len(order):
        raise broken(f"devices: not by kind and number, each once: {order}")
    for d in found:
        states = (d.frontend_state, d.backend_state)
        if not d.kind or not is_count(d.devid) or not is_count(d.backend_domid):
            raise broken(f"devices: {d!r}")
        if not all(s is None or (is_count(s) and s <= 8) for s in states):
            raise broken(f"devices: not XenBus states: {states}")
    return found


def has_disk(bench: Bench, ref: GuestRef, target: str) -> bool:
    """Say whether a disk of this name is listed."""
    return any(d.kind == "vbd" and d.name == target for d in devices_of(bench, ref))


@check(C.DEVICES)
def check_devices(bench: Bench) -> None:
    """The template's disks and interfaces are there, by their names."""
    template = bench.subject.template
    found = devices_of(bench, bench.living())
    disks = {d.name for d in found if d.kind == "vbd"}
    missing = {disk.target for disk in template.disks} - disks
    if missing:
        raise broken(f"devices: no disk {missing}, only {disks}")
    count = sum(d.kind == "vif" for d in found)
    if count != len(template.interfaces):
        raise broken(f"devices: {count} interfaces, made with {len(template.interfaces)}")


@check(C.ATTACH_DEVICE)
def check_attach_device(bench: Bench) -> None:
    """The disk is plugged in; AlreadyExists for a taken target."""
    ref, disk = bench.living(), bench.extra_disk()
    bench.call(C.ATTACH_DEVICE, ref, disk)
    if bench.offered(C.DEVICES):
        bench.eventually(
            lambda: has_disk(bench, ref, disk.target), "attach-device: the disk isn't listed"
        )
    bench.refusal(
        C.ATTACH_DEVICE,
        AlreadyExists,
        "taken target",
        lambda: bench.call(C.ATTACH_DEVICE, ref, disk),
    )


@check(C.DETACH_DEVICE)
def check_detach_device(bench: Bench) -> None:
    """The disk is unplugged, and no other; NotFound for one that isn't there."""
    ref, template = bench.living(), bench.subject.template
    absent = bench.extra_disk()
    bench.refusal(
        C.DETACH_DEVICE,
        NotFound,
        "no such disk",
        lambda: bench.call(C.DETACH_DEVICE, ref, absent),
    )
    disk = template.disks[0]
    bench.call(C.DETACH_DEVICE, ref, disk)
    if bench.offered(C.DEVICES):
        bench.eventually(
            lambda: not has_disk(bench, ref, disk.target), "detach-device: the disk is still listed"
        )
        left = sum(d.kind == "vif" for d in devices_of(bench, ref))
        if left != len(template.interfaces):
            raise broken("detach-device: an interface went with the disk")


@check(C.CHANGE_MEDIA)
def check_change_media(bench: Bench) -> None:
    """A medium is changed and ejected, the drive stays; NotFound without such a drive."""
    ref = bench.living(cdrom=True)
    drive = next(d for d in bench.subject.cdrom_template.disks if d.device == "cdrom")
    other = evolve(drive, source=evolve(drive.source, path=f"{drive.source.path}.2"))
    for device in (other, evolve(drive, source=DiskSource(path=None)), drive):
        bench.call(C.CHANGE_MEDIA, ref, device)
        if bench.offered(C.DEVICES) and not has_disk(bench, ref, drive.target):
            raise broken("change-media: the drive is gone")
    absent = evolve(drive, target="hdd")
    bench.refusal(
        C.CHANGE_MEDIA, NotFound, "no such drive", lambda: bench.call(C.CHANGE_MEDIA, ref, absent)
    )


@check(C.CPU_TIME)
def check_cpu_time(bench: Bench) -> None:
    """Nanoseconds that never shrink, in step with the listing's CPU_TIME."""
    ref = bench.living()
    listed = Field.CPU_TIME in bench.fields(C.LIST_LIVE)
    last = 0
    for turn in range(4):
        if listed and turn % 2:
            now = bench.call(C.LIST_LIVE, [Field.CPU_TIME], domids=[ref.domid])[0].values.get(
                Field.CPU_TIME
            )
        else:
            now = bench.call(C.CPU_TIME, ref)
        if not is_count(now):
            raise broken(f"cpu-time: answered {now!r}")
        if now < last:
            raise broken(f"cpu-time: {last} ns, then {now} ns: is the unit ns everywhere?")
        last = now


@check(C.UPTIME)
def check_uptime(bench: Bench) -> None:
    """Whole seconds that don't shrink; a guest that was just made has lived for few."""
    ref = bench.living()
    last = 0
    for _ in range(3):
        now = bench.call(C.UPTIME, ref)
        if not is_count(now):
            raise broken(f"uptime: answered {now!r}")
        if not last <= now < _JUST_MADE_S:
            raise broken(f"uptime: {last} s, then {now} s, of a guest that was just made")
        last = now


@check(C.BLOCK_STATS)
def check_block_stats(bench: Bench) -> None:
    """One entry for each disk, counts of zero or more."""
    found = sequence_of(bench.call(C.BLOCK_STATS, bench.living()), BlockStats, "block-stats")
    targets = [entry.target for entry in found]
    disks = {disk.target for disk in bench.subject.template.disks}
    if set(targets) != disks or len(targets) != len(disks):
        raise broken(f"block-stats: entries for {targets}, the guest has {sorted(disks)}")
    _counts(found, BlockStats, "block-stats", none_allowed=True)


@check(C.INTERFACE_STATS)
def check_interface_stats(bench: Bench) -> None:
    """One entry for each interface, counts of zero or more."""
    answer = bench.call(C.INTERFACE_STATS, bench.living())
    found = sequence_of(answer, InterfaceStats, "interface-stats")
    if len(found) != len(bench.subject.template.interfaces):
        raise broken(f"interface-stats: {len(found)} entries")
    _counts(found, InterfaceStats, "interface-stats", none_allowed=False)


def _counts(found: Sequence[Any], kind: type, what: str, *, none_allowed: bool) -> None:
    for entry in found:
        if not entry.target or not isinstance(entry.target, str):
            raise broken(f"{what}: target {entry.target!r}")
        for attribute in fields(kind):
            value = getattr(entry, attribute.name)
            if attribute.name == "target" or (value is None and none_allowed):
                continue
            if not is_count(value):
                raise broken(f"{what}: {attribute.name} is {value!r}")


@check(C.CONSOLES)
def check_consoles(bench: Bench) -> None:
    """Kinds pv and serial; a tty is an absolute path."""
    found = sequence_of(bench.call(C.CONSOLES, bench.living()), ConsoleInfo, "consoles")
    for console in found:
        if console.kind not in ("pv", "serial") or not is_count(console.number):
            raise broken(f"consoles: {console!r}")
        if console.tty is not None and not console.tty.startswith("/"):
            raise broken(f"consoles: tty {console.tty!r}")


@check(C.DISPLAYS)
def check_displays(bench: Bench) -> None:
    """Types vnc and spice, ports that exist."""
    found = sequence_of(bench.call(C.DISPLAYS, bench.living()), DisplayInfo, "displays")
    for display in found:
        if display.type not in ("vnc", "spice"):
            raise broken(f"displays: {display!r}")
        if display.port is not None and not (is_count(display.port) and 0 < display.port < 65536):
            raise broken(f"displays: port {display.port!r}")
