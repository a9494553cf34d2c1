"""The host: `xl info`, `xl dmesg`, `xl cpupool-list`; and CPU time, from the table of guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import Unsupported
from xenparley.domain.host import Cpupool
from xenparley.negotiation.capability import Capability
from xenparley_xl import info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xenparley.domain.host import HostCapabilities, HostInfo, NumaNode
    from xenparley.domain.identity import GuestRef
    from xenparley.ports.statistics import BlockStats, InterfaceStats
    from xenparley_xl.toolstack import Toolstack

__all__ = ["HostPort", "StatisticsPort"]

C = Capability
_RING_MAX = 1 << 20
#: Pools are numbered as they are made; a number beyond this isn't looked for.
_POOLS_MAX = 64


class HostPort:
    """Reads facts about the host."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return what `xl info` tells."""
        with self._stack.call(C.HOST_INFO):
            return info.host_info_of(self._stack.info(deadline=deadline))

    def host_capabilities(self, *, deadline: float) -> HostCapabilities:
        """Return what the host can run, by the hypervisor's own words."""
        with self._stack.call(C.HOST_CAPABILITIES):
            return info.capabilities_of(self._stack.info(deadline=deadline))

    def numa_nodes(self, *, deadline: float) -> Sequence[NumaNode]:
        """Return the NUMA nodes of `xl info -n`."""
        with self._stack.call(C.NUMA_NODES):
            return info.parse_numa(self._stack.read("info", "-n", deadline=deadline))

    def console_ring(self, *, deadline: float) -> str:
        """Return `xl dmesg`, its last MiB; it is not cleared."""
        with self._stack.call(C.CONSOLE_RING):
            text = self._stack.read("dmesg", deadline=deadline)
            return text.encode()[-_RING_MAX:].decode("utf-8", "ignore")

    def cpupools(self, *, deadline: float) -> Sequence[Cpupool]:
        """Return the CPU pools. xl's table has no numbers: each is asked for by its number."""
        with self._stack.call(C.CPUPOOLS):
            pools = info.parse_pools(self._stack.read("cpupool-list", deadline=deadline))
            cpus = info.parse_pool_cpus(self._stack.read("cpupool-list", "-c", deadline=deadline))
            numbers = {pools[0][0]: 0}
            number = 1
            while len(numbers) < len(pools) and number < _POOLS_MAX:
                result = self._stack.runner.read(("cpupool-list", str(number)), deadline=deadline)
                if result.status == 0:
                    for name, _, _ in info.parse_pools(result.out):
                        numbers.setdefault(name, number)
                number += 1
            return sorted(
                (
                    Cpupool(
                        number=numbers[name],
                        name=name,
                        scheduler=scheduler,
                        cpus=cpus.get(name, ()),
                        guests=guests,
                    )
                    for name, scheduler, guests in pools
                    if name in numbers
                ),
                key=lambda pool: pool.number,
            )


class StatisticsPort:
    """Tells CPU time and uptime, and nothing else: xl knows no statistics of devices."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return the CPU time of the guest's line, in tenths of a second."""
        with self._stack.call(C.CPU_TIME, guest):
            return self._stack.living(guest, deadline=deadline).cpu_time_ns

    def uptime_s(self, guest: GuestRef, *, deadline: float) -> int:
        """Return seconds by `xl uptime`; it leaves guests out whose start nobody noted."""
        with self._stack.call(C.UPTIME, guest):
            line = self._stack.living(guest, deadline=deadline)
            told = info.parse_uptime(self._stack.read("uptime", str(line.domid), deadline=deadline))
            if line.domid not in told:
                raise Unsupported(f"xl tells no start of domain {line.domid}: nobody noted it")
            return told[line.domid]

    def block_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[BlockStats]:
        """Raise Unsupported."""
        with self._stack.call(C.BLOCK_STATS, guest):
            raise Unsupported("xl tells no statistics of disks")

    def interface_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[InterfaceStats]:
        """Raise Unsupported."""
        with self._stack.call(C.INTERFACE_STATS, guest):
            raise Unsupported("xl tells no statistics of interfaces")
