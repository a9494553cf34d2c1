"""Mutants of listings, look-ups and the life of guests."""

from __future__ import annotations

from attrs import evolve

from support.mutants import (
    Mutant,
    answer,
    cached,
    instead,
    once_only,
    row,
    rows,
    shared_target,
    success,
    without,
)
from xenparley.domain import errors as e
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt

C = Capability


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
    Mutant("guests of threads are mixed up", "pause_threads", {C.PAUSE: shared_target}),
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

MUTANTS = (*INVENTORY, *LIFECYCLE)
