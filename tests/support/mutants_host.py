"""Mutants of the ports that only the simulated host has."""

from __future__ import annotations

import threading

from attrs import evolve

from support.mutants import Mutant, again, answer, instead, success
from xenparley.domain import errors as e
from xenparley.domain.config import Disk
from xenparley.domain.events import EventKind
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt

C = Capability


def nothing(value):
    def change(channel, original, *args, **kwargs):
        return value

    return change


def clamped(value):
    """Take any value: never say InvalidInput."""
    return instead(e.InvalidInput, lambda exc: value)


def each(**changes):
    """Change attributes of every element; a callable gets the old value."""

    def edit(one):
        new = {k: v(getattr(one, k)) if callable(v) else v for k, v in changes.items()}
        return evolve(one, **new)

    return answer(lambda found: [edit(one) for one in found])


def bad_error(kind, other):
    def make(exc):
        return other(str(exc), guest="x", operation="x", channel="sim")

    return instead(kind, make)


# -- vCPUs, scheduler ------------------------------------------------------------------------


def all_reset(channel, original, guest, values, *, deadline):
    return original(guest, {"cap": 50, **values}, deadline=deadline)


RESOURCES = (
    Mutant("vCPUs out of order", "vcpus", {C.VCPUS: answer(lambda v: list(reversed(v)))}),
    Mutant("vCPUs numbered from 1", "vcpus", {C.VCPUS: each(number=lambda n: n + 1)}),
    Mutant("affinity as a list", "vcpus", {C.VCPUS: each(affinity=lambda a: [0])}),
    Mutant("vCPU counts are not looked at", "set_vcpus", {C.SET_VCPUS: clamped(None)}),
    Mutant("vCPUs stay as they are", "set_vcpus", {C.SET_VCPUS: nothing(None)}),
    Mutant("no CPUs to run on", "pin_vcpu", {C.PIN_VCPU: clamped(None)}),
    Mutant(
        "pinned elsewhere",
        "pin_vcpu",
        {
            C.PIN_VCPU: lambda ch, original, g, v, cpus, **k: original(
                g, v, [1 if c == 0 else c for c in cpus], **k
            )
        },
    ),
    Mutant("the scheduler's number", "scheduler", {C.SCHEDULER: answer(lambda name: 5)}),
    Mutant(
        "parameters as text",
        "scheduler_parameters",
        {C.SCHEDULER_PARAMETERS: answer(lambda p: {k: str(v) for k, v in p.items()})},
    ),
    Mutant(
        "a weight of zero",
        "scheduler_parameters",
        {C.SCHEDULER_PARAMETERS: answer(lambda p: {**p, "weight": 0})},
    ),
    Mutant(
        "other parameters change along",
        "set_scheduler_parameters",
        {C.SET_SCHEDULER_PARAMETERS: all_reset},
    ),
    Mutant(
        "unknown parameters are dropped",
        "set_scheduler_parameters",
        {C.SET_SCHEDULER_PARAMETERS: clamped(None)},
    ),
    Mutant("any target", "set_memory_target", {C.SET_MEMORY_TARGET: clamped(None)}),
)


# -- devices, statistics ---------------------------------------------------------------------


def detach_all(channel, original, guest, device, *, deadline):
    original(guest, device, deadline=deadline)
    for interface in channel.call(C.READ_LIVE, guest, deadline=deadline).interfaces:
        original(guest, interface, deadline=deadline)


def eject_drive(channel, original, guest, device, *, deadline):
    original(guest, device, deadline=deadline)
    channel.call(C.DETACH_DEVICE, guest, Disk(target=device.target), deadline=deadline)


def turn_of(channel):
    channel.state["turn"] = channel.state.get("turn", 0) + 1
    return channel.state["turn"]


def shrinking(channel, original, *args, **kwargs):
    return 10**15 - turn_of(channel)


def counting_down(channel, original, *args, **kwargs):
    return 60 - turn_of(channel)


DEVICES = (
    Mutant(
        "disks are forgotten",
        "devices",
        {C.DEVICES: answer(lambda d: [x for x in d if x.kind != "vbd"])},
    ),
    Mutant("devices out of order", "devices", {C.DEVICES: answer(lambda d: list(reversed(d)))}),
    Mutant("states of another kind", "devices", {C.DEVICES: each(backend_state=42)}),
    Mutant("disks without names", "devices", {C.DEVICES: each(name=None)}),
    Mutant("attach does nothing", "attach_device", {C.ATTACH_DEVICE: nothing(None)}),
    Mutant(
        "attached twice is success",
        "attach_device",
        {C.ATTACH_DEVICE: instead(e.AlreadyExists, lambda exc: None)},
    ),
    Mutant(
        "attach sent again",
        "dropped_connection[attach-device]",
        {C.ATTACH_DEVICE: again(e.OutcomeUnknown)},
    ),
    Mutant(
        "detach does nothing",
        "detach_device",
        {C.DETACH_DEVICE: lambda ch, o, g, d, **k: None if d.target == "xvda" else o(g, d, **k)},
    ),
    Mutant("detach takes interfaces along", "detach_device", {C.DETACH_DEVICE: detach_all}),
    Mutant("detaching nothing is success", "detach_device", {C.DETACH_DEVICE: success(None)}),
    Mutant("ejecting unplugs the drive", "change_media", {C.CHANGE_MEDIA: eject_drive}),
    Mutant("no such drive is success", "change_media", {C.CHANGE_MEDIA: success(None)}),
    Mutant("uptime shrinks", "uptime", {C.UPTIME: counting_down}),
    Mutant("uptime in fractions", "uptime", {C.UPTIME: answer(float)}),
    Mutant("a time for an uptime", "uptime", {C.UPTIME: answer(lambda s: s + 1_700_000_000)}),
    Mutant("CPU time shrinks", "cpu_time", {C.CPU_TIME: shrinking}),
    Mutant("CPU time in seconds", "cpu_time", {C.CPU_TIME: answer(lambda ns: ns / 1e9)}),
    Mutant("CPU time in picoseconds", "cpu_time", {C.CPU_TIME: answer(lambda n: n * 1000 + 1)}),
    Mutant("no disk statistics", "block_stats", {C.BLOCK_STATS: nothing([])}),
    Mutant("negative counts", "block_stats", {C.BLOCK_STATS: each(read_bytes=-1)}),
    Mutant(
        "an interface twice", "interface_stats", {C.INTERFACE_STATS: answer(lambda s: [*s, *s])}
    ),
    Mutant("counts not known", "interface_stats", {C.INTERFACE_STATS: each(rx_bytes=None)}),
    Mutant(
        "a console's tty is a number",
        "consoles",
        {C.CONSOLES: answer(lambda c: [evolve(x, tty="pts/3") for x in c] or [1])},
    ),
    Mutant("displays as a mapping", "displays", {C.DISPLAYS: answer(lambda d: {})}),
)


# -- host ------------------------------------------------------------------------------------


def cleared(channel, original, **kwargs):
    channel.state["rings"] = channel.state.get("rings", 0) + 1
    return original(**kwargs) if channel.state["rings"] == 1 else ""


def same_cpus(found):
    return [evolve(x, number=n, cpus=(0, 1)) for n, x in enumerate([*found, *found])]


HOST = (
    Mutant(
        "host memory in MiB",
        "host_info",
        {C.HOST_INFO: answer(lambda h: evolve(h, memory_kib=4096))},
    ),
    Mutant(
        "host memory in bytes",
        "host_info",
        {C.HOST_INFO: answer(lambda h: evolve(h, memory_kib=h.memory_kib << 20))},
    ),
    Mutant("MHz for kHz", "host_info", {C.HOST_INFO: answer(lambda h: evolve(h, cpu_khz=2400))}),
    Mutant(
        "more free than there is",
        "host_info",
        {C.HOST_INFO: answer(lambda h: evolve(h, free_memory_kib=h.memory_kib + 1))},
    ),
    Mutant(
        "more claimed than there is",
        "host_info",
        {C.HOST_INFO: answer(lambda h: evolve(h, claimed_memory_kib=h.memory_kib))},
    ),
    Mutant("nothing is known", "host_info", {C.HOST_INFO: answer(lambda h: type(h)())}),
    Mutant(
        "the version as text",
        "host_info",
        {C.HOST_INFO: answer(lambda h: evolve(h, version="4.17"))},
    ),
    Mutant(
        "a kind of guest that isn't",
        "host_capabilities",
        {
            C.HOST_CAPABILITIES: answer(
                lambda h: evolve(h, guests=tuple(evolve(g, virt="xen") for g in h.guests))
            )
        },
    ),
    Mutant(
        "no architecture",
        "host_capabilities",
        {C.HOST_CAPABILITIES: answer(lambda h: evolve(h, arch=""))},
    ),
    Mutant("a CPU in two nodes", "numa_nodes", {C.NUMA_NODES: answer(same_cpus)}),
    Mutant("nodes out of order", "numa_nodes", {C.NUMA_NODES: answer(lambda n: list(reversed(n)))}),
    Mutant("the ring is cleared", "console_ring", {C.CONSOLE_RING: cleared}),
    Mutant("the ring as bytes", "console_ring", {C.CONSOLE_RING: answer(str.encode)}),
    Mutant(
        "the ring without limit",
        "console_ring",
        {C.CONSOLE_RING: answer(lambda ring: "x" * (1 << 20) + "x")},
    ),
    Mutant("no Pool-0", "cpupools", {C.CPUPOOLS: each(number=lambda n: n + 1)}),
    Mutant("a CPU in two pools", "cpupools", {C.CPUPOOLS: answer(same_cpus)}),
)


# -- events ----------------------------------------------------------------------------------


class Silent:
    def close(self):
        pass


def filtered(test):
    def change(channel, original, callback, **kwargs):
        return original(lambda event: test(event) and callback(event), **kwargs)

    return change


def twice(channel, original, callback, **kwargs):
    def doubled(event):
        callback(event)
        callback(event)

    return original(doubled, **kwargs)


def edited(**changes):
    def change(channel, original, callback, **kwargs):
        return original(lambda event: callback(evolve(event, **changes)), **kwargs)

    return change


class Deaf:
    """A subscription whose close() does nothing, or only once."""

    def __init__(self, real, *, once=False):
        self.real, self.once = real, once

    def close(self):
        if self.once and self.real is None:
            raise RuntimeError("closed")
        self.real = None


def one_for_all(channel, original, callback, **kwargs):
    """Closing any subscription silences them all."""
    state = channel.state.setdefault("events", {"on": True})

    class Shared:
        def close(self):
            state["on"] = False

    original(lambda event: state["on"] and callback(event), **kwargs)
    return Shared()


def fragile(channel, original, callback, **kwargs):
    """Stop telling after the callback raised."""
    dead = threading.Event()

    def careful(event):
        if not dead.is_set():
            try:
                callback(event)
            except BaseException:
                dead.set()

    return original(careful, **kwargs)


EVENTS = (
    Mutant(
        "the start is never told",
        "events",
        {C.EVENTS: filtered(lambda event: event.kind is not EventKind.STARTED)},
    ),
    Mutant(
        "the end is never told",
        "events",
        {C.EVENTS: filtered(lambda event: event.kind is not EventKind.STOPPED)},
    ),
    Mutant(
        "definitions are never told",
        "events",
        {C.EVENTS: filtered(lambda event: event.kind is not EventKind.DEFINED)},
    ),
    Mutant("told twice", "events", {C.EVENTS: twice}),
    Mutant("events without a source", "events", {C.EVENTS: edited(source="")}),
    Mutant("events in milliseconds", "events", {C.EVENTS: edited(at=1.7e12)}),
    Mutant(
        "told after close()",
        "events_closed",
        {C.EVENTS: answer(lambda subscription: Deaf(subscription))},
    ),
    Mutant(
        "closing a subscription twice raises",
        "events_closed",
        {C.EVENTS: answer(lambda subscription: Deaf(subscription, once=True))},
    ),
    Mutant("one close() for all", "events_closed", {C.EVENTS: one_for_all}),
    Mutant("a raising callback ends it", "events_raising", {C.EVENTS: fragile}),
)


# -- lifecycle, images, migration ------------------------------------------------------------


def reboot_in_place(channel, original, guest, *, deadline):
    channel.call(C.PAUSE, guest, deadline=deadline)
    return Receipt(how="pv")


def same_domid(channel, original, path, *, paused, deadline):
    return evolve(original(path, paused=paused, deadline=deadline), domid=1)


def running(channel, original, path, *, paused, deadline):
    return original(path, paused=False, deadline=deadline)


def dump_and_pause(channel, original, guest, path, *, live, deadline):
    receipt = original(guest, path, live=live, deadline=deadline)
    channel.call(C.PAUSE, guest, deadline=deadline)
    return receipt


def quiet_option(channel, original, guest, destination, *, live, options, deadline):
    return original(guest, destination, live=live, options={}, deadline=deadline)


def vague(exc):
    return e.InvalidInput("wrong option", guest="x", operation="migrate", channel="sim")


STEERING = (
    Mutant("the domain id stays", "reboot", {C.REBOOT: reboot_in_place}),
    Mutant("rename does nothing", "rename", {C.RENAME: nothing(Receipt())}),
    Mutant(
        "a taken name is taken again",
        "rename",
        {C.RENAME: instead(e.AlreadyExists, lambda exc: Receipt())},
    ),
    Mutant("paths for names", "rename", {C.RENAME: clamped(Receipt())}),
    Mutant("unknown buttons are pressed", "trigger", {C.TRIGGER: clamped(Receipt())}),
    Mutant("save leaves the guest", "save", {C.SAVE: nothing(Receipt())}),
    Mutant("save overwrites", "save", {C.SAVE: instead(e.AlreadyExists, lambda exc: Receipt())}),
    Mutant("save takes relative paths", "save", {C.SAVE: clamped(Receipt())}),
    Mutant("restored under a wrong id", "restore", {C.RESTORE: same_domid}),
    Mutant("restored running", "restore", {C.RESTORE: running}),
    Mutant("no file is success", "restore", {C.RESTORE: success(Receipt(domid=1))}),
    Mutant(
        "no file is OSError",
        "restore",
        {C.RESTORE: instead(e.NotFound, lambda exc: FileNotFoundError(2, "no file"))},
    ),
    Mutant("dump pauses the guest", "dump", {C.DUMP: dump_and_pause}),
    Mutant("unknown options are dropped", "migrate", {C.MIGRATE: quiet_option}),
    Mutant(
        "an unknown option is not named", "migrate", {C.MIGRATE: instead(e.InvalidInput, vague)}
    ),
    Mutant(
        "migrate keeps the guest",
        "migrate",
        {C.MIGRATE: lambda ch, o, g, d, **k: Receipt() if d == "there" else o(g, d, **k)},
    ),
    Mutant(
        "migrate sent again", "dropped_connection[migrate]", {C.MIGRATE: again(e.OutcomeUnknown)}
    ),
    Mutant(
        "save told as not done",
        "dropped_connection[save]",
        {C.SAVE: bad_error(e.OutcomeUnknown, e.ChannelLost)},
    ),
)
MUTANTS = (*RESOURCES, *DEVICES, *HOST, *EVENTS, *STEERING)
