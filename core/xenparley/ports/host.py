"""The host itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xenparley.domain.host import Cpupool, HostCapabilities, HostInfo, NumaNode

__all__ = ["HostPort"]


class HostPort(Protocol):
    """Reads facts about the host."""

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return what this channel knows of the host; the rest is None."""
        ...

    def host_capabilities(self, *, deadline: float) -> HostCapabilities:
        """Return what the host can run."""
        ...

    def numa_nodes(self, *, deadline: float) -> Sequence[NumaNode]:
        """Return the NUMA nodes by number, with what is free of each."""
        ...

    def console_ring(self, *, deadline: float) -> str:
        """Return the hypervisor's console ring (`xl dmesg`), at most 1 MiB, without clearing it."""
        ...

    def cpupools(self, *, deadline: float) -> Sequence[Cpupool]:
        """Return the CPU pools by number (Xen 4.1 and later)."""
        ...
