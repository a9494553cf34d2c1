"""Memory, CPU time and the host: numbers that libvirt tells."""

from __future__ import annotations

from typing import Any

from xenparley.domain import errors
from xenparley.domain.host import HostInfo, XenVersion
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley_libvirt.session import Session, defined, living

__all__ = ["HostPort", "MemoryPort", "StatisticsPort"]


class MemoryPort:
    """Reads memory, and asks living guests' balloons for another size."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return what the guest holds, or what its definition says."""

        def work(connection: Any) -> MemoryInfo:
            if guest.domid is not None:
                _, maximum, memory, _, _ = living(connection, guest).info()
                return MemoryInfo(current_kib=memory, maximum_kib=maximum)
            _, maximum, memory, _, _ = defined(connection, guest).info()
            return MemoryInfo(target_kib=memory, maximum_kib=maximum)

        return self._session.call(Capability.MEMORY, guest, deadline, work)

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Ask the balloon for this size."""

        def work(connection: Any) -> None:
            domain = living(connection, guest)
            if not 0 < kib <= domain.maxMemory():
                raise errors.InvalidInput(f"{kib} KiB: {guest} may have {domain.maxMemory()} KiB")
            domain.setMemory(kib)

        self._session.call(Capability.SET_MEMORY_TARGET, guest, deadline, work)


class StatisticsPort:
    """Reads the CPU time of living guests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return nanoseconds since the guest's start, all virtual CPUs together."""
        return self._session.call(
            Capability.CPU_TIME, guest, deadline, lambda c: int(living(c, guest).info()[4])
        )


class HostPort:
    """Reads facts about the host."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return what libvirt's node information says; the version only where it is Xen's."""

        def work(connection: Any) -> HostInfo:
            machine, mebibytes, cpus, mhz, nodes, sockets, cores, threads = connection.getInfo()
            version = None
            if connection.getType().lower() == "xen":
                number = connection.getVersion()
                version = XenVersion(
                    number // 1_000_000, number // 1000 % 1000, f".{number % 1000}"
                )
            return HostInfo(
                hostname=connection.getHostname(),
                version=version,
                machine=machine,
                cpus=cpus,
                cpu_khz=mhz * 1000 or None,
                nodes=nodes,
                sockets=sockets,
                cores=cores,
                threads=threads,
                memory_kib=mebibytes * 1024,
            )

        return self._session.call(Capability.HOST_INFO, None, deadline, work)
