"""create, start, pause, unpause, shutdown, reboot, destroy, rename, trigger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from attrs import evolve

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_testing.bench import Bench, broken
from xenparley_testing.calls import clear
from xenparley_testing.registry import check

__all__ = [
    "check_create",
    "check_create_taken",
    "check_destroy",
    "check_pause",
    "check_pause_threads",
    "check_reboot",
    "check_rename",
    "check_shutdown",
    "check_start",
    "check_start_taken",
    "check_trigger",
    "check_unpause",
]

C = Capability


def receipt_of(answer: object, what: str, *, new: bool = False) -> Receipt:
    """Return the answer, which must be a receipt; of a ``new`` guest it has the domain id."""
    if not isinstance(answer, Receipt):
        raise broken(f"{what}: answered {answer!r}, not a Receipt")
    if new and (not isinstance(answer.domid, int) or answer.domid <= 0):
        raise broken(f"{what}: the receipt's domid is {answer.domid!r}")
    return answer


def shows(bench: Bench, ref: GuestRef, flags: RunFlags, what: str) -> None:
    """Wait until the guest shows these flags, where the channel lets us look."""
    if bench.can_look(Field.STATE):
        bench.eventually(
            lambda: bench.shows(ref, flags),
            f"{what}: the guest never shows {flags!r}: {bench.look(ref)!r}",
        )


def gone(bench: Bench, ref: GuestRef, what: str) -> None:
    """Wait until the guest is gone, where the channel lets us look."""
    if bench.can_look():
        bench.eventually(lambda: bench.look(ref) is None, f"{what}: the guest lives on")


@check(C.CREATE)
def check_create(bench: Bench) -> None:
    """A new guest under a new domain id with the configuration's name and UUID, paused or not."""
    for paused in (False, True):
        config = bench.config()
        bench.later(clear, bench, config.uuid)
        receipt = receipt_of(bench.call(C.CREATE, config, paused=paused), "create", new=True)
        ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        if bench.can_look() and bench.look(ref) is None:
            raise broken("create: no guest with the receipt's domid and the config's UUID")
        shows(bench, ref, RunFlags.PAUSED if paused else RunFlags.NONE, f"create, {paused=}")
        bench.remove(ref)
    nameless = evolve(bench.config(), uuid=None)
    receipt = receipt_of(bench.call(C.CREATE, nameless, paused=True), "create, no UUID", new=True)
    if bench.can_look(Field.UUID):
        rows = bench.call(C.LIST_LIVE, [Field.UUID], domids=[receipt.domid])
        if not rows or not rows[0].uuid or not rows[0].uuid.strip("0-"):
            raise broken(f"create, no UUID: the guest got no handle: {rows!r}")
        bench.remove(GuestRef(domid=receipt.domid, uuid=rows[0].uuid, name=nameless.name))


@check(C.CREATE)
def check_create_taken(bench: Bench) -> None:
    """AlreadyExists for a living guest's name or UUID, and no second guest is left behind."""
    first = bench.config()
    ref = bench.living(first)
    before = _ids(bench)
    for what, config in (
        ("name of a living guest", evolve(bench.config(), name=first.name)),
        ("UUID of a living guest", evolve(bench.config(), uuid=first.uuid)),
    ):
        bench.refusal(
            C.CREATE,
            AlreadyExists,
            what,
            partial(bench.call, C.CREATE, config, paused=False),
        )
        if _ids(bench) != before:
            raise broken(f"create, {what}: the guests were {before}, are {_ids(bench)}")
    if bench.can_look() and bench.look(ref) is None:
        raise broken("create, taken: the first guest is gone")


def _ids(bench: Bench) -> set[int] | None:
    if not bench.offered(C.LIST_LIVE):
        return None
    return {row.domid for row in bench.call(C.LIST_LIVE, [])}


@check(C.START)
def check_start(bench: Bench) -> None:
    """A defined guest lives, paused or not, under a new domain id; its definition stays."""
    for paused in (False, True):
        defined = bench.defined()
        bench.later(clear, bench, defined.uuid)
        receipt = receipt_of(bench.call(C.START, defined, paused=paused), "start", new=True)
        ref = evolve(defined, domid=receipt.domid)
        if bench.can_look() and bench.look(ref) is None:
            raise broken("start: no guest with the receipt's domid and the definition's UUID")
        shows(bench, ref, RunFlags.PAUSED if paused else RunFlags.NONE, f"start, {paused=}")
        bench.remove(ref)
        if bench.offered(C.FIND_DEFINED) and not bench.call(
            C.FIND_DEFINED, bench.fields(C.FIND_DEFINED), uuid=defined.uuid
        ):
            raise broken("start: the definition is gone")


@check(C.START)
def check_start_taken(bench: Bench) -> None:
    """AlreadyExists for a guest that is living."""
    defined = bench.defined()
    bench.later(clear, bench, defined.uuid)
    bench.call(C.START, defined, paused=False)
    bench.refusal(
        C.START,
        (AlreadyExists, InvalidState),
        "living guest",
        lambda: bench.call(C.START, defined, paused=False),
    )


@check(C.PAUSE)
def check_pause(bench: Bench) -> None:
    """The guest is off its CPUs; pausing it again is success; others run on."""
    ref, other = bench.living(), bench.living()
    before = bench.still(other)
    for _ in range(2):
        receipt_of(bench.call(C.PAUSE, ref), "pause")
        shows(bench, ref, RunFlags.PAUSED, "pause")
    if bench.still(other) != before:
        raise broken("pause: another guest changed")


@check(C.PAUSE)
def check_pause_threads(bench: Bench) -> None:
    """Several threads pause each its own guest: each of them is paused, and no other."""
    if not bench.subject.spec.thread_safe:
        return
    refs = [bench.living() for _ in range(bench.limits.threads)]
    bystander = bench.living()
    before = bench.still(bystander)

    def pause_all() -> list[Receipt]:
        with ThreadPoolExecutor(len(refs)) as pool:
            return list(pool.map(partial(bench.call, C.PAUSE), refs))

    _, error = bench.in_time("pause in several threads", bench.limits.call, pause_all)
    if error is not None:
        raise broken(f"pause in several threads: {error!r}", error) from error
    for ref in refs:
        shows(bench, ref, RunFlags.PAUSED, "pause in several threads")
    if bench.still(bystander) != before:
        raise broken("pause in several threads: another guest changed")


@check(C.UNPAUSE)
def check_unpause(bench: Bench) -> None:
    """The guest runs again; unpausing a guest that isn't paused is success."""
    ref = bench.living()
    if bench.offered(C.PAUSE):
        bench.call(C.PAUSE, ref)
        shows(bench, ref, RunFlags.PAUSED, "pause")
    for _ in range(2):
        receipt_of(bench.call(C.UNPAUSE, ref), "unpause")
        shows(bench, ref, RunFlags.NONE, "unpause")


@check(C.SHUTDOWN)
def check_shutdown(bench: Bench) -> None:
    """The guest is asked, the receipt says how; a guest that obeys ends by itself."""
    ref, other = bench.living(), bench.living()
    before = bench.still(other)
    receipt = receipt_of(bench.call(C.SHUTDOWN, ref), "shutdown")
    if not receipt.how:
        raise broken("shutdown: the receipt doesn't say how the guest was asked")
    if bench.subject.guests_obey and bench.can_look(Field.STATE):
        bench.eventually(
            lambda: bench.look(ref) is None or bench.shows(ref, RunFlags.SHUTDOWN),
            "shutdown: a guest that obeys lives on",
        )
    if bench.still(other) != before:
        raise broken("shutdown: another guest changed")


@check(C.REBOOT)
def check_reboot(bench: Bench) -> None:
    """The guest is asked; one that obeys comes back under a new domain id, with its handle."""
    ref = bench.living()
    bench.later(clear, bench, ref.uuid)
    receipt_of(bench.call(C.REBOOT, ref), "reboot")
    if not bench.subject.guests_obey or not bench.offered(C.LIST_LIVE):
        return

    def back() -> bool:
        rows = bench.call(C.LIST_LIVE, [Field.UUID])
        ids = [row.domid for row in rows if row.uuid == ref.uuid]
        return bool(ids) and ref.domid not in ids

    bench.eventually(back, "reboot: the guest did not come back under a new domain id")


@check(C.DESTROY)
def check_destroy(bench: Bench) -> None:
    """The guest is gone, others live on; destroying it again is NotFound."""
    ref, other = bench.living(), bench.living()
    before = bench.still(other)
    receipt_of(bench.call(C.DESTROY, ref), "destroy")
    gone(bench, ref, "destroy")
    if bench.still(other) != before:
        raise broken("destroy: another guest changed")
    bench.refusal(C.DESTROY, NotFound, "guest gone", lambda: bench.call(C.DESTROY, ref))
    paused = bench.living()
    if bench.offered(C.PAUSE):
        bench.call(C.PAUSE, paused)
    receipt_of(bench.call(C.DESTROY, paused), "destroy, paused guest")
    gone(bench, paused, "destroy, paused guest")


@check(C.RENAME)
def check_rename(bench: Bench) -> None:
    """The guest has its new name, and keeps id and handle; AlreadyExists for a taken one."""
    ref, other = bench.living(), bench.living()
    name = bench.config().name + "-new"
    receipt_of(bench.call(C.RENAME, ref, name), "rename")
    if bench.can_look(Field.NAME):
        bench.eventually(
            lambda: getattr(bench.look(ref), "values", {}).get(Field.NAME) == name,
            f"rename: the guest is not called {name!r}",
        )
    bench.refusal(
        C.RENAME,
        AlreadyExists,
        "name of another guest",
        lambda: bench.call(C.RENAME, ref, other.name),
    )
    bench.refusal(
        C.RENAME, InvalidInput, "name with a slash", lambda: bench.call(C.RENAME, ref, "a/b")
    )


@check(C.TRIGGER)
def check_trigger(bench: Bench) -> None:
    """A known event is taken, or Unsupported; an unknown one is InvalidInput."""
    ref = bench.living(cdrom=True)
    with suppress(Unsupported):  # some kinds of guests have no such button
        receipt_of(bench.call(C.TRIGGER, ref, "power"), "trigger")
    again = bench.living(cdrom=True)
    for event in ("no such button", "", "sysrq-", "sysrq-long", "power\n"):
        bench.refusal(
            C.TRIGGER,
            InvalidInput,
            f"event {event!r}",
            partial(bench.call, C.TRIGGER, again, event),
        )
