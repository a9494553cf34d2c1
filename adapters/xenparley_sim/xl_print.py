"""The tables of the fake xl, laid out as each generation of xl did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.runstate import RunFlags, state_letters

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.xl_main import Xl

__all__ = [
    "claims",
    "name_of",
    "print_block_list",
    "print_claims",
    "print_info",
    "print_list",
    "print_network_list",
]


def name_of(xl: Xl, domain: Domain) -> bytes:
    """Return a guest's name as bytes: as it is, as it was told, or ``(null)``."""
    raw = xl.control.get("raw_names", {})
    told = raw.get(str(domain.domid)) if isinstance(raw, dict) else None
    if told is not None:
        return bytes.fromhex(str(told))
    if domain.dying or domain.domid in xl.said("null_names"):
        return b"(null)"
    return domain.name.encode()


def claims(xl: Xl) -> dict[int, int]:
    """Return what guests claim, in MiB; nothing before Xen 4.3."""
    if xl.release < (4, 3):
        return {}
    told = xl.control.get("claims", {})
    return {int(domid): mib for domid, mib in told.items()} if isinstance(told, dict) else {}


def print_claims(xl: Xl) -> None:
    """Print `xl claims`: the table of guests with a column more."""
    xl.print("Name                                        ID   Mem VCPUs\tState\tTime(s)  Claimed")
    claimed = claims(xl)
    for domain in xl.host.domains():
        mib = claimed.get(domain.domid, 0)
        letters = state_letters(domain.flags, domain.reason)
        line = (
            f" {domain.domid:>5} {domain.memory_kib // 1024 + mib:>5} {domain.vcpus:>5}     "
            f"{letters}  {domain.cpu_ns / 1e9:>8.1f} {mib:>5}"
        )
        xl.print(name_of(xl, domain).ljust(40) + line.encode())


def print_list(xl: Xl, domains: list[Domain], *, verbose: bool) -> None:
    """Print `xl list`. Up to 4.1 the memory is the maximum, and there is no reason code."""
    head = "Name                                        ID   Mem VCPUs\tState\tTime(s)"
    if verbose and xl.release >= (4, 2):
        head += "   UUID                            Reason-Code\tSecurity Label"
    xl.print(head)
    claimed = claims(xl)
    for domain in domains:
        kib = domain.memory_kib + claimed.get(domain.domid, 0) * 1024
        if xl.release < (4, 2) and domain.max_kib > 0:
            kib = domain.max_kib
        letters = state_letters(domain.flags, domain.reason)
        if xl.release < (4, 2) and letters[4] != "c":
            letters = f"{letters[:4]}-{letters[5]}"
        if domain.flags & RunFlags.SHUTDOWN and xl.release < (4, 7) and domain.reason == 5:
            letters = f"{letters[:4]}?{letters[5]}"
        line = (
            f" {domain.domid:>5} {kib // 1024:>5} {domain.vcpus:>5}     {letters}"
            f"  {domain.cpu_ns / 1e9:>8.1f}"
        )
        if verbose:
            line += f" {domain.handle}"
            if xl.release >= (4, 2):
                ended = bool(domain.flags & RunFlags.SHUTDOWN)
                line += f" {domain.reason:>8x}" if ended else f" {'-':>8}"
                line += f" {'-':>16}" if xl.release >= (4, 6) else f" {'':>16}"
        xl.print(name_of(xl, domain).ljust(40) + line.encode())


def print_info(xl: Xl, *, numa: bool) -> None:
    """Print `xl info`."""
    facts = xl.host.facts
    with xl.host.look() as tx:
        free = xl.host.free_kib(tx) // 1024
    claimed = sum(claims(xl).values())
    major, minor, extra = facts.version
    pairs: list[tuple[str, object]] = [
        ("host", facts.hostname),
        ("release", "6.1.0"),
        ("version", "#1 SMP"),
        ("machine", facts.machine),
        ("nr_cpus", facts.cpus),
        ("nr_nodes", facts.nodes),
        ("cores_per_socket", facts.cores),
        ("threads_per_core", facts.threads),
        (
            "cpu_mhz",
            f"{facts.cpu_khz / 1000:.3f}" if xl.release >= (4, 12) else facts.cpu_khz // 1000,
        ),
        ("hw_caps", "1fcbf3fd:f6d8320b:e4500800"),
        ("total_memory", facts.memory_kib // 1024),
        ("free_memory", free - claimed),
    ]
    if xl.release >= (4, 3):
        pairs.append(("outstanding_claims", claimed))
    for key, value in pairs:
        xl.print(f"{key:<23}: {value}")
    if numa:
        _print_numa(xl, free)
    pairs = [
        ("xen_major", major),
        ("xen_minor", minor),
        ("xen_extra", extra),
        ("xen_caps", facts.capabilities + " "),
        ("xen_scheduler", facts.scheduler),
        ("xen_pagesize", 4096),
        ("xen_changeset", facts.changeset),
        ("xen_commandline", facts.commandline),
        ("xend_config_format", 4),
    ]
    for key, value in pairs:
        xl.print(f"{key:<23}: {value}")


def _print_numa(xl: Xl, free: int) -> None:
    facts = xl.host.facts
    nodes = max(1, facts.nodes)
    xl.print("cpu_topology           :")
    xl.print("cpu:    core    socket     node")
    for cpu in range(facts.cpus):
        node = cpu * nodes // facts.cpus
        xl.print(f"{cpu:>3}:    {cpu % facts.cores:>4}        {0:>2}        {node:>2}")
    xl.print("numa_info              :")
    xl.print("node:    memsize    memfree    distances")
    for node in range(nodes):
        size = facts.memory_kib // 1024 // nodes
        xl.print(f"{node:>4}:    {size:>6}     {min(free // nodes, size):>6}      10,20")


def print_block_list(xl: Xl, domain: Domain) -> None:
    """Print `xl block-list`."""
    xl.print(
        f"{'Vdev':<5} {'BE':<3} {'handle':<6} {'state':<5} {'evt-ch':<6} "
        f"{'ring-ref':<8} {'BE-path':<30}"
    )
    for device in xl.host.hardware(domain.domid).devices:
        if device.kind == "vbd":
            state, _ = device.states(domain.cpu_ns, domain.reason is not None)
            path = (
                f"/local/domain/{device.backend_domid}/backend/qdisk/{domain.domid}/{device.devid}"
            )
            xl.print(
                f"{device.devid:<5} {device.backend_domid:<3} {domain.domid:<6} {state:<5} "
                f"{'-1':<6} {'-1':<8} {path:<30}"
            )


def print_network_list(xl: Xl, domain: Domain) -> None:
    """Print `xl network-list`."""
    xl.print(
        f"{'Idx':<3} {'BE':<2} {'Mac Addr.':<17} {'handle':<6} {'state':<5} {'evt-ch':<6} "
        f"{'tx-/rx-ring-ref':<15} {'BE-path':<30}"
    )
    for device in xl.host.hardware(domain.domid).devices:
        if device.kind == "vif":
            state, _ = device.states(domain.cpu_ns, domain.reason is not None)
            path = f"/local/domain/{device.backend_domid}/backend/vif/{domain.domid}/{device.devid}"
            xl.print(
                f"{device.devid:<3} {device.backend_domid:<2} {device.name:<17} {device.devid:>6} "
                f"{state:>5} {'-1':>6} {'768':>5}/{'769':<11} {path:<30}"
            )
