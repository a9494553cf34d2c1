"""A guest's virtual CPUs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

__all__ = ["VcpuInfo", "VcpusPort"]


@frozen(kw_only=True)
class VcpuInfo:
    """One virtual CPU. ``cpu``: the host CPU it runs or last ran on. Time in nanoseconds.

    ``affinity`` is the hard one: host CPUs it may run on; ``soft_affinity`` those it prefers
    (Xen 4.5 and later). None where it is not known.
    """

    number: int
    online: bool
    state: str | None = None
    cpu: int | None = None
    cpu_time_ns: int | None = None
    affinity: frozenset[int] | None = None
    soft_affinity: frozenset[int] | None = None


class VcpusPort(Protocol):
    """Reads and changes virtual CPUs."""

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the virtual CPUs by number, the offline ones too where they are known."""
        ...

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Have the first ``online`` CPUs online; the guest must play along. 1 to its maximum."""
        ...

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Let a virtual CPU run on these host CPUs only. InvalidInput: none, unknown ones."""
        ...
