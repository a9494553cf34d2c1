"""What the simulated hypercalls need of a host: a Protocol, and a small host that has it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["HypercallModel", "Rights", "SimDomain", "SimMachine", "SimVcpu", "SmallHost", "refuse"]


def refuse(code: int) -> OSError:
    """Return the error with which the hypervisor refuses."""
    return OSError(code, os.strerror(code))


@define
class Rights:
    """What the caller may do: ``privileged`` as dom0 is, ``denied`` ops by a FLASK policy."""

    privileged: bool = True
    denied: set[str] = field(factory=set)


@define
class SimVcpu:
    """One vCPU. ``cpu_time`` in nanoseconds; ``soft`` None: every CPU."""

    online: bool = True
    blocked: bool = False
    running: bool = False
    cpu_time: int = 0
    cpu: int = 0
    hard: frozenset[int] = frozenset()
    soft: frozenset[int] = frozenset()
    parameters: dict[str, int] = field(factory=dict)


@define
class SimDomain:
    """One domain as the hypervisor sees it. Pages are of 4 KiB; ``max_pages`` None: no limit.

    ``pauses`` counts from 4.5 on and is 0 or 1 before. ``virt`` is pv, hvm or pvh.
    """

    domid: int
    handle: bytes = bytes(16)
    virt: str = "pv"
    tot_pages: int = 0
    max_pages: int | None = None
    #: Claimed beyond that, while it is built (Xen 4.3 and later).
    outstanding_pages: int = 0
    vcpus: list[SimVcpu] = field(factory=list)
    pauses: int = 0
    blocked: bool = False
    running: bool = False
    shutdown_reason: int | None = None
    dying: bool = False
    xs_domain: bool = False
    cpupool: int = 0
    ssidref: int = 0
    shared_info_frame: int = 0
    parameters: dict[str, int] = field(factory=dict)

    @property
    def cpu_time(self) -> int:
        """Nanoseconds of all vCPUs together."""
        return sum(vcpu.cpu_time for vcpu in self.vcpus)


@define
class SimMachine:
    """The machine below. Pages are of 4 KiB; NUMA nodes are (bytes, bytes free)."""

    cpus: int = 4
    threads_per_core: int = 1
    cores_per_socket: int = 4
    cpu_khz: int = 2_400_000
    total_pages: int = 1 << 20
    free_pages: int = 1 << 18
    nodes: tuple[tuple[int, int], ...] = ((1 << 32, 1 << 30),)
    capabilities: int = 0
    sched_id: int = 6
    console: bytes = b"(XEN) Xen is booting\n"
    texts: dict[str, str] = field(factory=dict)
    build_id: bytes = b""


class HypercallModel(Protocol):
    """A host whose domains can be asked for and steered. Refusals are OSErrors, as Xen's."""

    @property
    def machine(self) -> SimMachine:
        """The machine."""
        ...

    def domains(self) -> Sequence[SimDomain]:
        """Return every domain by rising id; affinity may be left out."""
        ...

    def domain(self, domid: int) -> SimDomain | None:
        """Return one domain with all there is to tell."""
        ...

    def pause(self, domid: int, *, counted: bool) -> None:
        """Pause; counted to 255 from Xen 4.5 on."""
        ...

    def unpause(self, domid: int, *, counted: bool) -> None:
        """Take one pause back; EINVAL where none is (counted)."""
        ...

    def destroy(self, domid: int) -> None:
        """Remove a domain."""
        ...

    def set_max_pages(self, domid: int, pages: int) -> None:
        """Limit its memory."""
        ...

    def set_affinity(
        self, domid: int, vcpu: int, hard: Collection[int] | None, soft: Collection[int] | None
    ) -> None:
        """Set where a vCPU may run, and where it had better; None leaves one alone."""
        ...

    def set_parameters(self, domid: int, vcpu: int | None, values: Mapping[str, int]) -> None:
        """Set scheduler parameters of a domain, or of one vCPU."""
        ...

    def shut_down(self, domid: int, reason: int) -> None:
        """Shut a domain down at once."""
        ...

    def press(self, domid: int, trigger: int) -> None:
        """Press a button (XEN_DOMCTL_SENDTRIGGER_*)."""
        ...


@define
class SmallHost:
    """A host with nothing but its hypervisor."""

    machine: SimMachine = field(factory=SimMachine)
    guests: dict[int, SimDomain] = field(factory=dict)
    pressed: list[tuple[int, int]] = field(factory=list)

    def add(self, domain: SimDomain) -> SimDomain:
        """Add a domain."""
        self.guests[domain.domid] = domain
        return domain

    def domains(self) -> Sequence[SimDomain]:
        """Return every domain by rising id."""
        return [self.guests[domid] for domid in sorted(self.guests)]

    def domain(self, domid: int) -> SimDomain | None:
        """Return one domain."""
        return self.guests.get(domid)

    def _of(self, domid: int) -> SimDomain:
        domain = self.guests.get(domid)
        if domain is None:
            raise refuse(errno.ESRCH)
        return domain

    def pause(self, domid: int, *, counted: bool) -> None:
        """Pause; domain 0 can't stop itself."""
        domain = self._of(domid)
        if domid == 0:
            raise refuse(errno.EINVAL)
        if counted and domain.pauses == 255:
            raise refuse(errno.EOVERFLOW)
        domain.pauses = domain.pauses + 1 if counted else 1
        domain.running = False

    def unpause(self, domid: int, *, counted: bool) -> None:
        """Take one pause back."""
        domain = self._of(domid)
        if counted and not domain.pauses:
            raise refuse(errno.EINVAL)
        domain.pauses = domain.pauses - 1 if counted else 0

    def destroy(self, domid: int) -> None:
        """Remove a domain; domain 0 can't."""
        if domid == 0:
            raise refuse(errno.EINVAL)
        self._of(domid)
        del self.guests[domid]

    def set_max_pages(self, domid: int, pages: int) -> None:
        """Limit its memory, even below what it holds: Xen takes that."""
        self._of(domid).max_pages = pages

    def _vcpu(self, domid: int, vcpu: int) -> SimVcpu:
        domain = self._of(domid)
        if not 0 <= vcpu < len(domain.vcpus):
            raise refuse(errno.EINVAL)
        return domain.vcpus[vcpu]

    def set_affinity(
        self, domid: int, vcpu: int, hard: Collection[int] | None, soft: Collection[int] | None
    ) -> None:
        """Set affinity; a map without any CPU of the host is refused."""
        one = self._vcpu(domid, vcpu)
        there = frozenset(range(self.machine.cpus))
        if hard is not None:
            if not there & frozenset(hard):
                raise refuse(errno.EINVAL)
            one.hard = there & frozenset(hard)
        if soft is not None:
            one.soft = there & frozenset(soft)

    def set_parameters(self, domid: int, vcpu: int | None, values: Mapping[str, int]) -> None:
        """Set scheduler parameters."""
        target = self._of(domid) if vcpu is None else self._vcpu(domid, vcpu)
        target.parameters.update(values)

    def shut_down(self, domid: int, reason: int) -> None:
        """Shut a domain down at once."""
        self._of(domid).shutdown_reason = reason

    def press(self, domid: int, trigger: int) -> None:
        """Remember a button; only HVM guests have them."""
        domain = self._of(domid)
        if domain.virt == "pv":
            raise refuse(errno.EINVAL)
        self.pressed.append((domid, trigger))
