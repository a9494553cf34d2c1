"""The mutants of the reference and of the simulated host, fitted to other adapters."""

from __future__ import annotations

import time

from attrs import evolve

from support import mutants_core, mutants_host
from support.mutants import Mutant, instead, row, rows
from xenparley.domain.errors import DeadlineExceeded, NotFound, Unsupported, XenparleyError
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Unavailable
from xenparley_testing import all_checks

__all__ = ["CHECKS", "KINDS", "candidates"]

MUTANTS = (*mutants_core.MUTANTS, *mutants_host.MUTANTS)
CHECKS = {check.label: check for check in all_checks()}
#: Every kind of check that a mutant is caught by.
KINDS = sorted({mutant.caught_by.partition("[")[0] for mutant in MUTANTS})


def _nameless(channel, original, guest, *args, **kwargs):
    """Take no reference that says a name."""
    if guest.name is not None:
        raise NotFound("nobody has that name", guest=str(guest), operation="x", channel="x")
    return original(guest, *args, **kwargs)


def _without_dashes(one):
    name = one.values.get(Field.NAME)
    return one if name is None else row(one, NAME=name.replace("-", ""))


def _key_error(channel, original, role):
    """Let a KeyError out for a port that isn't there."""
    try:
        return original(role)
    except Unsupported as exc:
        raise KeyError(role) from exc


def _probes_once(channel, original, *, deadline):
    """Find the host twice, and never again."""
    channel.state["probes"] = channel.state.get("probes", 0) + 1
    return original(deadline=deadline) if channel.state["probes"] < 3 else Unavailable("lost")


def _raising_late(channel, original, *, deadline):
    """Raise when there is no time left to look."""
    if deadline <= time.monotonic():
        raise DeadlineExceeded("too late")
    return original(deadline=deadline)


def _closed(channel, original):
    channel.state["closed"] = True
    original()


def _raising_closed(channel, original, *, deadline):
    if channel.state.get("closed"):
        raise ValueError("a probe of a closed channel")
    return original(deadline=deadline)


def _mixed_up(channel, original, *args, **kwargs):
    """Keep the answer where the next caller puts its own, for a while."""
    channel.state["answer"] = original(*args, **kwargs)
    time.sleep(1.0)
    return channel.state["answer"]


#: Mutants of channels without a connection: their probes neither break nor notice a close().
_CONNECTIONLESS = (
    Mutant("lost after two probes", "recovers", channel={"probe": _probes_once}),
    Mutant("the probe raises when it is late", "probe_late", channel={"probe": _raising_late}),
    Mutant(
        "the probe raises when closed",
        "probe_after_close",
        channel={"probe": _raising_closed, "close": _closed},
    ),
    Mutant("slow threads are mixed up", "threads[find-live]", {Capability.FIND_LIVE: _mixed_up}),
)


def _further(kind, offered):
    """Yield mutants for adapters that the others can't be fitted to: which know no names, say."""
    for name, lister in (
        ("odd_names_living", Capability.LIST_LIVE),
        ("odd_names_defined", Capability.LIST_DEFINED),
    ):
        if kind == name and lister in offered:
            yield CHECKS[kind], Mutant("dashes dropped", kind, {lister: rows(_without_dashes)})
    for mutant in _CONNECTIONLESS:
        if mutant.caught_by.partition("[")[0] == kind and set(mutant.methods) <= offered:
            yield CHECKS[mutant.caught_by], mutant
    for capability in sorted(Capability, key=lambda c: (not SPECS[c].command, c.value)):
        check = CHECKS.get(f"{kind}[{capability.value}]")
        if kind == "misnamed_guest" and capability in offered and check is not None:
            yield check, Mutant("names are refused", check.label, {capability: _nameless})
        if kind == "dropped_connection" and capability in offered and check is not None:
            leak = instead(XenparleyError, lambda exc: OSError("a lost connection leaks"))
            yield check, Mutant("OSError leaks", check.label, {capability: leak})
        roles = {SPECS[each].role for each in offered}
        if kind == "undeclared" and SPECS[capability].role not in roles:
            yield check, Mutant("KeyError", check.label, channel={"port": _key_error})


def candidates(kind, offered):
    """Yield (check, mutant) of one kind that fit an adapter which offers these capabilities.

    A mutant of a law is moved to another capability where its own is not offered.
    """
    fitted = list(_fitted(kind, offered))
    # Those that fit as they are go first.
    moved = [pair for pair in fitted if pair[1] not in MUTANTS]
    yield from (pair for pair in fitted if pair[1] in MUTANTS)
    yield from _further(kind, offered)
    yield from moved


def _fitted(kind, offered):
    for mutant in MUTANTS:
        name, bracket, word = mutant.caught_by.partition("[")
        if name != kind:
            continue
        if not bracket:
            if set(mutant.methods) <= offered:
                yield CHECKS[mutant.caught_by], mutant
            continue
        own = Capability(word.rstrip("]"))
        if kind == "undeclared" or (own in offered and set(mutant.methods) <= offered):
            yield CHECKS[mutant.caught_by], mutant
        elif set(mutant.methods) <= {own}:
            for other in sorted(offered, key=lambda c: (not SPECS[c].command, c.value)):
                check = CHECKS.get(f"{kind}[{other.value}]")
                if check is not None:
                    methods = {other: mutant.methods[own]} if mutant.methods else {}
                    yield check, evolve(mutant, caught_by=check.label, methods=methods)
