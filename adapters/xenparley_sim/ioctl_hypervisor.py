"""The simulated host behind the simulated ioctl: its domains as hypercalls show them."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, NotFound, Unsupported
from xenparley.domain.runstate import RunFlags
from xenparley_sim.domain import UNLIMITED_KIB, Domain
from xenparley_sim.ioctl_model import SimDomain, SimMachine, SimVcpu, refuse
from xenparley_sim.sizes import SEDF

if TYPE_CHECKING:
    from xenparley_sim.hypervisor import Hypervisor

__all__ = ["HypervisorModel"]

_PAGE_KIB: Final = 4
_SCHEDULERS: Final = {"sedf": 4, "credit": 5, "credit2": 6, "arinc653": 7, "rtds": 8, "null": 9}
#: Buttons of XEN_DOMCTL_sendtrigger: reset reboots at once, power asks.
_RESET: Final = 1
_POWER: Final = 3


@contextmanager
def _as_xen() -> Iterator[None]:
    """Say the host's errors as numbers."""
    try:
        yield
    except NotFound as exc:
        raise refuse(errno.ESRCH) from exc
    except (InvalidInput, Unsupported) as exc:
        raise refuse(errno.EINVAL) from exc


class HypervisorModel:
    """Implements :class:`~xenparley_sim.ioctl_model.HypercallModel` over a simulated host.

    Soft affinity is kept here, since the host knows the hard one only.
    """

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._host = hypervisor
        self._soft: dict[tuple[int, str, int], frozenset[int]] = {}

    @property
    def machine(self) -> SimMachine:
        """The machine, as the host's facts describe it."""
        facts = self._host.facts
        with self._host.look() as tx:
            free = self._host.free_kib(tx)
        nodes = max(facts.nodes, 1)
        share = facts.memory_kib * 1024 // nodes
        return SimMachine(
            cpus=facts.cpus,
            threads_per_core=facts.threads,
            cores_per_socket=facts.cores,
            cpu_khz=facts.cpu_khz,
            total_pages=facts.memory_kib // _PAGE_KIB,
            free_pages=free // _PAGE_KIB,
            nodes=tuple((share, free * 1024 // nodes) for _ in range(nodes)),
            sched_id=_SCHEDULERS.get(facts.scheduler, 5),
            console=b"(XEN) simulated\n",
            texts={
                "capabilities": facts.capabilities,
                "changeset": facts.changeset,
                "commandline": facts.commandline,
            },
            build_id=bytes.fromhex(facts.build_id),
        )

    def domains(self) -> Sequence[SimDomain]:
        """Return every domain by rising id, without affinity."""
        return [self._shown(domain) for domain in self._host.domains()]

    def domain(self, domid: int) -> SimDomain | None:
        """Return one domain with its affinity."""
        found = self._host.domain(domid)
        if found is None:
            return None
        shown = self._shown(found)
        with _as_xen():
            hardware = self._host.hardware(domid)
        for number, vcpu in enumerate(shown.vcpus):
            vcpu.hard = hardware.affinity.get(number, frozenset())
            vcpu.soft = self._soft.get((domid, found.handle, number), frozenset())
        return shown

    def _shown(self, domain: Domain) -> SimDomain:
        shown = _shown(domain)
        if self._host.facts.scheduler == "sedf":
            shown.parameters = {**SEDF, "weight": domain.weight}
        return shown

    def pause(self, domid: int, *, counted: bool) -> None:
        """Pause; up to 4.4 a second pause changes nothing."""
        with _as_xen():
            found = self._host.domain(domid)
            if found is not None and found.pauses and not counted:
                return
            if found is not None and found.pauses >= 255:
                raise refuse(errno.EOVERFLOW)
            self._host.pause(domid)

    def unpause(self, domid: int, *, counted: bool) -> None:
        """Take one pause back; up to 4.4 the only one there is."""
        with _as_xen():
            found = self._host.domain(domid)
            if found is not None and not found.pauses and not counted:
                return
            self._host.unpause(domid)

    def destroy(self, domid: int) -> None:
        """Pull the plug."""
        with _as_xen():
            self._host.destroy(domid)

    def set_max_pages(self, domid: int, pages: int) -> None:
        """Limit its memory."""
        with _as_xen():
            self._host.set_maximum(domid, pages * _PAGE_KIB)

    def set_affinity(
        self, domid: int, vcpu: int, hard: Collection[int] | None, soft: Collection[int] | None
    ) -> None:
        """Set where a vCPU may run; CPUs that the host lacks are left out, as Xen does."""
        there = range(self._host.facts.cpus)
        with _as_xen():
            if hard is not None:
                self._host.pin_vcpu(domid, vcpu, frozenset(hard).intersection(there))
            found = self._host.domain(domid)
            if soft is not None and found is not None:
                self._soft[domid, found.handle, vcpu] = frozenset(soft).intersection(there)

    def set_parameters(self, domid: int, vcpu: int | None, values: Mapping[str, int]) -> None:
        """Set weight and cap, which are what the host has; the rest of sedf's are as they are."""
        if self._host.facts.scheduler == "sedf":
            values = {key: value for key, value in values.items() if SEDF.get(key) != value}
        if vcpu is not None or not {"weight", "cap"}.issuperset(values):
            raise refuse(errno.EINVAL)
        with _as_xen():
            self._host.set_credit(domid, weight=values.get("weight"), cap=values.get("cap"))

    def shut_down(self, domid: int, reason: int) -> None:
        """Shut a domain down at once."""
        with _as_xen():
            self._host.stop(domid, reason)

    def press(self, domid: int, trigger: int) -> None:
        """Press a button of an HVM guest."""
        with _as_xen():
            found = self._host.domain(domid)
            if found is not None and found.virt != "hvm":
                raise refuse(errno.EINVAL)
            if trigger == _RESET:
                self._host.stop(domid, 1)
            elif trigger == _POWER:
                self._host.request(domid, "poweroff")
            elif found is None:
                raise refuse(errno.ESRCH)


def _shown(domain: Domain) -> SimDomain:
    flags = domain.flags
    online = max(domain.vcpus, 1)
    share, rest = divmod(domain.cpu_ns, online)
    vcpus = [
        SimVcpu(
            online=number < domain.vcpus,
            blocked=bool(flags & RunFlags.BLOCKED),
            running=bool(flags & RunFlags.RUNNING) and number == 0,
            cpu_time=(share + (rest if number == 0 else 0)) if number < domain.vcpus else 0,
        )
        for number in range(domain.max_vcpus)
    ]
    return SimDomain(
        domid=domain.domid,
        handle=uuid.UUID(domain.handle).bytes,
        virt=domain.virt,
        tot_pages=domain.memory_kib // _PAGE_KIB,
        max_pages=None if domain.max_kib == UNLIMITED_KIB else domain.max_kib // _PAGE_KIB,
        vcpus=vcpus,
        # A dying domain is paused, whether anybody paused it or not.
        pauses=domain.pauses or int(bool(flags & RunFlags.PAUSED)),
        blocked=bool(flags & RunFlags.BLOCKED),
        running=bool(flags & RunFlags.RUNNING),
        shutdown_reason=domain.reason,
        dying=bool(domain.dying),
        parameters={"weight": domain.weight, "cap": domain.cap},
    )
