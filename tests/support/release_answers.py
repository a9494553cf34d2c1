"""What a host tells of itself and its guests, in a form that can be compared between channels."""

from __future__ import annotations

from attrs import evolve

from support.simulated_hosts import CONFIG
from xenparley.domain.config import Boot, CharDevice, CharSource, Graphics, Loader
from xenparley.domain.errors import AccessRefused, NoChannel, NotFound, Unsupported
from xenparley.negotiation.capability import Capability

C = Capability

__all__ = ["answers", "disagreements", "furnish"]


def furnish(xen):
    """Put guests on a host with a frozen clock, in every state that guests stay in."""

    def guest(name, number, **more):
        uuid = f"0f4e1d2c-3b5a-4978-8c6d-7e8f90a1b2{number:02x}"
        return evolve(CONFIG, name=name, uuid=uuid, **more)

    hvm = Boot(virt="hvm", loader=Loader(path="/usr/lib/xen/boot/hvmloader"))
    make = xen.hypervisor.create
    make(guest("web", 1))
    make(guest("held", 2), paused=True)
    dead = make(guest("dead", 3, on_crash="preserve"))
    make(
        guest(
            "full",
            4,
            boot=hvm,
            graphics=(Graphics(type="vnc"),),
            serials=(CharDevice(source=CharSource(type="pty")),),
        )
    )
    clock = xen.hypervisor.clock
    clock.advance(8)
    xen.hypervisor.crash(dead.domid)
    xen.hypervisor.set_credit(1, weight=512, cap=50)
    clock.advance(60)
    xen.settle()


def answers(host, guests=None):
    """Ask a host everything that can be asked without changing it; None where nobody can tell.

    ``guests``: domain ids of those that are looked at closely (every one unless said).
    """
    rows = {}
    for guest in host.list():
        rows[guest.domid] = {
            key: getattr(guest, key)
            for key in (
                "uuid",
                "name",
                "phase",
                "reason",
                "memory_kib",
                "max_memory_kib",
                "vcpus",
                "max_vcpus",
                "cpu_time_ns",
                "virt",
            )
        }
    told = {"guests": rows}
    # Domain 0 has no configuration that anybody made; XenD calls "no limit" 4194303 MiB.
    for domid in rows if guests is None else guests:
        for key, question in _OF_GUESTS.items():
            if domid == 0 and key == "configuration":
                continue
            told[f"{key} of {domid}"] = _asked(host, question, domid)
    for key, question in _OF_THE_HOST.items():
        told[key] = _asked(host, question)
    return told


def _asked(host, question, *arguments):
    try:
        return question(host, *arguments)
    except (Unsupported, NoChannel, NotFound, AccessRefused):
        return None


def _fields(value, *names):
    return {name: getattr(value, name) for name in names}


_OF_GUESTS = {
    "memory": lambda host, g: _fields(host.memory(g), "current_kib", "target_kib", "maximum_kib"),
    "vcpus": lambda host, g: {
        v.number: _fields(v, "online", "cpu_time_ns", "affinity") for v in host.vcpus(g)
    },
    "scheduler parameters": lambda host, g: dict(host.scheduler_parameters(g)),
    "CPU time": lambda host, g: host.cpu_time_ns(g),
    "disks": lambda host, g: _devices(host, g, "vbd"),
    "interfaces": lambda host, g: _devices(host, g, "vif"),
    "consoles": lambda host, g: [_fields(c, "kind", "tty") for c in host.consoles(g)],
    "displays": lambda host, g: [_fields(d, "type", "host", "port") for d in host.displays(g)],
    "configuration": lambda host, g: _fields(
        host.config(g, live=True), "name", "uuid", "memory_kib", "maximum_kib", "vcpus_online"
    ),
}
_OF_THE_HOST = {
    "host": lambda host: _fields(
        host.host_info(),
        "version",
        "machine",
        "cpus",
        "cpu_khz",
        "nodes",
        "cores",
        "threads",
        "memory_kib",
        "free_memory_kib",
        "scheduler",
        "changeset",
    ),
    "NUMA": lambda host: {n.number: _fields(n, "memory_kib") for n in host.numa_nodes()},
    "CPU pools": lambda host: {p.number: _fields(p, "scheduler", "cpus") for p in host.cpupools()},
    "kinds of guests": lambda host: {(g.virt, g.arch) for g in host.host_capabilities().guests},
    "scheduler": lambda host: host.scheduler(),
}


def _devices(host, guest, kind):
    return {
        d.devid: _fields(d, "name", "backend_domid") for d in host.devices(guest) if d.kind == kind
    }


def disagreements(told, truth, place=""):
    """Return where two hosts' answers differ; what one of them doesn't know is no difference."""
    if told is None or truth is None or told == truth:
        return []
    if isinstance(told, dict) and isinstance(truth, dict):
        # Whatever was not asked of one of them is no difference; a guest that only one knows is.
        ours = {key for key in set(told) ^ set(truth) if not (place == "" and " of " in key)}
        found = [f"{place}: {key} is missing or new" for key in ours]
        for key in told.keys() & truth.keys():
            found += disagreements(told[key], truth[key], f"{place}/{key}")
        return found
    if isinstance(told, list) and isinstance(truth, list) and len(told) == len(truth):
        pairs = enumerate(zip(told, truth, strict=True))
        return [each for n, pair in pairs for each in disagreements(*pair, f"{place}[{n}]")]
    return [f"{place}: {told!r} is not {truth!r}"]
