"""The ports that only look (host, statistics), and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import AccessRefused, Unsupported, XenparleyError
from xenparley.domain.host import Cpupool, HostCapabilities, HostInfo, NumaNode, XenVersion
from xenparley.negotiation.capability import Role
from xenparley.ports.memory import MemoryInfo
from xenparley_hypercall import commands, host
from xenparley_hypercall.channel import NAME
from xenparley_hypercall.guest_kinds import guest_archs
from xenparley_hypercall.inventory import max_memory_of
from xenparley_wire.abi import version as xenver
from xenparley_wire.abi.domaininfo import PAGE_KIB
from xenparley_wire.abi.host import physcap_names
from xenparley_wire.abi.scheduler import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from xenparley.domain.identity import GuestRef
    from xenparley.ports.statistics import BlockStats, InterfaceStats
    from xenparley_hypercall.channel import HypercallChannel
    from xenparley_hypercall.session import Session
    from xenparley_hypercall.turn import Turn

__all__ = ["PORTS", "HostFacts", "MemoryPort", "StatisticsPort"]


class HostFacts:
    """Implements :class:`xenparley.ports.host.HostPort`."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return release, texts, CPUs, memory; only release and texts of an unknown interface."""
        return self._channel.call("host-info", deadline, _host_info)

    def host_capabilities(self, *, deadline: float) -> HostCapabilities:
        """Return the kinds of guests that the hypervisor says it takes."""

        def job(turn: Turn, session: Session) -> HostCapabilities:
            abi, version = session.abi, session.found.version
            text = _text(turn, xenver.CAPABILITIES, version) or ""
            physinfo = host.physinfo(turn, abi)
            features = physcap_names(physinfo.capabilities or 0, abi.release)
            archs = guest_archs(text, version)
            return HostCapabilities(
                arch="aarch64" if abi.arch == "arm64" else abi.arch.replace("x86_32", "i686"),
                cpu_features=features,
                guests=archs,
                version=_version(session),
            )

        return self._channel.call("host-capabilities", deadline, job)

    def numa_nodes(self, *, deadline: float) -> Sequence[NumaNode]:
        """Return the nodes that are there."""

        def job(turn: Turn, session: Session) -> tuple[NumaNode, ...]:
            numa = host.numa_info(turn, session.abi)
            topology = host.cpu_topology(turn, session.abi)
            members: dict[int | None, list[int]] = {}
            for cpu, place in enumerate(topology):
                members.setdefault(place.node, []).append(cpu)
            return tuple(
                NumaNode(
                    number=number,
                    cpus=tuple(members.get(number, ())),
                    memory_kib=node.size // 1024,
                    free_kib=node.free // 1024,
                )
                for number, node in enumerate(numa.nodes)
                if node is not None
            )

        return self._channel.call("numa-nodes", deadline, job)

    def console_ring(self, *, deadline: float) -> str:
        """Return the hypervisor's messages."""

        def job(turn: Turn, session: Session) -> str:
            return host.console_ring(turn, session.abi).decode("utf-8", "replace")

        return self._channel.call("console-ring", deadline, job)

    def cpupools(self, *, deadline: float) -> Sequence[Cpupool]:
        """Return the CPU pools; the hypervisor knows no names of them."""

        def job(turn: Turn, session: Session) -> tuple[Cpupool, ...]:
            pools = host.cpupools(turn, session.abi, session.cpus(turn))
            return tuple(
                Cpupool(
                    number=pool.id,
                    scheduler=SCHEDULERS.get(pool.sched_id, str(pool.sched_id)),
                    cpus=pool.cpus,
                    guests=pool.n_dom,
                )
                for pool in pools
            )

        return self._channel.call("cpupools", deadline, job)


def _version(session: Session) -> XenVersion:
    found = session.found
    return XenVersion(*found.version, extra=found.extraversion)


def _text(turn: Turn, command: int, version: tuple[int, int]) -> str | None:
    """Return one of the texts; None where it isn't for us, or the release hasn't got it."""
    try:
        text = host.version_text(turn, command, version)
    except (Unsupported, AccessRefused):
        return None
    return None if text in ("", "<denied>") else text


def _build_id(turn: Turn, version: tuple[int, int]) -> str | None:
    try:
        return host.build_id(turn, version)
    except (Unsupported, AccessRefused):
        return None


def _host_info(turn: Turn, session: Session) -> HostInfo:
    version = session.found.version
    known: dict[str, Any] = {
        "version": _version(session),
        "capabilities": _text(turn, xenver.CAPABILITIES, version),
        "changeset": _text(turn, xenver.CHANGESET, version),
        "build_id": _build_id(turn, version),
    }
    if version >= (4, 0):
        known["commandline"] = _text(turn, xenver.COMMANDLINE, version)
    abi = session.found.abi
    if abi is not None:
        info = host.physinfo(turn, abi)
        number = host.scheduler_id(turn, abi)
        claimed = info.outstanding_pages
        per_socket = max(info.cores_per_socket * info.threads_per_core, 1)
        known.update(
            cpus=info.nr_cpus,
            cpu_khz=info.cpu_khz,
            nodes=info.nr_nodes,
            sockets=max(info.nr_cpus // (max(info.nr_nodes, 1) * per_socket), 1),
            cores=info.cores_per_socket,
            threads=info.threads_per_core,
            memory_kib=info.total_pages * PAGE_KIB,
            free_memory_kib=max(info.free_pages - (claimed or 0), 0) * PAGE_KIB,
            claimed_memory_kib=None if claimed is None else claimed * PAGE_KIB,
            scheduler=SCHEDULERS.get(number, str(number)),
        )
    sources = {name: NAME for name, value in known.items() if value is not None}
    return HostInfo(**known, sources=sources)


class StatisticsPort:
    """Implements :class:`xenparley.ports.statistics.Statistics` for CPU time."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return the CPU time of all vCPUs together."""
        return self._channel.on_guest(
            "cpu-time", guest, deadline, lambda turn, session, info: info.cpu_time
        )

    def block_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[BlockStats]:
        """Not offered: back ends count that."""
        raise _not_counted("block-stats")

    def interface_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[InterfaceStats]:
        """Not offered: back ends count that."""
        raise _not_counted("interface-stats")


def _not_counted(operation: str) -> XenparleyError:
    return Unsupported(
        "the hypervisor doesn't count what disks and interfaces do",
        operation=operation,
        channel=NAME,
    )


class MemoryPort:
    """Implements :class:`xenparley.ports.memory.Memory`, the target aside."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return what the guest holds and may hold; the target is in XenStore."""
        return self._channel.on_guest(
            "memory",
            guest,
            deadline,
            lambda turn, session, info: MemoryInfo(
                current_kib=info.memory_kib,
                maximum_kib=max_memory_of(info),
                claimed_kib=info.claimed_kib,
            ),
        )

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Not offered: the balloon listens to XenStore."""
        raise Unsupported(
            "a balloon's target is set in XenStore, not by a hypercall",
            operation="set-memory-target",
            channel=NAME,
        )

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Limit a guest's memory. Raises InvalidInput below what it holds."""
        self._channel.on_guest(
            "set-memory-maximum",
            guest,
            deadline,
            lambda turn, session, info: commands.set_max_memory(turn, session.abi, info, kib),
        )


#: The port of each role.
PORTS: Final[dict[Role, Callable[[HypercallChannel], Any]]] = {
    Role.HOST: HostFacts,
    Role.STATISTICS: StatisticsPort,
    Role.MEMORY: MemoryPort,
}
