"""Mutants of definitions and memory."""

from __future__ import annotations

import contextlib
import time

from attrs import evolve

from support.mutants import (
    Mutant,
    answer,
    success,
)
from xenparley.domain import errors as e
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability

C = Capability


def nothing(value):
    def change(channel, original, *args, **kwargs):
        return value

    return change


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
MUTANTS = (*DEFINITIONS, *MEMORY)
