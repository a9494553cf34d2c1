"""The simulated host's own facts."""

from __future__ import annotations

from collections.abc import Sequence

from xenparley.domain.host import (
    Cpupool,
    GuestArch,
    HostCapabilities,
    HostInfo,
    NumaNode,
    XenVersion,
)
from xenparley.negotiation.capability import Capability
from xenparley_sim.calls import Calls
from xenparley_sim.facts import HostFacts

__all__ = ["SimHost"]

_CPU_FEATURES = ("pae", "svm")
_ARM = ("aarch64", "armv7l")
_HVMLOADER = "/usr/lib/xen/boot/hvmloader"
_EMULATOR = "/usr/lib/xen/bin/qemu-system-i386"


def _nodes(facts: HostFacts, free_kib: int) -> tuple[NumaNode, ...]:
    """Split CPUs and memory evenly; what doesn't divide goes to the first node."""
    count = max(1, facts.nodes)
    cpus = [range(n * facts.cpus // count, (n + 1) * facts.cpus // count) for n in range(count)]
    sizes = [facts.memory_kib // count] * count
    free = [free_kib // count] * count
    sizes[0] += facts.memory_kib % count
    free[0] += free_kib % count
    return tuple(
        NumaNode(number=n, cpus=tuple(cpus[n]), memory_kib=sizes[n], free_kib=free[n])
        for n in range(count)
    )


def _kinds(facts: HostFacts) -> tuple[GuestArch, ...]:
    """Read xen_caps: with PAE and without are one kind, and hosts of HVM run PVH from 4.10 on."""
    found: dict[tuple[str, str], set[bool]] = {}
    for word in facts.capabilities.split():
        kind, arch = word.partition("-")[0], word.rpartition("-")[2]
        pae, arch = arch.endswith("p"), arch.removesuffix("p").replace("x86_32", "i686")
        virts = ["hvm"] if kind == "hvm" else ["pvh" if arch in _ARM else "pv"]
        if kind == "hvm" and facts.version[:2] >= (4, 10):
            virts.append("pvh")
        for virt in virts:
            found.setdefault((virt, arch), set()).add(pae)
    return tuple(
        GuestArch(
            virt=virt,
            arch=arch,
            wordsize=64 if arch in ("x86_64", "aarch64") else 32,
            pae=arch == "i686" and True in seen,
            nonpae=arch == "i686" and False in seen,
            emulator=_EMULATOR if virt == "hvm" else None,
            loader=_HVMLOADER if virt == "hvm" else None,
            machines={"hvm": ("xenfv",), "pv": ("xenpv",)}.get(virt, ("xenpvh",)),
        )
        for (virt, arch), seen in found.items()
    )


class SimHost:
    """Reads facts about the host."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return all facts."""
        with self._calls.read(Capability.HOST_INFO, deadline) as tx:
            facts = self._calls.hypervisor.facts_in(tx)
            free = self._calls.hypervisor.free_kib(tx)
        return HostInfo(
            hostname=facts.hostname,
            version=XenVersion(*facts.version),
            capabilities=facts.capabilities,
            machine=facts.machine,
            cpus=facts.cpus,
            cpu_khz=facts.cpu_khz,
            nodes=facts.nodes,
            sockets=facts.sockets,
            cores=facts.cores,
            threads=facts.threads,
            memory_kib=facts.memory_kib,
            free_memory_kib=free,
            claimed_memory_kib=0 if facts.version >= (4, 3) else None,
            scheduler=facts.scheduler,
            changeset=facts.changeset,
            commandline=facts.commandline,
            build_id=facts.build_id,
        )

    def host_capabilities(self, *, deadline: float) -> HostCapabilities:
        """Return what the host can run, read from its xen_caps."""
        with self._calls.read(Capability.HOST_CAPABILITIES, deadline) as tx:
            facts = self._calls.hypervisor.facts_in(tx)
            free = self._calls.hypervisor.free_kib(tx)
        guests = _kinds(facts)
        return HostCapabilities(
            arch=facts.machine,
            cpu_features=_CPU_FEATURES,
            guests=guests,
            migration_transports=("sim",),
            version=XenVersion(*facts.version),
            nodes=_nodes(facts, free),
        )

    def numa_nodes(self, *, deadline: float) -> Sequence[NumaNode]:
        """Return the NUMA nodes."""
        with self._calls.read(Capability.NUMA_NODES, deadline) as tx:
            return _nodes(self._calls.hypervisor.facts_in(tx), self._calls.hypervisor.free_kib(tx))

    def console_ring(self, *, deadline: float) -> str:
        """Return the hypervisor's messages: its banner and the last changes."""
        with self._calls.read(Capability.CONSOLE_RING, deadline) as tx:
            facts = self._calls.hypervisor.facts_in(tx)
            news = tx.changes(tx.last_change() - 200)
        lines = [
            f"(XEN) Xen version {facts.release} (simulated)",
            f"(XEN) Command line: {facts.commandline}",
            f"(XEN) System RAM: {facts.memory_kib // 1024}MB ({facts.memory_kib}kB)",
            f"(XEN) Using scheduler: {facts.scheduler}",
        ]
        lines += [f"(XEN) d{c.domid}: {c.kind}" for c in news if c.domid is not None]
        return "\n".join(lines) + "\n"

    def cpupools(self, *, deadline: float) -> Sequence[Cpupool]:
        """Return the one pool that every host begins with."""
        with self._calls.read(Capability.CPUPOOLS, deadline) as tx:
            facts = self._calls.hypervisor.facts_in(tx)
            (guests,) = tx.sql.execute("SELECT count(*) FROM domains").fetchone()
        return [
            Cpupool(
                number=0,
                name="Pool-0",
                scheduler=facts.scheduler,
                cpus=tuple(range(facts.cpus)),
                guests=int(guests),
            )
        ]
