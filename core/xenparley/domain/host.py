"""The host: what it is, what it has, what it can run."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

__all__ = ["Cpupool", "GuestArch", "HostCapabilities", "HostInfo", "NumaNode", "XenVersion"]


@frozen(order=True)
class XenVersion:
    """Xen's release. ``extra`` is what follows: ``.7``, ``-rc1``, ``.1-pre``."""

    major: int
    minor: int
    extra: str = ""

    def __str__(self) -> str:
        """Write it as Xen does: ``4.17.7``, ``3.0.4-1``."""
        return f"{self.major}.{self.minor}{self.extra}"


@frozen(kw_only=True)
class HostInfo:
    """Facts about the host; None where no channel could tell. Memory in KiB, clock in kHz."""

    hostname: str | None = None
    version: XenVersion | None = None
    #: What Xen was built as: ``xen_caps`` of `xl info`, e.g. ``xen-3.0-x86_64 hvm-3.0-x86_64``.
    capabilities: str | None = None
    machine: str | None = None
    cpus: int | None = None
    cpu_khz: int | None = None
    nodes: int | None = None
    #: Sockets in each NUMA node, cores in a socket, threads in a core.
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    memory_kib: int | None = None
    #: What a new guest can have: free, and claimed by none.
    free_memory_kib: int | None = None
    #: What is set aside for guests that are being built (Xen 4.3 and later).
    claimed_memory_kib: int | None = None
    scheduler: str | None = None
    changeset: str | None = None
    commandline: str | None = None
    build_id: str | None = None
    #: XenD's ``xend_config_format``: 1 to 4; None without XenD.
    xend_config_format: int | None = None
    sources: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class GuestArch:
    """One kind of guest that the host can run: ``virt`` is pv, hvm or pvh."""

    virt: str
    arch: str
    wordsize: int
    pae: bool = False
    nonpae: bool = False
    emulator: str | None = None
    loader: str | None = None
    machines: tuple[str, ...] = ()


@frozen(kw_only=True)
class HostCapabilities:
    """What the host can run, the base of libvirt's ``<capabilities>`` document."""

    arch: str
    cpu_features: tuple[str, ...] = ()
    guests: tuple[GuestArch, ...] = ()
    migration_transports: tuple[str, ...] = ()
    version: XenVersion | None = None
    nodes: tuple[NumaNode, ...] = ()


@frozen(kw_only=True)
class NumaNode:
    """One NUMA node: its CPUs, its memory and what is free of it, in KiB (None: not told)."""

    number: int
    cpus: tuple[int, ...] = ()
    memory_kib: int | None = None
    free_kib: int | None = None


@frozen(kw_only=True)
class Cpupool:
    """One CPU pool (since Xen 4.1): ``cpus`` are host CPU numbers, ``guests`` a count."""

    number: int
    name: str | None = None
    scheduler: str | None = None
    cpus: tuple[int, ...] = ()
    guests: int | None = None
