"""Saving, restoring, dumping, migrating."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from xenparley.domain.errors import AlreadyExists, InvalidInput, NotFound, XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench, broken
from xenparley_testing.calls import clear, image, saved
from xenparley_testing.checks.lifecycle import gone, receipt_of, shows
from xenparley_testing.registry import check

__all__ = ["check_dump", "check_migrate", "check_restore", "check_save"]

C = Capability
BAD_PATHS = ("relative", "", "/nul\0byte")


@check(C.SAVE)
def check_save(bench: Bench) -> None:
    """The guest is written and ends; AlreadyExists for a file that exists; paths are absolute."""
    ref, other = bench.living(), bench.living()
    before = bench.still(other)
    path = image(bench)
    receipt_of(bench.call(C.SAVE, ref, path), "save")
    gone(bench, ref, "save")
    bench.refusal(C.SAVE, AlreadyExists, "file exists", lambda: bench.call(C.SAVE, other, path))
    for bad in BAD_PATHS:
        bench.refusal(
            C.SAVE, InvalidInput, f"path {bad!r}", partial(bench.call, C.SAVE, other, bad)
        )
    if bench.still(other) != before:
        raise broken("save, refused: the guest changed")


@check(C.RESTORE)
def check_restore(bench: Bench) -> None:
    """The saved guest is back under a new domain id; NotFound without the file."""
    if bench.offered(C.SAVE):
        ref = saved(bench)
        bench.later(clear, bench, ref.uuid)
        receipt = receipt_of(bench.call(C.RESTORE, ref.name, paused=True), "restore", new=True)
        back = evolve(ref, domid=receipt.domid)
        if bench.can_look(Field.UUID) and bench.look(back) is None:
            raise broken("restore: no guest with the receipt's domid and the saved handle")
        shows(bench, back, RunFlags.PAUSED, "restore, paused")
    bench.refusal(
        C.RESTORE,
        NotFound,
        "no such file",
        lambda: bench.call(C.RESTORE, image(bench), paused=False),
        about_guest=False,
    )
    for bad in BAD_PATHS:
        bench.refusal(
            C.RESTORE,
            InvalidInput,
            f"path {bad!r}",
            partial(bench.call, C.RESTORE, bad, paused=False),
            about_guest=False,
        )


@check(C.DUMP)
def check_dump(bench: Bench) -> None:
    """The guest goes on, live or not."""
    ref = bench.living()
    before = bench.still(ref)
    for live in (False, True):
        receipt_of(bench.call(C.DUMP, ref, image(bench), live=live), f"dump, {live=}")
        if bench.still(ref) != before:
            raise broken(f"dump, {live=}: the guest changed")
    for bad in BAD_PATHS:
        bench.refusal(
            C.DUMP,
            InvalidInput,
            f"path {bad!r}",
            partial(bench.call, C.DUMP, ref, bad, live=False),
        )


@check(C.MIGRATE)
def check_migrate(bench: Bench) -> None:
    """The guest leaves; an unknown option is refused by name; a bad destination harms nothing."""
    ref = bench.living()
    before = bench.still(ref)
    option = "no-such-option"
    error = bench.refusal(
        C.MIGRATE,
        InvalidInput,
        "unknown option",
        lambda: bench.call(C.MIGRATE, ref, "nowhere.invalid", live=True, options={option: "1"}),
    )
    if option not in str(error):
        raise broken(f"migrate: the message doesn't name the unknown option: {error}")
    for bad in ("", "-oProxyCommand=true", "two words", "nul\0"):
        bench.refusal(
            C.MIGRATE,
            InvalidInput,
            f"destination {bad!r}",
            partial(bench.call, C.MIGRATE, ref, bad, live=True, options={}),
        )
    there = bench.subject.destination
    if there is not None:
        receipt_of(bench.call(C.MIGRATE, ref, there, live=True, options={}), "migrate")
        gone(bench, ref, "migrate")
        return
    try:
        bench.call(C.MIGRATE, ref, "nowhere.invalid", live=True, options={})
    except XenparleyError:
        if bench.still(ref) != before:
            raise broken("migrate to nowhere: the guest changed") from None
    else:
        raise broken("migrate: nowhere.invalid took the guest")
