"""What the simulated host is, and how fast its guests are."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HostFacts", "Timing"]


class HostFacts(NamedTuple):
    """The host. Memory in KiB, clock in kHz. ``version`` is (major, minor, extra).

    ``xen_kib`` is what the hypervisor keeps for itself, ``dom0_kib`` what Domain 0 holds.
    """

    hostname: str = "simulated"
    version: tuple[int, int, str] = (4, 17, ".7")
    capabilities: str = "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64"
    machine: str = "x86_64"
    cpus: int = 16
    cpu_khz: int = 2_400_000
    nodes: int = 2
    sockets: int = 1
    cores: int = 8
    threads: int = 1
    memory_kib: int = 256 * 1024 * 1024
    xen_kib: int = 256 * 1024
    dom0_kib: int = 2 * 1024 * 1024
    dom0_vcpus: int = 4
    scheduler: str = "credit"
    changeset: str = "Tue Jan 1 00:00:00 2030 +0000 git:0123456789-simulated"
    commandline: str = "placeholder dom0_mem=2048M"
    build_id: str = "0123456789abcdef0123456789abcdef01234567"

    @property
    def release(self) -> str:
        """Xen's release as text: ``4.17.7``."""
        major, minor, extra = self.version
        return f"{major}.{minor}{extra}"


class Timing(NamedTuple):
    """How long things take, in seconds; order and proportion are those of a real host.

    ``obey``: from a shutdown request to the guest's end. ``linger``: from there until the
    toolstack cleans up. ``dying``: until the domain is gone. ``balloon_kib_s``: KiB that a
    balloon moves in a second. ``load``: share of a CPU that each online virtual CPU of a running
    guest uses.
    """

    obey: float = 0.2
    linger: float = 0.1
    dying: float = 0.02
    balloon_kib_s: int = 1024 * 1024
    load: float = 0.25
