"""Mutants of the channel itself, and of what holds for every call."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from attrs import evolve

from support.mutants import (
    Mutant,
    again,
    by_name,
    instead,
    offers,
    patient,
    shared_state,
    stale,
    strip,
    success,
)
from xenparley.domain import errors as e
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability, Role
from xenparley.negotiation.offer import Offer, Unavailable, Withheld
from xenparley.ports.lifecycle import Receipt

C = Capability
WHERE = {"operation": "x", "channel": "reference", "guest": "x"}


def lost(exc):
    return e.ChannelLost(str(exc), operation="x", channel="reference", guest="x")


def late(exc):
    return e.DeadlineExceeded(str(exc), operation="x", channel="reference", guest="x")


# -- the channel -------------------------------------------------------------------------


def raising_probe(channel, original, *, deadline):
    found = original(deadline=deadline)
    if isinstance(found, Unavailable):
        raise ConnectionRefusedError(found.reason)
    return found


def wordless_probe(channel, original, *, deadline):
    found = original(deadline=deadline)
    return Unavailable("") if isinstance(found, Unavailable) else found


def changing_probe(channel, original, *, deadline):
    found = original(deadline=deadline)
    channel.state["probes"] = channel.state.get("probes", 0) + 1
    if channel.state["probes"] > 1 and not isinstance(found, Unavailable):
        found = evolve(found, offers=found.offers[1:], withheld=())
    return found


def meddling_probe(channel, original, *, deadline):
    found = original(deadline=deadline)
    for living in () if isinstance(found, Unavailable) else channel.rows(deadline):
        if living.domid:
            channel.call(C.PAUSE, GuestRef(domid=living.domid, uuid=living.uuid), deadline=deadline)
    if not isinstance(found, Unavailable):
        config = evolve(_config(), name=f"probe-{time.monotonic_ns()}")
        channel.call(C.DEFINE, config, deadline=deadline)
    return found


def _config():
    from xenparley_testing.subject import DEFAULT_TEMPLATE

    return DEFAULT_TEMPLATE


def once_lost(channel, original, *, deadline):
    found = original(deadline=deadline)
    if isinstance(found, Unavailable):
        channel.state["lost"] = True
    return Unavailable("lost earlier") if channel.state.get("lost") else found


def second_close_raises(channel, original):
    with channel.lock:
        channel.state["closed"] = channel.state.get("closed", 0) + 1
        if channel.state["closed"] > 1:
            raise ValueError("close of a closed channel")
    original()


_unclosed = []


def leaks_files(channel, original):
    if not channel.state.get("leaked"):
        channel.state["leaked"] = True
        _unclosed.append(os.open("/dev/null", os.O_RDONLY))
    original()


def leaks_threads(channel, original):
    if not channel.state.get("leaked"):
        channel.state["leaked"] = True
        stop = threading.Event()
        _unclosed.append(stop)
        threading.Thread(target=stop.wait, args=(3,), daemon=True).start()
    original()


def clean():
    """Release what the leaking mutants leaked."""
    for left in _unclosed:
        if isinstance(left, int):
            with contextlib.suppress(OSError):
                os.close(left)
        else:
            left.set()
    _unclosed.clear()


def no_port(channel, original, role):
    return {Role.INVENTORY: original(Role.INVENTORY)}[role]


def none_port(channel, original, role):
    return None if role is Role.MEMORY else original(role)


CHANNEL = (
    Mutant(
        "offers what was not declared",
        "probe",
        channel={"probe": offers(lambda f: evolve(f, offers=(*f.offers, Offer(C.TRIGGER, 1.0))))},
    ),
    Mutant(
        "offers twice",
        "probe",
        channel={"probe": offers(lambda f: evolve(f, offers=f.offers * 2))},
    ),
    Mutant(
        "neither offered nor withheld",
        "probe",
        channel={"probe": offers(lambda f: evolve(f, offers=f.offers[:-1]))},
    ),
    Mutant(
        "withheld without a reason",
        "probe",
        channel={
            "probe": offers(
                lambda f: evolve(
                    f, offers=f.offers[:-1], withheld=(Withheld(f.offers[-1].capability, ""),)
                )
            )
        },
    ),
    Mutant("no version", "probe", channel={"probe": offers(lambda f: evolve(f, version=""))}),
    Mutant(
        "offers fields that are not declared",
        "probe",
        channel={
            "probe": offers(
                lambda f: evolve(
                    f,
                    offers=(
                        evolve(
                            f.offers[0],
                            field_costs_us={
                                Field.REASON: 1.0,
                                Field.NAME: 1.0,
                                Field.AUTOSTART: 1.0,
                            },
                        ),
                        *f.offers[1:],
                    ),
                )
            )
        },
    ),
    Mutant(
        "a listing without the key",
        "probe",
        channel={
            "probe": offers(
                lambda f: evolve(
                    f,
                    offers=(
                        evolve(f.offers[0], field_costs_us={Field.NAME: 1.0}),
                        *f.offers[1:],
                    ),
                )
            )
        },
    ),
    Mutant("a second probe says something else", "probe_again", channel={"probe": changing_probe}),
    Mutant("the probe changes the host", "probe_again", channel={"probe": meddling_probe}),
    Mutant("the probe raises", "probe_faults", channel={"probe": raising_probe}),
    Mutant("the probe raises when it is late", "probe_late", channel={"probe": raising_probe}),
    Mutant("the probe raises when closed", "probe_after_close", channel={"probe": raising_probe}),
    Mutant("the probe gives no reason", "probe_faults", channel={"probe": wordless_probe}),
    Mutant("the probe takes its time", "probe_faults", channel={"probe": patient}),
    Mutant("lost for ever", "recovers", channel={"probe": once_lost}),
    Mutant("an offered port is missing", "ports", channel={"port": none_port}),
    Mutant(
        "KeyError for a port that isn't there",
        "undeclared[console-ring]",
        channel={"port": no_port},
    ),
    Mutant("close() twice raises", "close_idempotent", channel={"close": second_close_raises}),
    Mutant("close() leaks files", "close_releases", channel={"close": leaks_files}),
    Mutant("close() leaks threads", "close_releases", channel={"close": leaks_threads}),
    Mutant(
        "answers after close()",
        "after_close[list-live]",
        channel={"close": lambda channel, original: None},
    ),
    Mutant(
        "commands after close()",
        "after_close[destroy]",
        channel={"close": lambda channel, original: None},
    ),
    Mutant(
        "close() does not end calls",
        "close_in_flight[list-live]",
        channel={"close": lambda channel, original: None},
    ),
)


# -- calls: identity, deadlines, faults ----------------------------------------------------

CALLS = (
    Mutant("carried out after its deadline", "expired_deadline[destroy]", {C.DESTROY: patient}),
    Mutant("read after its deadline", "expired_deadline[list-live]", {C.LIST_LIVE: patient}),
    Mutant(
        "deadline error without a guest", "expired_deadline[pause]", {C.PAUSE: strip(guest=None)}
    ),
    Mutant("a gone guest is success", "gone_guest[destroy]", {C.DESTROY: success(Receipt())}),
    Mutant("a gone definition is success", "gone_guest[undefine]", {C.UNDEFINE: success(None)}),
    Mutant("a gone guest's memory is zero", "gone_guest[memory]", {C.MEMORY: success(0)}),
    Mutant("a gone guest is looked up by name", "gone_guest[destroy]", {C.DESTROY: by_name}),
    Mutant("stale id destroyed", "stale_guest[destroy]", {C.DESTROY: stale}),
    Mutant("stale id paused", "stale_guest[pause]", {C.PAUSE: stale}),
    Mutant("stale id read", "stale_guest[memory]", {C.MEMORY: stale}),
    Mutant("destroyed by name", "misnamed_guest[destroy]", {C.DESTROY: by_name}),
    Mutant("paused by name", "misnamed_guest[pause]", {C.PAUSE: by_name}),
    Mutant(
        "KeyError for an odd guest",
        "odd_guests[pause]",
        {C.PAUSE: instead(e.NotFound, lambda exc: KeyError(str(exc)))},
    ),
    Mutant("an odd guest is success", "odd_guests[read-defined]", {C.READ_DEFINED: success(None)}),
    Mutant("NotFound without a guest", "gone_guest[pause]", {C.PAUSE: strip(guest=None)}),
    Mutant("NotFound without a channel", "gone_guest[pause]", {C.PAUSE: strip(channel=None)}),
    Mutant("NotFound without an operation", "gone_guest[pause]", {C.PAUSE: strip(operation=None)}),
    Mutant(
        "gone is told as failed",
        "gone_guest[pause]",
        {C.PAUSE: instead(e.NotFound, lambda exc: e.OperationFailed("no", **WHERE))},
    ),
    Mutant("answers of threads are mixed up", "threads[find-live]", {C.FIND_LIVE: shared_state}),
    Mutant("memory of threads is mixed up", "threads[memory]", {C.MEMORY: shared_state}),
    Mutant("a read hangs with its peer", "stalled_peer[list-live]", {C.LIST_LIVE: patient}),
    Mutant("a command hangs with its peer", "stalled_peer[pause]", {C.PAUSE: patient}),
    Mutant(
        "sent, and told as certainly not done",
        "stalled_peer[destroy]",
        {C.DESTROY: instead(e.OutcomeUnknown, late)},
    ),
    Mutant(
        "destroy sent again", "dropped_connection[destroy]", {C.DESTROY: again(e.OutcomeUnknown)}
    ),
    Mutant("create sent again", "dropped_connection[create]", {C.CREATE: again(e.OutcomeUnknown)}),
    Mutant(
        "a lost command told as not done",
        "dropped_connection[destroy]",
        {C.DESTROY: instead(e.OutcomeUnknown, lost)},
    ),
    Mutant(
        "a lost command told as done",
        "dropped_connection[pause]",
        {C.PAUSE: instead(e.OutcomeUnknown, lambda exc: Receipt())},
    ),
    Mutant(
        "OutcomeUnknown that may be retried",
        "dropped_connection[pause]",
        {C.PAUSE: strip(retry_safe=True)},
    ),
    Mutant(
        "OSError leaks from a read",
        "dropped_connection[list-live]",
        {C.LIST_LIVE: instead(e.ChannelLost, lambda exc: ConnectionResetError(104, "reset"))},
    ),
    Mutant(
        "OSError leaks from a command",
        "dropped_connection[pause]",
        {C.PAUSE: instead(e.OutcomeUnknown, lambda exc: BrokenPipeError(32, "pipe"))},
    ),
    Mutant(
        "ValueError leaks from nonsense",
        "garbled_answer[list-live]",
        {C.LIST_LIVE: instead(e.ProtocolError, lambda exc: ValueError("not a number"))},
    ),
    Mutant(
        "nonsense told as not found",
        "garbled_answer[memory]",
        {C.MEMORY: instead(e.ProtocolError, lambda exc: e.NotFound("gone", **WHERE))},
    ),
    Mutant(
        "not there told as unknown",
        "absent_peer[pause]",
        {C.PAUSE: instead(e.Unavailable, lambda exc: e.OutcomeUnknown("?", **WHERE))},
    ),
    Mutant(
        "refused told as failed",
        "refused_access[pause]",
        {C.PAUSE: instead(e.AccessRefused, lambda exc: e.OperationFailed("no", **WHERE))},
    ),
    Mutant(
        "refused told as an empty listing of errors",
        "refused_access[memory]",
        {C.MEMORY: instead(e.AccessRefused, lambda exc: PermissionError(13, "denied"))},
    ),
)

MUTANTS = (*CHANNEL, *CALLS)
