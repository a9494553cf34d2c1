"""The ports that steer: lifecycle, vCPUs, scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, ProtocolError, Unsupported
from xenparley.negotiation.capability import Role
from xenparley.ports.lifecycle import Receipt
from xenparley.ports.vcpus import VcpuInfo
from xenparley_hypercall import commands, host, vcpus
from xenparley_hypercall.channel import NAME
from xenparley_wire.abi import scheduler as sched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from xenparley.domain.identity import GuestRef
    from xenparley_hypercall.channel import HypercallChannel
    from xenparley_hypercall.session import Session
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.domaininfo import DomainInfo
    from xenparley_wire.abi.vcpu import VcpuInfo as WireVcpu

__all__ = ["PORTS", "LifecyclePort", "SchedulerPort", "VcpuPort"]

#: Words of the port that are not a hypercall's: SysRq keys go by way of XenStore.
_SYSRQ: Final = "sysrq-"
#: More than any release gives a guest (8192 for PV on x86).
_MAX_VCPUS: Final = 8192
#: (lowest, highest) of the parameters that the hypervisor takes without a look.
_RANGES: Final[dict[str, tuple[int, int]]] = {"weight": (1, 65535), "cap": (0, 65534)}


class LifecyclePort:
    """Implements what of :class:`xenparley.ports.lifecycle.Lifecycle` a hypercall can do."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pause, unless it is paused: from 4.5 on pauses are counted."""
        _not_dom0("pause", guest)

        def job(turn: Turn, session: Session, info: DomainInfo) -> Receipt:
            commands.pause(turn, session.reader, info)
            return Receipt(how="hypercall")

        return self._channel.on_guest("pause", guest, deadline, job)

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Unpause, if it is paused. Raises Unsupported for guests that only a toolstack may."""

        def job(turn: Turn, session: Session, info: DomainInfo) -> Receipt:
            commands.unpause(turn, session.reader, info)
            return Receipt(how="hypercall")

        return self._channel.on_guest("unpause", guest, deadline, job)

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Destroy, and say what stays behind."""
        _not_dom0("destroy", guest)

        def job(turn: Turn, session: Session, info: DomainInfo) -> Receipt:
            commands.destroy(turn, session.abi, info.domain)
            left = ["XenStore keys and back ends of the guest are left behind"]
            if commands.has_device_model(info, session.abi):
                left.append("its qemu is left running, with the disk images open")
            return Receipt(how="hypercall", warnings=tuple(left))

        return self._channel.on_guest("destroy", guest, deadline, job)

    def trigger(self, guest: GuestRef, event: str, *, deadline: float) -> Receipt:
        """Press a button. Raises InvalidInput for one that there isn't."""
        sysrq = event.startswith(_SYSRQ) and len(event) == len(_SYSRQ) + 1
        if event not in commands.TRIGGERS and not sysrq:
            raise InvalidInput(
                f"no such button: {event!r}; there are {', '.join(commands.TRIGGERS)}",
                operation="trigger",
                channel=NAME,
                guest=str(guest),
            )

        def job(turn: Turn, session: Session, info: DomainInfo) -> Receipt:
            commands.trigger(turn, session.abi, info, event)
            return Receipt(how="acpi" if event in ("power", "sleep") else "hypercall")

        return self._channel.on_guest("trigger", guest, deadline, job)


def _not_dom0(operation: str, guest: GuestRef) -> None:
    if guest.domid == 0:
        raise Unsupported(
            f"{operation}: domain 0 is the host itself",
            operation=operation,
            channel=NAME,
            guest=str(guest),
        )


def _vcpu_count(info: DomainInfo) -> int:
    """Return how many vCPUs the guest has; what is allocated goes by this number."""
    if info.vcpus > _MAX_VCPUS:
        raise ProtocolError(f"a guest with {info.vcpus} virtual CPUs: that can't be")
    return info.vcpus


class VcpuPort:
    """Implements :class:`xenparley.ports.vcpus.VcpusPort`, their number aside."""

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return each vCPU with its state, time and affinity."""

        def job(turn: Turn, session: Session, info: DomainInfo) -> list[VcpuInfo]:
            abi, cpus = session.abi, session.cpus(turn)
            found = []
            for one in vcpus.vcpu_infos(turn, abi, info.domain, _vcpu_count(info)):
                hard, soft = vcpus.get_affinity(turn, abi, info.domain, one.vcpu, cpus)
                found.append(
                    VcpuInfo(
                        number=one.vcpu,
                        online=one.online,
                        state=_state(one),
                        cpu=one.cpu if one.online else None,
                        cpu_time_ns=one.cpu_time,
                        affinity=frozenset(hard),
                        soft_affinity=None if soft is None else frozenset(soft),
                    )
                )
            return found

        return self._channel.on_guest("vcpus", guest, deadline, job)

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Not offered: the guest is asked by way of XenStore."""
        raise Unsupported(
            "virtual CPUs are plugged by way of XenStore, not by a hypercall",
            operation="set-vcpus",
            channel=NAME,
            guest=str(guest),
        )

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Set the (hard) affinity. Raises InvalidInput for a vCPU or CPU that there isn't."""

        def job(turn: Turn, session: Session, info: DomainInfo) -> None:
            if not 0 <= vcpu < info.vcpus:
                raise InvalidInput(f"the guest has {info.vcpus} virtual CPUs, none is {vcpu}")
            there = session.cpus(turn)
            unknown = sorted(cpu for cpu in cpus if not 0 <= cpu < there)
            if not cpus or unknown:
                what = f"CPU {unknown[0]} is not there" if unknown else "no CPU is named"
                raise InvalidInput(f"{what}: the host has CPUs 0 to {there - 1}")
            vcpus.set_affinity(turn, session.abi, info.domain, vcpu, there, hard=cpus)

        self._channel.on_guest("pin-vcpu", guest, deadline, job)


def _state(vcpu: WireVcpu) -> str:
    if not vcpu.online:
        return "offline"
    return "running" if vcpu.running else "blocked" if vcpu.blocked else "runnable"


class SchedulerPort:
    """Implements :class:`xenparley.ports.scheduler.Scheduler`.

    rtds has its parameters on each vCPU from 4.7 on: reading tells those that all share, and
    ``period[1]`` for one that differs; setting ``period`` sets all, ``period[1]`` that vCPU's.
    """

    def __init__(self, channel: HypercallChannel) -> None:
        self._channel = channel

    def scheduler_name(self, *, deadline: float) -> str:
        """Return the name of the default CPU pool's scheduler."""

        def job(turn: Turn, session: Session) -> str:
            number = host.scheduler_id(turn, session.abi)
            return sched.SCHEDULERS.get(number, str(number))

        return self._channel.call("scheduler", deadline, job)

    def parameters(self, guest: GuestRef, *, deadline: float) -> Mapping[str, int]:
        """Return the parameters of the scheduler that the guest runs under."""
        return self._channel.on_guest("scheduler-parameters", guest, deadline, _parameters)

    def set_parameters(
        self, guest: GuestRef, values: Mapping[str, int], *, deadline: float
    ) -> None:
        """Change the named ones. Raises InvalidInput for a name or value that can't be."""

        def job(turn: Turn, session: Session, info: DomainInfo) -> None:
            _set_parameters(turn, session, info, values)

        self._channel.on_guest("set-scheduler-parameters", guest, deadline, job)


def _scheduler_of(turn: Turn, session: Session, info: DomainInfo) -> int:
    """Return the scheduler of the guest's own CPU pool."""
    if info.cpupool:
        for pool in host.cpupools(turn, session.abi, session.cpus(turn)):
            if pool.id == info.cpupool:
                return pool.sched_id
    return host.scheduler_id(turn, session.abi)


def _parameters(turn: Turn, session: Session, info: DomainInfo) -> dict[str, int]:
    abi, number = session.abi, _scheduler_of(turn, session, info)
    count = _vcpu_count(info)
    if not sched.is_per_vcpu(abi, number) or not count:
        return vcpus.get_parameters(turn, abi, info.domain, number)
    each = vcpus.get_vcpu_parameters(turn, abi, info.domain, number, count)
    found = dict(each[0].parameters)
    for one in each[1:]:
        for name, value in one.parameters.items():
            if value != found[name]:
                found[f"{name}[{one.vcpu}]"] = value
    return found


def _set_parameters(
    turn: Turn, session: Session, info: DomainInfo, values: Mapping[str, int]
) -> None:
    abi, number = session.abi, _scheduler_of(turn, session, info)
    known = sched.parameter_names(abi, number)
    name_of = sched.SCHEDULERS.get(number, str(number))
    per_vcpu = sched.is_per_vcpu(abi, number)
    for name, value in values.items():
        plain = name.partition("[")[0] if per_vcpu else name
        if plain not in known:
            there = f"only {', '.join(known)}" if known else "nor any other parameter of a guest"
            raise InvalidInput(f"the {name_of} scheduler has no {name!r}, {there}")
        lowest, highest = _RANGES.get(plain, (0, 2**64 - 1))
        if not lowest <= value <= highest:
            raise InvalidInput(f"{name} is {lowest} to {highest}, not {value}")
    if not values:
        return
    if not per_vcpu:
        # Credit leaves alone what isn't named; the others take the whole set.
        held = (
            {} if number == sched.CREDIT else vcpus.get_parameters(turn, abi, info.domain, number)
        )
        vcpus.set_parameters(turn, abi, info.domain, number, {**held, **values})
        return
    count = _vcpu_count(info)
    each = vcpus.get_vcpu_parameters(turn, abi, info.domain, number, count)
    changed = [sched.VcpuParameters(one.vcpu, _changed(one, values, count)) for one in each]
    vcpus.set_vcpu_parameters(turn, abi, info.domain, number, changed)


def _changed(vcpu: sched.VcpuParameters, values: Mapping[str, int], count: int) -> dict[str, int]:
    found = dict(vcpu.parameters)
    for name, value in values.items():
        plain, bracket, number = name.partition("[")
        if not bracket:
            found[plain] = value
            continue
        digits = number.removesuffix("]")
        if not digits.isdecimal() or len(digits) > 5 or int(digits) >= count:
            raise InvalidInput(f"{name!r} names no virtual CPU of the guest's {count}")
        if int(digits) == vcpu.vcpu:
            found[plain] = value
    return found


#: The port of each role.
PORTS: Final[dict[Role, Callable[[HypercallChannel], Any]]] = {
    Role.LIFECYCLE: LifecyclePort,
    Role.VCPUS: VcpuPort,
    Role.SCHEDULER: SchedulerPort,
}
