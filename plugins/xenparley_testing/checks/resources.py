"""Memory, virtual CPUs, scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from xenparley.domain.errors import InvalidInput
from xenparley.domain.guest import UNLIMITED_KIB
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.vcpus import VcpuInfo
from xenparley_testing.bench import Bench, broken
from xenparley_testing.checks.compare import check_plausible_kib, is_count
from xenparley_testing.registry import check

__all__ = [
    "check_memory",
    "check_pin_vcpu",
    "check_scheduler",
    "check_scheduler_parameters",
    "check_set_memory_maximum",
    "check_set_memory_target",
    "check_set_scheduler_parameters",
    "check_set_vcpus",
    "check_vcpus",
]

C = Capability
SCHEDULERS = ("credit", "credit2", "sedf", "rtds", "arinc653", "null", "bvt")


def memory_of(bench: Bench, ref: GuestRef) -> MemoryInfo:
    """Return the memory, its types checked."""
    info = bench.call(C.MEMORY, ref)
    if not isinstance(info, MemoryInfo):
        raise broken(f"memory: answered {info!r}, not a MemoryInfo")
    for name in ("current_kib", "target_kib", "maximum_kib", "claimed_kib"):
        value = getattr(info, name)
        no_limit = name == "maximum_kib" and value == UNLIMITED_KIB
        if not (value is None or is_count(value) or no_limit):
            raise broken(f"memory: {name} is {value!r}")
    return info


@check(C.MEMORY)
def check_memory(bench: Bench) -> None:
    """KiB, near what the guest was made with; of a definition too where definitions are kept."""
    template = bench.subject.template
    living = memory_of(bench, bench.living())
    if living == MemoryInfo():
        raise broken("memory: nothing is known of a living guest")
    found = [("living guest", living)]
    if bench.offered(C.DEFINE):
        found.append(("definition", memory_of(bench, bench.defined())))
    for what, info in found:
        check_plausible_kib(f"memory of a {what}, current", info.current_kib, template.memory_kib)
        check_plausible_kib(f"memory of a {what}, target", info.target_kib, template.memory_kib)
        check_plausible_kib(f"memory of a {what}, maximum", info.maximum_kib, template.maximum_kib)


@check(C.SET_MEMORY_TARGET)
def check_set_memory_target(bench: Bench) -> None:
    """The balloon's target is what was asked, in whole MiB at the coarsest; limits are refused."""
    ref, kib = bench.living(), bench.subject.template.memory_kib * 3 // 4
    for _ in range(2):
        bench.call(C.SET_MEMORY_TARGET, ref, kib)
    if bench.offered(C.MEMORY):
        bench.eventually(
            lambda: (memory_of(bench, ref).target_kib or kib) - kib in range(1024),
            f"set-memory-target: asked for {kib} KiB, told {memory_of(bench, ref)!r}",
        )
        if bench.subject.guests_obey:
            bench.eventually(
                lambda: abs((memory_of(bench, ref).current_kib or kib) - kib) <= 1024,
                f"set-memory-target: never held {kib} KiB: {memory_of(bench, ref)!r}",
            )
        maximum = memory_of(bench, ref).maximum_kib
        if maximum is None or maximum < 0:
            return
        _invalid(bench, C.SET_MEMORY_TARGET, ref, maximum + 4096)
    for bad in (-1, 0):
        _invalid(bench, C.SET_MEMORY_TARGET, ref, bad)


@check(C.SET_MEMORY_MAXIMUM)
def check_set_memory_maximum(bench: Bench) -> None:
    """The maximum is what was asked; one below what the guest holds is refused."""
    template = bench.subject.template
    ref, kib = bench.living(), template.maximum_kib + 16 * 1024
    for _ in range(2):
        bench.call(C.SET_MEMORY_MAXIMUM, ref, kib)
    if bench.offered(C.MEMORY):
        told = memory_of(bench, ref).maximum_kib
        if told is not None and told - kib not in range(4096):
            raise broken(f"set-memory-maximum: asked for {kib} KiB, told {told}")
    _invalid(bench, C.SET_MEMORY_MAXIMUM, ref, 1024)
    _invalid(bench, C.SET_MEMORY_MAXIMUM, ref, -5)


def _invalid(bench: Bench, capability: Capability, ref: GuestRef, *values: object) -> None:
    bench.refusal(
        capability,
        InvalidInput,
        f"value {values!r}",
        lambda: bench.call(capability, ref, *values),
    )


def vcpus_of(bench: Bench, ref: GuestRef) -> Sequence[VcpuInfo]:
    """Return the virtual CPUs, their types checked."""
    answer = bench.call(C.VCPUS, ref)
    if not isinstance(answer, Sequence) or not all(isinstance(v, VcpuInfo) for v in answer):
        raise broken(f"vcpus: answered {answer!r}, not VcpuInfo objects")
    return answer


@check(C.VCPUS)
def check_vcpus(bench: Bench) -> None:
    """Numbered from 0 in order, as many as the guest was made with, at least one online."""
    most = bench.subject.template.vcpus.maximum
    found = vcpus_of(bench, bench.living())
    numbers = [v.number for v in found]
    if numbers != sorted(set(numbers)) or not numbers or numbers[0] != 0:
        raise broken(f"vcpus: numbers {numbers}")
    if len(numbers) > most or not any(v.online for v in found):
        raise broken(f"vcpus: {found!r}, made with {most}")
    v: Any
    for v in found:
        times = (v.cpu_time_ns, v.cpu)
        if not isinstance(v.online, bool) or not all(t is None or is_count(t) for t in times):
            raise broken(f"vcpus: {v!r}")
        for affinity in (v.affinity, v.soft_affinity):
            if affinity is not None and not (
                isinstance(affinity, frozenset) and affinity and all(map(is_count, affinity))
            ):
                raise broken(f"vcpus: affinity {affinity!r}")


@check(C.SET_VCPUS)
def check_set_vcpus(bench: Bench) -> None:
    """Fewer online, and all again; none, or more than the maximum, is refused."""
    ref, most = bench.living(), bench.subject.template.vcpus.maximum
    for online in (1, most):
        bench.call(C.SET_VCPUS, ref, online)
        if bench.offered(C.VCPUS) and bench.subject.guests_obey:
            bench.eventually(
                partial(_online, bench, ref, online),
                f"set-vcpus: {online} asked, {vcpus_of(bench, ref)!r}",
            )
    for bad in (0, -1, most + 1, 100_000):
        _invalid(bench, C.SET_VCPUS, ref, bad)


def _online(bench: Bench, ref: GuestRef, count: int) -> bool:
    return sum(v.online for v in vcpus_of(bench, ref)) == count


@check(C.PIN_VCPU)
def check_pin_vcpu(bench: Bench) -> None:
    """The affinity is what was asked; no CPU, or one the host doesn't have, is refused."""
    ref = bench.living()
    bench.call(C.PIN_VCPU, ref, 0, [0])
    if bench.offered(C.VCPUS):
        told = vcpus_of(bench, ref)[0].affinity
        if told is not None and told != frozenset({0}):
            raise broken(f"pin-vcpu: pinned to CPU 0, told {told!r}")
    for vcpu, cpus in ((0, []), (0, [100_000]), (0, [-1]), (1000, [0]), (-1, [0])):
        _invalid(bench, C.PIN_VCPU, ref, vcpu, cpus)


@check(C.SCHEDULER)
def check_scheduler(bench: Bench) -> None:
    """The scheduler's name is one that Xen has had."""
    name = bench.call(C.SCHEDULER)
    if name not in SCHEDULERS:
        raise broken(f"scheduler: {name!r} is none of {', '.join(SCHEDULERS)}")


def parameters_of(bench: Bench, ref: GuestRef) -> Mapping[str, int]:
    """Return the scheduling parameters, their types checked."""
    answer = bench.call(C.SCHEDULER_PARAMETERS, ref)
    if not isinstance(answer, Mapping):
        raise broken(f"scheduler-parameters: answered {answer!r}, not a mapping")
    for key, value in answer.items():
        if not isinstance(key, str) or not is_count(value):
            raise broken(f"scheduler-parameters: {key!r} is {value!r}")
    return answer


@check(C.SCHEDULER_PARAMETERS)
def check_scheduler_parameters(bench: Bench) -> None:
    """Numbers by name; a weight is 1 to 65535."""
    found = parameters_of(bench, bench.living())
    if "weight" in found and not 1 <= found["weight"] <= 65535:
        raise broken(f"scheduler-parameters: weight {found['weight']}")


@check(C.SET_SCHEDULER_PARAMETERS)
def check_set_scheduler_parameters(bench: Bench) -> None:
    """What is named changes, the rest stays; an unknown name or wrong value is refused."""
    ref = bench.living()
    if bench.offered(C.SCHEDULER_PARAMETERS):
        before = dict(parameters_of(bench, ref))
        if "weight" in before:
            bench.call(C.SET_SCHEDULER_PARAMETERS, ref, {"weight": 300})
            after = dict(parameters_of(bench, ref))
            if after != before | {"weight": 300}:
                raise broken(f"set-scheduler-parameters: weight=300 made {before} to {after}")
            _invalid(bench, C.SET_SCHEDULER_PARAMETERS, ref, {"weight": -1})
    _invalid(bench, C.SET_SCHEDULER_PARAMETERS, ref, {"no such parameter": 1})
