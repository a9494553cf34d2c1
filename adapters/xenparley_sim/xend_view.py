"""How the simulated XenD shows guests and the host."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from xenparley.domain.runstate import RunFlags, ShutdownReason, reason_name
from xenparley_sim.xend_config import put
from xenparley_sim.xend_shape import complete
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import child, children, key_of, pairs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xenparley.ports.vcpus import VcpuInfo
    from xenparley_sim.domain import Domain
    from xenparley_sim.facts import HostFacts
    from xenparley_sim.xend_generation import Generation

__all__ = ["domain_tree", "dormant_vcpus", "is_running", "node_tree", "vcpu_tree"]

_LETTERS = (
    (RunFlags.RUNNING, "r"),
    (RunFlags.BLOCKED, "b"),
    (RunFlags.PAUSED, "p"),
)


def is_running(domain: Domain) -> bool:
    """Whether listings by state call it running."""
    return not domain.pauses and domain.reason is None


def _state(domain: Domain) -> str:
    flags = domain.flags
    letters = "".join(letter if flags & flag else "-" for flag, letter in _LETTERS)
    crashed = domain.reason == ShutdownReason.CRASH
    letters += "s" if flags & RunFlags.SHUTDOWN and not crashed else "-"
    letters += "c" if crashed else "-"
    return letters + ("d" if flags & RunFlags.DYING else "-")


def _status(domain: Domain) -> str:
    if domain.reason is not None:
        return "5" if domain.reason == ShutdownReason.CRASH else "4"
    return "1" if domain.pauses else "2"


def synthesized(domain: Domain) -> list[Sexp]:
    """Return a tree for a guest that XenD did not make, as it finds them when it starts."""
    kind = "hvm" if domain.virt == "hvm" else "linux"
    tree: list[Sexp] = ["domain", ["name", domain.name], ["uuid", domain.handle]]
    if domain.domid:
        tree.append(["image", [kind, ["kernel", "/boot/vmlinuz"]]])
    return tree


def domain_tree(
    tree: list[Sexp],
    domain: Domain | None,
    made_as: Generation,
    *,
    name: str | None = None,
    new: bool = False,
) -> list[Sexp]:
    """Return ``(domain ...)`` of a guest, living or (``domain`` None) dormant.

    ``new``: as the answer to its creation shows it.
    """
    shown: list[Sexp] = copy.deepcopy(tree)
    shown[0] = "domain"
    managed = made_as.managed
    if managed:
        for key, value in (("on_xend_start", "ignore"), ("on_xend_stop", "ignore")):
            if child(shown, key) is None:
                shown.append([key, value])
    for key in ("bootloader", "features"):
        if child(shown, key) is None:
            shown.append([key, ""])
    if domain is None:
        shown.append(["status", "0"])
        complete(shown, domid=None, new=new, major=made_as.version[0])
        return shown
    shown.insert(1, ["domid", str(domain.domid)])
    put(shown, "name", domain.name if name is None else name)
    put(shown, "uuid", domain.handle)
    target = domain.target_kib if managed else domain.memory_kib
    put(shown, "memory", str(-(-target // 1024)))
    put(shown, "maxmem", "4194303" if domain.max_kib < 0 else str(domain.max_kib // 1024))
    put(shown, "vcpus", str(domain.max_vcpus))
    put(shown, "vcpu_avail", str((1 << domain.vcpus) - 1))
    weight = str(domain.weight)
    put(shown, "cpu_weight", weight if managed else f"{weight}.0")
    if managed:
        put(shown, "cpu_cap", str(domain.cap))
    if domain.domid:
        shown.append(["start_time", f"{domain.started:.2f}"])
    if not new:
        shown.append(["cpu_time", f"{domain.cpu_ns / 1e9:.9f}"])
        shown.append(["online_vcpus", str(domain.vcpus)])
    if managed:
        shown.append(["status", _status(domain)])
    shown.append(["state", "------" if new else _state(domain)])
    if domain.reason is not None:
        shown.append(["shutdown_reason", reason_name(domain.reason) or str(domain.reason)])
    if domain.domid:
        if domain.virt != "hvm" or made_as.version < (4,):
            shown.append(["store_mfn", str(4096 + domain.domid)])
        if domain.virt != "hvm" or not managed:
            shown.append(["console_mfn", str(8192 + domain.domid)])
        _live_devices(shown, managed=managed, new=new)
    if managed:
        complete(shown, domid=domain.domid, new=new, major=made_as.version[0])
    return shown


def _live_devices(shown: list[Sexp], *, managed: bool, new: bool) -> None:
    for node in children(shown, "device"):
        inner = node[1] if len(node) > 1 else None
        if managed and isinstance(inner, list) and key_of(inner) in ("vbd", "tap", "tap2"):
            dev = pairs(inner).get("dev", "")
            if dev and ":" not in dev:
                put(inner, "dev", f"{dev}:disk")
            put(inner, "backend", "0")
    if managed and not new:
        shown.append(["device", ["console", ["protocol", "vt100"], ["location", "2"]]])


_COMPILED = (
    ("cc_compiler", "gcc version 4.1.2"),
    ("cc_compile_by", "root"),
    ("cc_compile_domain", "example.org"),
    ("cc_compile_date", "Tue Jan  1 00:00:00 UTC 2030"),
)


def _topology(facts: HostFacts) -> tuple[tuple[str, str], ...]:
    """Return the tables that 4.x prints, the CPUs node by node, socket by socket."""
    lines = ["", "cpu:    core    socket     node"]
    per_socket = max(1, facts.cores * facts.threads)
    per_node = max(1, facts.sockets) * per_socket
    for cpu in range(facts.cpus):
        core = cpu % per_socket // max(1, facts.threads)
        socket, node = cpu % per_node // per_socket, cpu // per_node
        lines.append(f"{cpu:3d}:{core:8d}{socket:9d}{node:9d}")
    return ("cpu_topology", "\n".join(lines)), ("numa_info", "none")


def node_tree(facts: HostFacts, free_kib: int, made_as: Generation) -> list[Sexp]:
    """Return ``(node ...)``."""
    major, minor, extra = made_as.version
    told: list[tuple[str, str]] = [
        ("system", "Linux"),
        ("host", facts.hostname),
        ("release", "2.6.18"),
        ("version", "#1 SMP"),
        ("machine", facts.machine),
        ("nr_cpus", str(facts.cpus)),
        ("nr_nodes", str(facts.nodes)),
    ]
    if (major, minor) <= (3, 1):
        told.append(("sockets_per_node", str(facts.sockets)))
    told += [
        ("cores_per_socket", str(facts.cores)),
        ("threads_per_core", str(facts.threads)),
        ("cpu_mhz", str(facts.cpu_khz // 1000)),
        ("hw_caps", "bfebfbff:28100800:00000000:00000140"),
        *((("virt_caps", "hvm hvm_directio "),) if major >= 4 else ()),
        ("total_memory", str(facts.memory_kib // 1024)),
        ("free_memory", str(free_kib // 1024)),
        *((("free_cpus", "0"), *_topology(facts)) if major >= 4 else ()),
        ("xen_major", str(major)),
        ("xen_minor", str(minor)),
        ("xen_extra", extra),
        ("xen_caps", facts.capabilities + " "),
    ]
    if made_as.tells_scheduler:
        told.append(("xen_scheduler", made_as.scheduler))
    if made_as.format is not None:
        told.append(("xen_pagesize", "4096"))
        told.append(("platform_params", "virt_start=0xffff800000000000"))
    told.append(("xen_changeset", facts.changeset))
    if major >= 4:
        told.append(("xen_commandline", facts.commandline))
    if made_as.format is not None:
        told += _COMPILED
        told.append(("xend_config_format", str(made_as.format)))
    tree: list[Sexp] = ["node"]
    tree.extend([key, value] for key, value in told)
    return tree


def vcpu_tree(
    domain: Domain, name: str, vcpus: Iterable[VcpuInfo], made_as: Generation, cpus: int
) -> list[Sexp]:
    """Return the answer to ``vcpuinfo``; up to 3.3 an unbound CPU has every CPU Xen could have."""
    tree: list[Sexp] = [
        "domain",
        ["domid", str(domain.domid)],
        ["name", name],
        ["vcpu_count", str(domain.max_vcpus)],
    ]
    for each in vcpus:
        affinity = sorted(each.affinity or ())
        if made_as.pins_all and len(affinity) == cpus:
            affinity = list(range(64))
        running = each.state == "running"
        tree.append(
            [
                "vcpu",
                ["number", str(each.number)],
                ["online", str(int(each.online))],
                ["blocked", str(int(each.online and not running and each.state == "blocked"))],
                ["running", str(int(running))],
                ["cpu_time", f"{(each.cpu_time_ns or 0) / 1e9:.9f}"],
                ["cpu", str(each.cpu if each.cpu is not None else -1)],
                ["cpumap", [str(cpu) for cpu in affinity]],
            ]
        )
    return tree


def dormant_vcpus(tree: list[Sexp]) -> list[Sexp]:
    """Return the answer to ``vcpuinfo`` about a guest that is not living (4.x)."""
    told = pairs(tree)
    count = int(told.get("vcpus", "1"))
    every: list[Sexp] = [str(cpu) for cpu in range(64)]
    still: list[Sexp] = [["online", "0"], ["blocked", "0"], ["running", "0"], ["cpu_time", "0.0"]]
    shown: list[Sexp] = [
        "domain",
        ["domid", "None"],
        ["name", told.get("name", "")],
        ["vcpu_count", str(count)],
    ]
    shown += [
        ["vcpu", ["number", str(number)], *still, ["cpu", "-1"], ["cpumap", every]]
        for number in range(count)
    ]
    return shown
