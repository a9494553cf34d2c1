"""read-defined, read-live, define, undefine, set-autostart."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from xenparley.domain.config import Graphics, GuestConfig
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    Unrepresentable,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef, canonical_uuid
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench, broken
from xenparley_testing.checks.compare import differences
from xenparley_testing.registry import check

__all__ = [
    "check_define",
    "check_define_again",
    "check_define_secret",
    "check_define_taken",
    "check_read_defined",
    "check_read_live",
    "check_set_autostart",
    "check_undefine",
]

C = Capability
SECRET = "s3kr1t <&'\"> pass"  # noqa: S105  a marker to look for


def same(said: GuestConfig, held: object, what: str) -> None:
    """What the configuration said must be held; more may be."""
    if not isinstance(held, GuestConfig):
        raise broken(f"{what}: answered {held!r}, not a GuestConfig")
    lost = list(differences(said, held))
    if lost:
        raise broken(f"{what}: " + "; ".join(lost))


@check(C.READ_DEFINED)
def check_read_defined(bench: Bench) -> None:
    """What was defined is read back; of a guest that lives, too."""
    config = bench.config()
    ref = bench.defined(config)
    same(config, bench.call(C.READ_DEFINED, ref), "define, then read-defined")
    by_name = GuestRef(name=config.name)
    same(config, bench.call(C.READ_DEFINED, by_name), "read-defined, by name alone")
    second = bench.config()
    bench.defined(second)
    misnamed = GuestRef(uuid=config.uuid, name=second.name)
    same(config, bench.call(C.READ_DEFINED, misnamed), "read-defined, UUID and another's name")


@check(C.READ_LIVE)
def check_read_live(bench: Bench) -> None:
    """What the guest runs with: its domain id is set, name and UUID are its own."""
    config = bench.config()
    ref = bench.living(config)
    held = bench.call(C.READ_LIVE, ref)
    said = GuestConfig(name=config.name, uuid=config.uuid, domid=ref.domid)
    same(said, held, "read-live")
    if held.memory_kib and not config.memory_kib / 2 <= held.memory_kib <= config.memory_kib * 2:
        raise broken(f"read-live: memory {held.memory_kib} KiB, made with {config.memory_kib}")
    if held.virt != config.virt:
        raise broken(f"read-live: virt {held.virt}, made with {config.virt}")


@check(C.DEFINE)
def check_define(bench: Bench) -> None:
    """The definition is listed and read back; one without a UUID gets one."""
    config = bench.config()
    ref = bench.call(C.DEFINE, config)
    bench.later(bench.undefine, ref)
    if not isinstance(ref, GuestRef) or ref.uuid != config.uuid or ref.name != config.name:
        raise broken(f"define: answered {ref!r}, not the definition's UUID and name")
    fresh = evolve(bench.config(), uuid=None)
    given = bench.call(C.DEFINE, fresh)
    bench.later(bench.undefine, given)
    if not given.uuid or canonical_uuid(given.uuid) != given.uuid or not given.uuid.strip("0-"):
        raise broken(f"define, no UUID: got {given.uuid!r}")
    again = bench.call(C.DEFINE, fresh)
    if again.uuid != given.uuid:
        raise broken("define, no UUID and a defined name: did not replace the one with this name")
    for one in (ref, given):
        _listed(bench, one, 1, "define")


@check(C.DEFINE)
def check_define_again(bench: Bench) -> None:
    """Defining the same UUID replaces the definition, under a new name too."""
    config = bench.config()
    ref = bench.defined(config)
    bench.call(C.DEFINE, config)
    changed = evolve(
        config, name=config.name + "-renamed", vcpus=evolve(config.vcpus, maximum=1, current=None)
    )
    bench.call(C.DEFINE, changed)
    _listed(bench, ref, 1, "define again")
    if bench.offered(C.READ_DEFINED):
        by_uuid = GuestRef(uuid=config.uuid)
        same(changed, bench.call(C.READ_DEFINED, by_uuid), "define again, read-defined")
        bench.refusal(
            C.READ_DEFINED,
            NotFound,
            "former name",
            lambda: bench.call(C.READ_DEFINED, GuestRef(name=config.name)),
        )


@check(C.DEFINE)
def check_define_taken(bench: Bench) -> None:
    """AlreadyExists when the name is another UUID's; the other is not touched. Bad names."""
    config = bench.config()
    bench.defined(config)
    rival = evolve(bench.config(), name=config.name)
    bench.refusal(C.DEFINE, AlreadyExists, "another's name", lambda: bench.call(C.DEFINE, rival))
    if bench.offered(C.READ_DEFINED):
        held = bench.call(C.READ_DEFINED, GuestRef(uuid=config.uuid))
        same(config, held, "define, another's name")
    for name in ("", "a/b", "..", "nul\0", "line\nbreak", "x" * 10_000, " blank"):
        bad = evolve(bench.config(), name=name)
        bench.refusal(
            C.DEFINE,
            InvalidInput,
            f"name {name[:20]!r}",
            partial(bench.call, C.DEFINE, bad),
            about_guest=False,
        )


@check(C.DEFINE)
def check_define_secret(bench: Bench) -> None:
    """A password is kept, or refused; no message shows it."""
    config = evolve(bench.config(), graphics=(Graphics(type="vnc", password=SECRET),))
    try:
        ref = bench.call(C.DEFINE, config)
    except (Unrepresentable, InvalidInput) as exc:
        if SECRET in str(exc) or SECRET in repr(exc):
            raise broken("define: the error shows a password") from exc
        return
    bench.later(bench.undefine, ref)
    if bench.offered(C.READ_DEFINED):
        held = bench.call(C.READ_DEFINED, ref)
        if not held.graphics or held.graphics[0].password != SECRET:
            raise broken("define, then read-defined: the password is lost")
        if SECRET in repr(held):
            raise broken("read-defined: the repr shows a password")


def _listed(bench: Bench, ref: GuestRef, times: int, what: str) -> None:
    if not bench.offered(C.LIST_DEFINED):
        return
    rows = bench.call(C.LIST_DEFINED, bench.fields(C.LIST_DEFINED))
    count = sum(row.uuid == ref.uuid for row in rows)
    if count != times:
        raise broken(f"{what}: listed {count} times, not {times}")


@check(C.UNDEFINE)
def check_undefine(bench: Bench) -> None:
    """The definition is gone, others stay, its living guest goes on; again is NotFound."""
    ref, other = bench.defined(), bench.defined()
    living = None
    if bench.offered(C.START):
        living = evolve(ref, domid=bench.call(C.START, ref, paused=False).domid)
        bench.later(bench.remove, living)
    try:
        bench.call(C.UNDEFINE, ref)
    except InvalidState:
        # XenD keeps the definition of a guest that lives.
        if living is None:
            raise
        bench.end(living)
        living = None
        bench.call(C.UNDEFINE, ref)
    _listed(bench, ref, 0, "undefine")
    _listed(bench, other, 1, "undefine another")
    if living is not None and bench.can_look() and bench.look(living) is None:
        raise broken("undefine: its living guest is gone")
    bench.refusal(C.UNDEFINE, NotFound, "no definition", lambda: bench.call(C.UNDEFINE, ref))
    third = bench.defined()
    bench.call(C.UNDEFINE, GuestRef(uuid=third.uuid, name=other.name))
    _listed(bench, other, 1, "undefine by UUID, with another's name")


@check(C.SET_AUTOSTART)
def check_set_autostart(bench: Bench) -> None:
    """On and off, each twice; what was set is told."""
    ref = bench.defined()
    for enabled in (True, True, False, False):
        bench.call(C.SET_AUTOSTART, ref, enabled)
        told = None
        if Field.AUTOSTART in bench.fields(C.LIST_DEFINED):
            rows = bench.call(C.LIST_DEFINED, [Field.AUTOSTART])
            told = next(r.values.get(Field.AUTOSTART) for r in rows if r.uuid == ref.uuid)
        elif bench.offered(C.READ_DEFINED):
            told = bench.call(C.READ_DEFINED, ref).autostart
        if told is not None and told is not enabled:
            raise broken(f"set-autostart: set to {enabled}, told {told}")
