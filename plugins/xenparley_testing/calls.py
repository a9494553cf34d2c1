"""A valid call of every capability: what the laws, which hold for many, are tried with."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from typing import Any

from attrs import evolve, frozen

from xenparley.domain.config import DiskSource
from xenparley.domain.errors import XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.identity import MAX_DOMID, GuestRef
from xenparley.negotiation.capability import SPECS, Capability
from xenparley_testing.bench import Bench

__all__ = ["CALLS", "Aim", "Call", "aimed", "commands", "reads", "target"]

C = Capability
#: invoke(bench, method, guest, deadline)
Invoke = Callable[[Bench, Callable[..., Any], GuestRef, float], Any]
NO_ONE = GuestRef(name="no one")


class Aim(Enum):
    """What a call is aimed at."""

    LIVING = "a living guest"
    DEFINED = "a definition"
    HOST = "the host"


@frozen
class Call:
    """How to call a capability: ``invoke(bench, method, guest, deadline)``."""

    aim: Aim
    invoke: Invoke


def _plain(aim: Aim, *args: Any, **kwargs: Any) -> Call:
    return Call(aim, lambda _, method, guest, end: method(guest, *args, deadline=end, **kwargs))


def _host() -> Call:
    return Call(Aim.HOST, lambda _, method, guest, end: method(deadline=end))


def _listing(capability: Capability) -> Call:
    return Call(Aim.HOST, lambda b, method, guest, end: method(b.fields(capability), deadline=end))


def _find_live(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    fields = bench.fields(C.FIND_LIVE)
    # A channel searches by the keys that it can tell: the hypervisor, for one, knows no names.
    if Field.NAME in fields:
        return method(fields, name=guest.name or "no one", deadline=end)
    if Field.UUID in fields:
        return method(fields, uuid=guest.uuid or str(uuids.uuid4()), deadline=end)
    return method(fields, domid=MAX_DOMID if guest.domid is None else guest.domid, deadline=end)


def _find_defined(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    return method(bench.fields(C.FIND_DEFINED), name=guest.name or "no one", deadline=end)


def _create(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    config = bench.config()
    bench.later(clear, bench, config.uuid)
    return method(config, paused=True, deadline=end)


def _define(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    config = bench.config()
    bench.later(bench.undefine, GuestRef(uuid=config.uuid, name=config.name))
    return method(config, deadline=end)


def _start(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    bench.later(clear, bench, guest.uuid)
    return method(guest, paused=True, deadline=end)


def _subscribe(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    subscription = method(lambda event: None, deadline=end)
    bench.later(subscription.close)
    return subscription


def _restore(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    bench.later(clear, bench, guest.uuid)
    return method(guest.name, paused=True, deadline=end)


def _to_image(**kwargs: Any) -> Call:
    return Call(
        Aim.LIVING,
        lambda b, method, guest, end: method(guest, image(b), deadline=end, **kwargs),
    )


def _media(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    drive = next(d for d in bench.subject.cdrom_template.disks if d.device == "cdrom")
    return method(guest, evolve(drive, source=DiskSource(path=None)), deadline=end)


def _migrate(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    there = bench.subject.destination or "nowhere.invalid"
    return method(guest, there, live=True, options={}, deadline=end)


def _first_disk(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    return method(guest, bench.subject.template.disks[0], deadline=end)


def _set_memory(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    return method(guest, bench.subject.template.memory_kib, deadline=end)


def _set_maximum(bench: Bench, method: Callable[..., Any], guest: GuestRef, end: float) -> Any:
    return method(guest, bench.subject.template.maximum_kib, deadline=end)


CALLS: dict[Capability, Call] = {
    C.LIST_LIVE: _listing(C.LIST_LIVE),
    C.LIST_DEFINED: _listing(C.LIST_DEFINED),
    C.FIND_LIVE: Call(Aim.HOST, _find_live),
    C.FIND_DEFINED: Call(Aim.HOST, _find_defined),
    C.CREATE: Call(Aim.HOST, _create),
    C.START: Call(Aim.DEFINED, _start),
    C.PAUSE: _plain(Aim.LIVING),
    C.UNPAUSE: _plain(Aim.LIVING),
    C.SHUTDOWN: _plain(Aim.LIVING),
    C.REBOOT: _plain(Aim.LIVING),
    C.DESTROY: _plain(Aim.LIVING),
    C.RENAME: Call(Aim.LIVING, lambda b, method, g, end: method(g, b.config().name, deadline=end)),
    C.TRIGGER: _plain(Aim.LIVING, "power"),
    C.READ_DEFINED: _plain(Aim.DEFINED),
    C.READ_LIVE: _plain(Aim.LIVING),
    C.DEFINE: Call(Aim.HOST, _define),
    C.UNDEFINE: _plain(Aim.DEFINED),
    C.SET_AUTOSTART: _plain(Aim.DEFINED, True),
    C.MEMORY: _plain(Aim.LIVING),
    C.SET_MEMORY_TARGET: Call(Aim.LIVING, _set_memory),
    C.SET_MEMORY_MAXIMUM: Call(Aim.LIVING, _set_maximum),
    C.VCPUS: _plain(Aim.LIVING),
    C.SET_VCPUS: _plain(Aim.LIVING, 1),
    C.PIN_VCPU: _plain(Aim.LIVING, 0, [0]),
    C.SCHEDULER: _host(),
    C.SCHEDULER_PARAMETERS: _plain(Aim.LIVING),
    C.SET_SCHEDULER_PARAMETERS: _plain(Aim.LIVING, {"weight": 128}),
    C.DEVICES: _plain(Aim.LIVING),
    C.ATTACH_DEVICE: Call(
        Aim.LIVING, lambda b, method, g, end: method(g, b.extra_disk(), deadline=end)
    ),
    C.DETACH_DEVICE: Call(Aim.LIVING, _first_disk),
    C.CHANGE_MEDIA: Call(Aim.LIVING, _media),
    C.CPU_TIME: _plain(Aim.LIVING),
    C.UPTIME: _plain(Aim.LIVING),
    C.BLOCK_STATS: _plain(Aim.LIVING),
    C.INTERFACE_STATS: _plain(Aim.LIVING),
    C.HOST_INFO: _host(),
    C.HOST_CAPABILITIES: _host(),
    C.NUMA_NODES: _host(),
    C.CONSOLE_RING: _host(),
    C.CPUPOOLS: _host(),
    C.EVENTS: Call(Aim.HOST, _subscribe),
    C.CONSOLES: _plain(Aim.LIVING),
    C.DISPLAYS: _plain(Aim.LIVING),
    C.SAVE: _to_image(),
    C.RESTORE: Call(Aim.HOST, _restore),
    C.DUMP: _to_image(live=False),
    C.MIGRATE: Call(Aim.LIVING, _migrate),
}


def aimed(*aims: Aim) -> tuple[Capability, ...]:
    """List the capabilities whose calls are aimed at these."""
    return tuple(c for c in Capability if CALLS[c].aim in aims)


def reads() -> tuple[Capability, ...]:
    """List the capabilities that change nothing."""
    return tuple(c for c in Capability if not SPECS[c].command)


def commands(among: Iterable[Capability] = Capability) -> tuple[Capability, ...]:
    """List the capabilities that change something."""
    return tuple(c for c in among if SPECS[c].command)


def target(bench: Bench, capability: Capability) -> GuestRef:
    """Make what the call is aimed at; for the host a reference to nobody."""
    aim = CALLS[capability].aim
    if capability is C.RESTORE:
        return saved(bench)
    if aim is Aim.LIVING:
        # Buttons and CD-ROM drives are a fully virtualised guest's.
        return bench.living(cdrom=capability in (C.CHANGE_MEDIA, C.TRIGGER))
    if aim is Aim.DEFINED:
        return bench.defined()
    return NO_ONE


def image(bench: Bench) -> str:
    """Return a path on the host for a new image; the file is removed at the end."""
    path = bench.subject.image_path(f"{bench.config().name}-{bench.config().uuid}.image")
    if bench.subject.remove_image is not None:
        bench.later(bench.subject.remove_image, path)
    return path


def saved(bench: Bench) -> GuestRef:
    """Return a saved guest, its image's path for a name; without ``save`` no image is there."""
    path = image(bench)
    guest = NO_ONE
    if bench.offered(C.SAVE):
        guest = bench.living()
        bench.call(C.SAVE, guest, path)
        bench.eventually(
            lambda: not bench.can_look() or bench.look(guest) is None,
            "save: the guest lives on",
        )
    return GuestRef(uuid=guest.uuid, name=path)


def clear(bench: Bench, uuid: str | None) -> None:
    """Remove the living guests with this handle, when a call may have made one."""
    if not bench.offered(C.LIST_LIVE) or Field.UUID not in bench.fields(C.LIST_LIVE):
        return
    with suppress(XenparleyError):
        for row in bench.call(C.LIST_LIVE, [Field.UUID]):
            if row.uuid == uuid and uuid is not None:
                bench.remove(GuestRef(domid=row.domid, uuid=row.uuid))
