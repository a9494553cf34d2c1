"""What holds for every call: identity of the guest, deadlines, closing, threads, odd input."""

from __future__ import annotations

import time
import uuid as uuids
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

from attrs import evolve

from xenparley.domain.errors import DeadlineExceeded, NotFound, Unsupported, XenparleyError
from xenparley.domain.identity import MAX_DOMID, GuestRef
from xenparley.negotiation.capability import SPECS, Capability
from xenparley_testing.bench import Bench, broken, watched
from xenparley_testing.calls import CALLS, Aim, aimed, commands, reads, target
from xenparley_testing.checks.compare import token
from xenparley_testing.errors import ContractWarning
from xenparley_testing.registry import CHECKS, Check, law
from xenparley_testing.subject import Subject

__all__ = [
    "check_after_close",
    "check_expired_deadline",
    "check_gone_guest",
    "check_misnamed_guest",
    "check_odd_guests",
    "check_stale_guest",
    "check_threads",
    "check_undeclared",
]

C = Capability
GUESTS = aimed(Aim.LIVING, Aim.DEFINED)


def invoke(bench: Bench, capability: Capability, guest: GuestRef, deadline: float) -> Any:
    """Make the sample call, by the method of the bench's channel."""
    return CALLS[capability].invoke(bench, bench.method(capability), guest, deadline)


@law(Capability)
def check_expired_deadline(bench: Bench, capability: Capability) -> None:
    """A deadline in the past: DeadlineExceeded at once, and nothing is sent."""
    guest = target(bench, capability)
    before, sent = _still(bench, guest), bench.sent(capability)
    bench.refusal(
        capability,
        DeadlineExceeded,
        "deadline in the past",
        lambda: invoke(bench, capability, guest, time.monotonic() - 1.0),
        about_guest=CALLS[capability].aim is not Aim.HOST,
    )
    if bench.sent(capability) != sent:
        raise broken(f"{capability.value}: sent although its deadline had passed")
    if _still(bench, guest) != before:
        raise broken(f"{capability.value}: carried out although its deadline had passed")


@law(GUESTS)
def check_gone_guest(bench: Bench, capability: Capability) -> None:
    """A guest that is no more is NotFound, and no guest of another name or id is touched."""
    other = bench.living() if CALLS[capability].aim is Aim.LIVING else None
    guest = target(bench, capability)
    if CALLS[capability].aim is Aim.LIVING:
        bench.end(guest)
    else:
        bench.undefine(guest)
    before = None if other is None else bench.still(other)
    bench.refusal(
        capability,
        NotFound,
        "guest gone",
        lambda: invoke(bench, capability, guest, bench.deadline()),
    )
    if other is not None:
        named = evolve(guest, name=other.name)
        bench.refusal(
            capability,
            NotFound,
            "guest gone, its reference carries a living guest's name",
            lambda: invoke(bench, capability, named, bench.deadline()),
        )
        if bench.still(other) != before:
            raise broken(f"{capability.value}: acted on a guest by its name")


@law(aimed(Aim.LIVING))
def check_stale_guest(bench: Bench, capability: Capability) -> None:
    """A domain id that another guest has got meanwhile (the handle differs) is NotFound."""
    if not bench.subject.knows_handles:
        return
    guest = target(bench, capability)
    before, sent = bench.still(guest), bench.sent(capability)
    stale = evolve(guest, uuid=str(uuids.uuid4()))
    bench.refusal(
        capability,
        NotFound,
        "domain id of another guest (stale reference)",
        lambda: invoke(bench, capability, stale, bench.deadline()),
    )
    if bench.still(guest) != before or bench.sent(capability) != sent:
        raise broken(f"{capability.value}: acted on a stale reference's domain id")


@law(commands(aimed(Aim.LIVING)))
def check_misnamed_guest(bench: Bench, capability: Capability) -> None:
    """The name in a reference decides nothing: a guest may have written it itself."""
    guest, other = target(bench, capability), bench.living()
    before = bench.still(other)
    misnamed = evolve(guest, name=other.name)
    try:
        watched(capability, lambda: invoke(bench, capability, misnamed, bench.deadline()))
    except NotFound as exc:
        raise broken(f"{capability.value}: looked the guest up by name: {exc}", exc) from exc
    except XenparleyError:
        pass  # a refusal of another kind is for the capability's own check to judge
    if bench.still(other) != before:
        raise broken(f"{capability.value}: acted on the guest with the name, not on the domain id")


def odd_guests() -> tuple[GuestRef, ...]:
    """Return references that name nobody, most of them malformed."""
    nobody = str(uuids.uuid4())
    return (
        GuestRef(),
        GuestRef(domid=MAX_DOMID, uuid=nobody),
        GuestRef(domid=MAX_DOMID + 9, uuid=nobody),
        GuestRef(domid=-1, uuid=nobody),
        GuestRef(domid=1 << 70, uuid=nobody),
        GuestRef(uuid="not a uuid"),
        GuestRef(uuid=nobody, name="../../etc/passwd"),
        GuestRef(name="nul\0 and\nnewline"),
        GuestRef(name="lone surrogate \udc80"),
        GuestRef(name="x" * 10_000),
        GuestRef(name="(a) 'b' \"c\" %s %2f & \\"),
    )


@law(GUESTS)
def check_odd_guests(bench: Bench, capability: Capability) -> None:
    """References to nobody, malformed ones too, are refused with an error of xenparley's."""
    for guest in odd_guests():
        try:
            answer = watched(
                capability, partial(invoke, bench, capability, guest, bench.deadline())
            )
        except XenparleyError:
            continue
        raise broken(f"{capability.value}: {guest!r} is nobody, but was answered {answer!r}")


@law(Capability)
def check_after_close(bench: Bench, capability: Capability) -> None:
    """After close() a call is an error of xenparley's; nothing is sent."""
    guest = target(bench, capability)
    channel = bench.open()
    channel.probe(deadline=bench.deadline())
    method = bench.method(capability, channel)
    channel.close()
    before, sent = _still(bench, guest), bench.sent(capability)
    try:
        watched(
            capability,
            lambda: CALLS[capability].invoke(bench, method, guest, bench.deadline()),
        )
    except XenparleyError:
        pass
    else:
        raise broken(f"{capability.value}: answered after close()")
    if bench.sent(capability) != sent or _still(bench, guest) != before:
        raise broken(f"{capability.value}: carried out after close()")


@law(reads())
def check_threads(bench: Bench, capability: Capability) -> None:
    """Several threads read at once, and each gets the answer to its own question."""
    if not bench.subject.spec.thread_safe or capability is C.EVENTS:
        return
    limits = bench.limits
    guests = [_distinct(bench, capability, n) for n in range(2)]
    plain = [token(capability, _ask(bench, capability, guest)) for guest in guests]

    def ask(index: int) -> list[object]:
        return [
            token(capability, _ask(bench, capability, guests[index])) for _ in range(limits.rounds)
        ]

    answers, error = bench.in_time(
        f"{capability.value} in {limits.threads} threads",
        limits.call,
        lambda: _together(ask, limits.threads),
    )
    if error is not None:
        raise broken(f"{capability.value} in several threads: {error!r}", error) from error
    for number, told in enumerate(answers or ()):
        for one in told:
            if one != plain[number % 2]:
                raise broken(
                    f"{capability.value}: asked by several threads at once it answered {one!r}, "
                    f"alone {plain[number % 2]!r}"
                )


def _distinct(bench: Bench, capability: Capability, number: int) -> GuestRef:
    if CALLS[capability].aim is Aim.HOST and capability not in (C.LIST_LIVE, C.FIND_LIVE):
        return target(bench, capability)
    config = bench.config()
    less = number * 4096
    config = evolve(
        config,
        memory_kib=config.memory_kib - less,
        max_memory_kib=config.max_memory_kib and config.max_memory_kib - less,
    )
    if CALLS[capability].aim is Aim.DEFINED:
        return bench.defined(config)
    return bench.living(config)


def _ask(bench: Bench, capability: Capability, guest: GuestRef) -> Any:
    if capability is C.LIST_LIVE:
        return bench.call(capability, bench.fields(capability), domids=[guest.domid])
    return watched(capability, lambda: invoke(bench, capability, guest, bench.deadline()))


def _together(ask: Any, count: int) -> list[list[object]]:
    barrier = Barrier(count)

    def one(number: int) -> list[object]:
        barrier.wait(10)
        return ask(number % 2)  # type: ignore[no-any-return]

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def check_undeclared(subject: Subject, capability: Capability) -> None:
    """What isn't offered raises Unsupported or has no port; what works all the same is a warning.

    It is called with a deadline in the past, so that nothing can happen.
    """
    with Bench(subject) as bench:
        if bench.offered(capability):
            return
        spec = SPECS[capability]
        try:
            port = watched(capability, lambda: bench.channel.port(spec.role))
        except Unsupported:
            return
        except XenparleyError as exc:
            raise broken(f"port({spec.role}): {exc!r}, not Unsupported", exc) from exc
        method = getattr(port, spec.method, None)
        if method is None:
            return
        past = time.monotonic() - 1.0
        guest = GuestRef(domid=MAX_DOMID, uuid=str(uuids.uuid4()), name="nobody")
        try:
            watched(capability, lambda: CALLS[capability].invoke(bench, method, guest, past))
        except Unsupported:
            return
        except XenparleyError:
            pass
        warnings.warn(
            f"{subject.spec.name} answers {capability.value}, but does not offer it: "
            + bench.why_not(capability),
            ContractWarning,
            stacklevel=2,
        )


CHECKS.extend(Check("undeclared", check_undeclared, c, is_law=True) for c in Capability)


def _still(bench: Bench, guest: GuestRef) -> object:
    return bench.still(guest) if guest.domid is not None else None
