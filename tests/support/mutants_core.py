"""Mutants of the channel itself and of the ports that the reference adapter has."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from attrs import evolve

from support.mutants import (
    Mutant,
    again,
    answer,
    by_name,
    cached,
    instead,
    offers,
    once_only,
    patient,
    row,
    rows,
    shared_state,
    stale,
    strip,
    success,
    without,
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


# -- inventory -----------------------------------------------------------------------------


def no_domids(channel, original, fields, *, domids=None, deadline):
    return original(fields, domids=None, deadline=deadline)


def falsy_domids(channel, original, fields, *, domids=None, deadline):
    return original(fields, domids=domids or None, deadline=deadline)


def chatty(channel, original, fields, **kwargs):
    if list(fields) == [Field.NAME]:
        raise IndexError("one field alone")
    return original(fields, **kwargs)


def prefix(capability):
    def change(channel, original, fields, *, name=None, deadline, **other):
        if name is None:
            return original(fields, deadline=deadline, **other)
        lister = C.LIST_LIVE if capability is C.FIND_LIVE else C.LIST_DEFINED
        found = channel.call(lister, {*fields, Field.NAME}, deadline=deadline)
        return [r for r in found if r.values[Field.NAME].startswith(name)]

    return change


def unquoted(living):
    name = living.values.get(Field.NAME)
    return living if name is None else row(living, NAME=name.replace("'", "").strip('"'))


def scaled(field, factor):
    def edit(living):
        value = living.values.get(field)
        return living if not value else row(living, **{field.name: int(value * factor)})

    return edit


def as_text(living):
    living.domid = str(living.domid)
    return living


def shouting(living):
    living.uuid = living.uuid and living.uuid.upper()
    return living


INVENTORY = (
    Mutant(
        "a field forgotten", "list_live", {C.LIST_LIVE: rows(lambda r: without(r, Field.MEMORY))}
    ),
    Mutant("None for a known field", "list_live", {C.LIST_LIVE: rows(lambda r: row(r, NAME=None))}),
    Mutant("domain id as text", "list_live", {C.LIST_LIVE: rows(as_text)}),
    Mutant("UUID not canonical", "list_live", {C.LIST_LIVE: rows(shouting)}),
    Mutant("MiB for KiB", "list_live", {C.LIST_LIVE: rows(scaled(Field.MEMORY, 1 / 1024))}),
    Mutant("pages for KiB", "list_live", {C.LIST_LIVE: rows(scaled(Field.MAX_MEMORY, 1 / 4))}),
    Mutant("bytes for KiB", "list_defined", {C.LIST_DEFINED: rows(scaled(Field.MEMORY, 1024))}),
    Mutant("no Domain 0", "list_live", {C.LIST_LIVE: rows(lambda r: r if r.domid else None)}),
    Mutant("rows twice", "list_live", {C.LIST_LIVE: answer(lambda found: [*found, *found])}),
    Mutant("a gone guest is listed", "list_live", {C.LIST_LIVE: cached}),
    Mutant("a gone definition is listed", "list_defined", {C.LIST_DEFINED: cached}),
    Mutant("a generator for rows", "list_live", {C.LIST_LIVE: answer(iter)}),
    Mutant("domids ignored", "list_live_only", {C.LIST_LIVE: no_domids}),
    Mutant("no domids means all", "list_live_only", {C.LIST_LIVE: falsy_domids}),
    Mutant("one field alone fails", "list_live_each_field", {C.LIST_LIVE: chatty}),
    Mutant("found by a prefix", "find_live", {C.FIND_LIVE: prefix(C.FIND_LIVE)}),
    Mutant(
        "definition found by a prefix", "find_defined", {C.FIND_DEFINED: prefix(C.FIND_DEFINED)}
    ),
    Mutant("a gone guest is found", "find_live", {C.FIND_LIVE: answer(lambda found: found or [1])}),
    Mutant("quotes dropped from names", "odd_names_living", {C.LIST_LIVE: rows(unquoted)}),
    Mutant(
        "quotes dropped from defined names", "odd_names_defined", {C.LIST_DEFINED: rows(unquoted)}
    ),
)


# -- lifecycle -----------------------------------------------------------------------------


def create_running(channel, original, config, *, paused, deadline):
    return original(config, paused=False, deadline=deadline)


def create_zero(channel, original, config, *, paused, deadline):
    config = evolve(config, uuid=config.uuid or "00000000-0000-0000-0000-000000000000")
    return original(config, paused=paused, deadline=deadline)


def create_anew(channel, original, config, *, paused, deadline):
    """Never say AlreadyExists: call the guest something else."""
    try:
        return original(config, paused=paused, deadline=deadline)
    except e.AlreadyExists:
        fresh = evolve(config, name=config.name + "'", uuid=None)
        return original(fresh, paused=paused, deadline=deadline)


def create_half(channel, original, config, *, paused, deadline):
    """Say AlreadyExists, and leave a guest behind."""
    try:
        return original(config, paused=paused, deadline=deadline)
    except e.AlreadyExists:
        original(evolve(config, name=config.name + "'", uuid=None), paused=True, deadline=deadline)
        raise


def start_and_forget(channel, original, guest, *, paused, deadline):
    receipt = original(guest, paused=paused, deadline=deadline)
    channel.call(C.UNDEFINE, guest, deadline=deadline)
    return receipt


def destroys_all(channel, original, guest, *, deadline):
    receipt = original(guest, deadline=deadline)
    for living in channel.rows(deadline):
        if living.domid:
            original(GuestRef(domid=living.domid, uuid=living.uuid), deadline=deadline)
    return receipt


def nothing(value):
    def change(channel, original, *args, **kwargs):
        return value

    return change


LIFECYCLE = (
    Mutant("paused ignored", "create", {C.CREATE: create_running}),
    Mutant("a guest without a handle", "create", {C.CREATE: create_zero}),
    Mutant("a receipt without the domain id", "create", {C.CREATE: answer(lambda r: Receipt())}),
    Mutant("no AlreadyExists", "create_taken", {C.CREATE: create_anew}),
    Mutant("a half-made guest left behind", "create_taken", {C.CREATE: create_half}),
    Mutant("started without a domain id", "start", {C.START: answer(lambda r: Receipt())}),
    Mutant("the definition goes at its start", "start", {C.START: start_and_forget}),
    Mutant(
        "started twice is success",
        "start_taken",
        {C.START: instead(e.AlreadyExists, lambda exc: Receipt(domid=1))},
    ),
    Mutant("pausing twice is refused", "pause", {C.PAUSE: once_only("paused")}),
    Mutant("pause does nothing", "pause", {C.PAUSE: nothing(Receipt())}),
    Mutant("pause answers None", "pause", {C.PAUSE: answer(lambda r: None)}),
    Mutant("unpausing twice is refused", "unpause", {C.UNPAUSE: once_only("unpaused")}),
    Mutant("unpause does nothing", "unpause", {C.UNPAUSE: nothing(Receipt())}),
    Mutant("shutdown does not say how", "shutdown", {C.SHUTDOWN: answer(lambda r: Receipt())}),
    Mutant("shutdown does nothing", "shutdown", {C.SHUTDOWN: nothing(Receipt(how="pv"))}),
    Mutant("destroy does nothing", "destroy", {C.DESTROY: nothing(Receipt())}),
    Mutant("destroy takes others along", "destroy", {C.DESTROY: destroys_all}),
    Mutant("destroy twice is success", "destroy", {C.DESTROY: success(Receipt())}),
)


# -- definitions and memory ------------------------------------------------------------------


def define_always_new(channel, original, config, *, deadline):
    if config.uuid is None:
        stamp = f"{time.monotonic_ns() & 0xFFFFFFFFFFFF:012x}"
        with contextlib.suppress(e.NotFound):
            channel.call(C.UNDEFINE, GuestRef(name=config.name), deadline=deadline)
        config = evolve(config, uuid=f"00000000-0000-4000-8000-{stamp}")
    return original(config, deadline=deadline)


def define_over(channel, original, config, *, deadline):
    try:
        return original(config, deadline=deadline)
    except e.AlreadyExists:
        channel.call(C.UNDEFINE, GuestRef(name=config.name), deadline=deadline)
        return original(config, deadline=deadline)


def define_careless(channel, original, config, *, deadline):
    return original(evolve(config, name=config.name.strip() or "x"), deadline=deadline)


def define_once(channel, original, config, *, deadline):
    try:
        held = channel.call(C.READ_DEFINED, GuestRef(uuid=config.uuid), deadline=deadline)
    except e.NotFound:
        return original(config, deadline=deadline)
    return GuestRef(uuid=held.uuid, name=config.name)


def telling(channel, original, config, *, deadline):
    if config.graphics:
        raise e.InvalidInput(f"no such password: {config.graphics[0].password}")
    return original(config, deadline=deadline)


def read_by_name(channel, original, guest, *, deadline):
    if guest.name is not None:
        guest = GuestRef(name=guest.name)
    return original(guest, deadline=deadline)


def undefine_kills(channel, original, guest, *, deadline):
    original(guest, deadline=deadline)
    for living in channel.rows(deadline):
        if living.uuid == guest.uuid:
            ref = GuestRef(domid=living.domid, uuid=living.uuid)
            channel.call(C.DESTROY, ref, deadline=deadline)


def toggles(channel, original, guest, enabled, *, deadline):
    key = ("autostart", guest.uuid)
    channel.state[key] = not channel.state.get(key, False)
    original(guest, channel.state[key], deadline=deadline)


def no_secret(config):
    return evolve(config, graphics=tuple(evolve(g, password=None) for g in config.graphics))


def clamped(channel, original, guest, kib, **kwargs):
    with contextlib.suppress(e.InvalidInput):
        original(guest, kib, **kwargs)


def in_mib(channel, original, guest, kib, **kwargs):
    return original(guest, kib // 1024 if kib > 4096 else kib, **kwargs)


DEFINITIONS = (
    Mutant(
        "disks are lost", "read_defined", {C.READ_DEFINED: answer(lambda c: evolve(c, disks=()))}
    ),
    Mutant(
        "a boolean is lost",
        "read_defined",
        {C.READ_DEFINED: answer(lambda c: evolve(c, boot=evolve(c.boot, kernel=None)))},
    ),
    Mutant("read by name", "read_defined", {C.READ_DEFINED: read_by_name}),
    Mutant(
        "no domain id in the live one",
        "read_live",
        {C.READ_LIVE: answer(lambda c: evolve(c, domid=None))},
    ),
    Mutant(
        "live memory in MiB",
        "read_live",
        {C.READ_LIVE: answer(lambda c: evolve(c, memory_kib=c.memory_kib // 1024))},
    ),
    Mutant("define answers nothing", "define", {C.DEFINE: answer(lambda r: None)}),
    Mutant("define without UUID always makes a new one", "define", {C.DEFINE: define_always_new}),
    Mutant("a definition is never replaced", "define_again", {C.DEFINE: define_once}),
    Mutant("another's name is taken over", "define_taken", {C.DEFINE: define_over}),
    Mutant("bad names are bent", "define_taken", {C.DEFINE: define_careless}),
    Mutant("a password is lost", "define_secret", {C.READ_DEFINED: answer(no_secret)}),
    Mutant("a password is told", "define_secret", {C.DEFINE: telling}),
    Mutant("undefine ends the living guest", "undefine", {C.UNDEFINE: undefine_kills}),
    Mutant("undefine goes by name", "undefine", {C.UNDEFINE: read_by_name}),
    Mutant("undefine twice is success", "undefine", {C.UNDEFINE: success(None)}),
    Mutant("autostart toggles", "set_autostart", {C.SET_AUTOSTART: toggles}),
)
MEMORY = (
    Mutant(
        "memory in bytes",
        "memory",
        {C.MEMORY: answer(lambda m: evolve(m, current_kib=m.current_kib * 1024))},
    ),
    Mutant(
        "memory as a float",
        "memory",
        {C.MEMORY: answer(lambda m: evolve(m, current_kib=m.current_kib / 1))},
    ),
    Mutant("any target is taken", "set_memory_target", {C.SET_MEMORY_TARGET: clamped}),
    Mutant("target in MiB", "set_memory_target", {C.SET_MEMORY_TARGET: in_mib}),
    Mutant("any maximum is taken", "set_memory_maximum", {C.SET_MEMORY_MAXIMUM: clamped}),
    Mutant(
        "the maximum does not change", "set_memory_maximum", {C.SET_MEMORY_MAXIMUM: nothing(None)}
    ),
)
MUTANTS = (*CHANNEL, *CALLS, *INVENTORY, *LIFECYCLE, *DEFINITIONS, *MEMORY)
