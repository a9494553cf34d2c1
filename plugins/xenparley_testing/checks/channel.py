"""The channel itself: its declaration, probe, ports and close()."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from xenparley.domain.errors import XenparleyError
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available, Offer, Refused, Unavailable
from xenparley.plugin.spi import Channel
from xenparley_testing.bench import Bench, broken
from xenparley_testing.calls import CALLS, NO_ONE, reads
from xenparley_testing.errors import NotMade
from xenparley_testing.registry import CHECKS, Check, check
from xenparley_testing.subject import FAULTS, Subject

__all__ = [
    "check_close_idempotent",
    "check_close_releases",
    "check_declaration",
    "check_factory",
    "check_ports",
    "check_probe",
    "check_probe_after_close",
    "check_probe_again",
    "check_probe_faults",
    "check_probe_late",
    "check_recovers",
]

C = Capability
ROW_CAPABILITIES = frozenset({C.LIST_LIVE, C.LIST_DEFINED, C.FIND_LIVE, C.FIND_DEFINED})


@check()
def check_declaration(bench: Bench) -> None:
    """The AdapterSpec: words for people, each capability once, fields on listings only."""
    spec = bench.subject.spec
    for attribute in ("name", "summary", "schemes", "fork", "offers"):
        if not getattr(spec, attribute):
            raise broken(f"AdapterSpec.{attribute} is empty")
    check_offers(spec.offers, "declared")


def check_offers(offers: tuple[Offer, ...], word: str) -> None:
    """Check offers by themselves: no duplicates, costs, fields where rows are told."""
    seen = [offer.capability for offer in offers]
    twice = {c.value for c in seen if seen.count(c) > 1}
    if twice:
        raise broken(f"{word} twice: {', '.join(sorted(twice))}")
    for offer in offers:
        name = offer.capability.value
        if not offer.cost_us >= 0 or any(not cost >= 0 for cost in offer.field_costs_us.values()):
            raise broken(f"{name}: a negative cost")
        if bool(offer.field_costs_us) != (offer.capability in ROW_CAPABILITIES):
            raise broken(f"{name}: listings and look-ups have fields, others have none")
        if offer.capability is C.LIST_LIVE and Field.DOMID not in offer.fields:
            raise broken("list-live: rows are joined by DOMID; without that offer nobody asks it")


def check_factory(subject: Subject) -> None:
    """Making and closing a channel touches nothing, so it also works with nobody there."""
    subject.make_channel().close()
    absent = subject.faults.absent
    if absent is not None:
        with absent(C.LIST_LIVE):
            subject.make_channel().close()


CHECKS.append(Check("factory", check_factory))


@check()
def check_probe(bench: Bench) -> None:
    """The probe's offers narrow the declared ones; each declared one is offered or withheld."""
    result, spec = bench.available, bench.subject.spec
    declared = {offer.capability: offer for offer in spec.offers}
    version: object = result.version
    if not version or not isinstance(version, str):
        raise broken(f"Available.version is {result.version!r}")
    check_offers(result.offers, "offered")
    for offer in result.offers:
        if offer.capability not in declared:
            raise broken(f"{offer.capability.value} is offered, but not declared")
        more = offer.fields - declared[offer.capability].fields
        if more:
            names = ", ".join(sorted(f.name for f in more))
            raise broken(f"{offer.capability.value}: offers fields not declared: {names}")
    withheld = {w.capability: w.reason for w in result.withheld}
    for capability, reason in withheld.items():
        if not reason:
            raise broken(f"{capability.value} is withheld without a reason")
        if capability in bench.offers:
            raise broken(f"{capability.value} is both offered and withheld")
        if capability not in declared:
            raise broken(f"{capability.value} is withheld, but was never declared")
    for capability in declared:
        if capability not in bench.offers and capability not in withheld:
            raise broken(f"{capability.value} is declared, neither offered nor withheld")
    if not all(type(part) is str for pair in result.facts.items() for part in pair):
        raise broken(f"facts are text: {result.facts!r}")
    if result.host_id is not None and not result.host_id:
        raise broken("host_id is empty; None means that the channel can't tell")


@check()
def check_probe_again(bench: Bench) -> None:
    """A second probe says the same, on this channel and on a new one, and changes nothing."""
    sent = {c: bench.sent(c) for c in bench.offers}
    for channel in (bench.channel, bench.open()):
        again = channel.probe(deadline=bench.deadline())
        if not isinstance(again, Available):
            raise broken(f"the first probe said Available, the next {again!r}")
        offers = {offer.capability for offer in again.offers}
        if offers != set(bench.offers) or again.host_id != bench.available.host_id:
            raise broken("a second probe offers something else, or names another host")
    if {c: bench.sent(c) for c in bench.offers} != sent:
        raise broken("the probe sent a command")


@check()
def check_probe_late(bench: Bench) -> None:
    """A probe whose deadline has passed answers, Unavailable or Available, and never raises."""
    _probes(bench, bench.open(), "deadline in the past", -1.0)


@check()
def check_probe_after_close(bench: Bench) -> None:
    """A probe after close() does not raise."""
    channel = bench.open()
    channel.close()
    _probes(bench, channel, "after close()", bench.limits.stall)


@check()
def check_probe_faults(bench: Bench) -> None:
    """Whatever the peer does, the probe answers in time and in words, and never raises."""
    unmade = None
    for name in FAULTS:
        fault = bench.subject.faults.named(name)
        if fault is None:
            unmade = unmade or NotMade(name, bench.subject.faults.without.get(name))
            continue
        for capability in list(bench.offers)[:1]:
            with fault(capability):
                _probes(bench, bench.open(), f"peer made to {name}", bench.limits.stall)
    if unmade is not None:
        raise unmade


def _probes(bench: Bench, channel: Channel, what: str, seconds: float) -> None:
    deadline = bench.deadline(seconds)
    result, error = bench.in_time(
        f"probe, {what}", max(seconds, 0.0), lambda: channel.probe(deadline=deadline)
    )
    if error is not None:
        raise broken(f"probe, {what}: raised {error!r}", error) from error
    if isinstance(result, Available):
        return
    if not isinstance(result, Unavailable | Refused):
        raise broken(f"probe, {what}: answered {result!r}")
    if not result.reason or not isinstance(result.reason, str):
        raise broken(f"probe, {what}: no reason in {result!r}")


@check()
def check_recovers(bench: Bench) -> None:
    """After the connection broke, the same channel's next probe finds the host again."""
    fault = bench.subject.faults.drop
    if fault is None:
        raise NotMade("drop", bench.subject.faults.without.get("drop"))
    first = next((c for c in reads() if bench.offered(c)), None)
    if first is None:
        return
    with fault(first), contextlib.suppress(XenparleyError):
        bench.channel.probe(deadline=bench.deadline())
        CALLS[first].invoke(bench, bench.method(first), NO_ONE, bench.deadline())
    again = bench.channel.probe(deadline=bench.deadline())
    if not isinstance(again, Available):
        raise broken(f"the peer is back, but the channel is lost for good: {again!r}")


@check()
def check_ports(bench: Bench) -> None:
    """Each offered capability's port has its method; the same before and after a probe."""
    fresh = bench.open()
    for capability in bench.offers:
        bench.method(capability, fresh)
        bench.method(capability)
        if bench.channel.port(SPECS[capability].role) is None:
            raise broken(f"{capability.value} is offered, but its port is None")


@check()
def check_close_idempotent(bench: Bench) -> None:
    """close() may be called again, and by two threads at once."""
    channel = bench.open()
    channel.probe(deadline=bench.deadline())
    _, error = bench.in_time("close() twice", 0.0, lambda: _close_twice(channel))
    if error is not None:
        raise broken(f"close() twice: {error!r}", error) from error
    other = bench.open()
    other.probe(deadline=bench.deadline())
    failures: list[BaseException] = []

    def close() -> None:
        try:
            other.close()
        except BaseException as exc:  # noqa: BLE001  told below
            failures.append(exc)

    threads = [threading.Thread(target=close, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(bench.limits.slack)
    if failures or any(thread.is_alive() for thread in threads):
        raise broken(f"close() by two threads at once: {failures or 'hangs'}")


def _close_twice(channel: Channel) -> None:
    channel.close()
    channel.close()


@check()
def check_close_releases(bench: Bench) -> None:
    """close() leaves no file descriptor and no thread behind."""
    count = 6
    listed = next((c for c in reads() if bench.offered(c) and c is not C.EVENTS), None)

    def use(channel: Channel) -> None:
        channel.probe(deadline=bench.deadline())
        if listed is not None:
            with contextlib.suppress(XenparleyError):
                method = bench.method(listed, channel)
                CALLS[listed].invoke(bench, method, NO_ONE, bench.deadline())
        channel.close()

    use(bench.subject.make_channel())
    kept = []  # so that the garbage collector does not close what close() forgot
    files, threads = _settled(bench)
    for _ in range(count):
        channel = bench.subject.make_channel()
        kept.append(channel)
        use(channel)
    bench.eventually(
        lambda: _open_files() - files < count and threading.active_count() - threads < count,
        f"{count} channels closed: {_open_files() - files} file descriptors and "
        f"{threading.active_count() - threads} threads are left behind",
    )


def _settled(bench: Bench) -> tuple[int, int]:
    """Count files and threads when they no longer change: what goes later would hide what stays.

    A peer in this process may still be closing its side.
    """
    end = time.monotonic() + bench.limits.settle
    counts = [(_open_files(), threading.active_count())]
    while len(counts) < 5 or (len(set(counts[-5:])) > 1 and time.monotonic() < end):
        time.sleep(0.02)
        counts.append((_open_files(), threading.active_count()))
    return counts[-1]


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
