"""What happens to a domain over time: requests obeyed, clean-up, the dying stage, restarts.

Nothing here runs by itself. Each step is a timer in the store; whoever looks next carries out
what has become due, in the order and at the times at which it would have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from xenparley.domain.errors import InvalidInput, Unsupported
from xenparley.domain.events import EventKind
from xenparley.domain.runstate import ShutdownReason, reason_name
from xenparley_sim import changes
from xenparley_sim.domain import Domain
from xenparley_sim.transaction import Transaction

__all__ = [
    "REQUESTS",
    "advance",
    "announce",
    "begin_dying",
    "check_unprivileged",
    "end",
    "pause",
    "request",
    "retime",
    "unpause",
]

OBEY, CLEAN, GONE, BALLOON = "obey", "clean", "gone", "balloon"

#: What may stand in control/shutdown, and the reason with which a guest that obeys ends.
REQUESTS: Mapping[str, ShutdownReason] = MappingProxyType(
    {
        "poweroff": ShutdownReason.POWEROFF,
        "halt": ShutdownReason.POWEROFF,
        "reboot": ShutdownReason.REBOOT,
        "suspend": ShutdownReason.SUSPEND,
    }
)

#: The place of a shutdown reason's action in Domain.actions.
_ACTION_OF = {
    ShutdownReason.POWEROFF: 0,
    ShutdownReason.REBOOT: 1,
    ShutdownReason.CRASH: 2,
    ShutdownReason.WATCHDOG: 3,
    ShutdownReason.SOFT_RESET: 4,
}
MAX_PAUSES = 255


def check_unprivileged(domain: Domain, what: str) -> None:
    """Raise Unsupported for Domain 0, which nobody may end or hold."""
    if domain.domid == 0:
        raise Unsupported(f"Domain 0 is the host itself: it can't be made to {what}")


def pause(tx: Transaction, domain: Domain) -> None:
    """Pause once more. Xen counts to 255; InvalidInput beyond."""
    check_unprivileged(domain, "pause")
    if domain.pauses >= MAX_PAUSES:
        raise InvalidInput(f"domain {domain.domid} is paused {MAX_PAUSES} times already")
    domain.pauses += 1
    if domain.pauses == 1:
        tx.note(EventKind.PAUSED.value, domain)
    retime(tx, domain)
    tx.put(domain)


def unpause(tx: Transaction, domain: Domain) -> None:
    """Take one pause back; InvalidInput when there is none (Xen says EINVAL)."""
    if not domain.pauses:
        raise InvalidInput(f"domain {domain.domid} is not paused")
    domain.pauses -= 1
    if not domain.pauses:
        tx.note(EventKind.UNPAUSED.value, domain)
    retime(tx, domain)
    tx.put(domain)


def retime(tx: Transaction, domain: Domain) -> None:
    """Set the timers that follow from the domain's state; a domain that is held has none."""
    if domain.runs and domain.request in REQUESTS and domain.obedient:
        tx.arm(domain.domid, OBEY, tx.timing.obey)
    else:
        tx.disarm(domain.domid, OBEY)
    distance = abs(domain.target_kib - domain.memory_kib)
    if domain.runs and distance:
        # A millisecond more than it takes, so that rounding leaves nothing to do.
        tx.arm(domain.domid, BALLOON, distance / tx.timing.balloon_kib_s + 0.001)
    else:
        tx.disarm(domain.domid, BALLOON)


def request(tx: Transaction, domain: Domain, what: str | None) -> None:
    """Write (or with None withdraw) a request into the domain's control/shutdown.

    A guest that runs and is obedient acts after ``Timing.obey``; one that is paused does so once
    it runs again. A word that guests don't know (``crash``) stays there unanswered.
    """
    domain.request = what
    tx.note(changes.REQUESTED, domain, what or "")
    retime(tx, domain)
    tx.put(domain)


def end(tx: Transaction, domain: Domain, reason: int) -> None:
    """The guest stops by itself (or its kernel dies) with this shutdown reason."""
    check_unprivileged(domain, "end")
    if domain.dying or domain.reason is not None:
        return
    domain.reason = int(reason)
    domain.request = None
    domain.cause = reason_name(reason)
    domain.target_kib = domain.memory_kib
    crashed = reason in (ShutdownReason.CRASH, ShutdownReason.WATCHDOG)
    tx.note((EventKind.CRASHED if crashed else EventKind.SHUTDOWN).value, domain, domain.cause)
    retime(tx, domain)
    tx.arm(domain.domid, CLEAN, tx.timing.linger)
    tx.put(domain)


def begin_dying(tx: Transaction, domain: Domain, cause: str, after: str | None = None) -> None:
    """Tear the domain down: dying, then gone after ``Timing.dying``. Again is no error."""
    check_unprivileged(domain, "go")
    if domain.dying:
        return
    domain.dying = 1
    domain.cause = cause
    domain.after = after
    domain.request = None
    domain.target_kib = domain.memory_kib
    tx.note(changes.DYING, domain, cause)
    retime(tx, domain)
    tx.disarm(domain.domid, CLEAN)
    tx.arm(domain.domid, GONE, tx.timing.dying)
    tx.put(domain)


def announce(tx: Transaction, domain: Domain, detail: str | None = None) -> None:
    """Tell that a new domain is there (and, when it was made paused, that it is held)."""
    tx.note(EventKind.STARTED.value, domain, detail)
    if domain.pauses:
        tx.note(EventKind.PAUSED.value, domain)


def advance(tx: Transaction, now: float, free_kib: Callable[[Transaction], int]) -> None:
    """Carry out everything that has become due until ``now``, each step at its own time."""
    while (ready := tx.due(now)) is not None:
        domid, kind, due = ready
        tx.now = due
        tx.disarm(domid, kind)
        domain = tx.domain(domid)
        if domain is None:
            continue
        if kind == OBEY:
            _obey(tx, domain)
        elif kind == CLEAN:
            _clean(tx, domain, free_kib)
        elif kind == GONE:
            _gone(tx, domain, free_kib)
        elif kind == BALLOON:
            tx.put(domain)
    tx.now = now


def _obey(tx: Transaction, domain: Domain) -> None:
    reason = REQUESTS.get(domain.request or "")
    if domain.runs and domain.obedient and reason is not None:
        end(tx, domain, reason)


def _clean(tx: Transaction, domain: Domain, free_kib: Callable[[Transaction], int]) -> None:
    if domain.reason is None or domain.dying:
        return
    place = _ACTION_OF.get(ShutdownReason(domain.reason)) if domain.reason <= 5 else 0
    # Suspended guests were saved or moved; an unknown reason is treated as a power-off.
    action = "destroy" if place is None else domain.actions.split(",")[place]
    cause = domain.cause or "unknown"
    if action.startswith("coredump-"):
        stamp = f"{tx.now:.3f}"
        tx.put_file(f"/var/lib/xen/dump/{domain.name}-{stamp}", "core", f"core of {domain.handle}")
        action = action.removeprefix("coredump-")
    if action == "preserve":
        return
    if action == "rename-restart":
        old = domain.name
        domain.name = _free_name(tx, old)
        tx.note(EventKind.RENAMED.value, domain, old)
        tx.put(domain)
        _rebirth(tx, domain, old, free_kib)
    elif action == "restart":
        begin_dying(tx, domain, cause, after="restart")
    elif action == "soft-reset":
        domain.reason = None
        domain.cause = None
        tx.put(domain)
    else:
        begin_dying(tx, domain, cause)


def _gone(tx: Transaction, domain: Domain, free_kib: Callable[[Transaction], int]) -> None:
    config = tx.document(f"c:{domain.domid}")
    hardware = tx.document(f"h:{domain.domid}")
    tx.remove(domain)
    tx.note(EventKind.STOPPED.value, domain, domain.cause)
    if domain.after == "restart":
        _rebirth(tx, domain, domain.name, free_kib, config=config, hardware=hardware)


def _rebirth(
    tx: Transaction,
    old: Domain,
    name: str,
    free_kib: Callable[[Transaction], int],
    *,
    config: str | None = None,
    hardware: str | None = None,
) -> None:
    """Make the guest anew: another domain id, the same handle."""
    if free_kib(tx) < old.boot_kib or tx.by_name(name):
        return
    config = config if config is not None else tx.document(f"c:{old.domid}")
    hardware = hardware if hardware is not None else tx.document(f"h:{old.domid}")
    new = Domain(
        domid=tx.next_domid(),
        handle=old.handle,
        name=name,
        virt=old.virt,
        pauses=0,
        reason=None,
        dying=0,
        activity=old.activity,
        started=tx.now,
        since=tx.now,
        cpu_ns=0,
        memory_kib=old.boot_kib,
        target_kib=old.boot_kib,
        max_kib=old.max_kib,
        held_kib=0,
        boot_kib=old.boot_kib,
        vcpus=old.boot_vcpus,
        max_vcpus=old.max_vcpus,
        boot_vcpus=old.boot_vcpus,
        weight=old.weight,
        cap=old.cap,
        request=None,
        obedient=old.obedient,
        actions=old.actions,
        after=None,
        cause=None,
    )
    tx.insert(new)
    if config is not None:
        tx.put_document(f"c:{new.domid}", config)
    if hardware is not None:
        from xenparley_sim.hardware import Hardware

        tx.put_document(f"h:{new.domid}", Hardware.read(hardware).restarted())
    announce(tx, new, "restarted")


def _free_name(tx: Transaction, name: str) -> str:
    number = 1
    while tx.by_name(f"{name}-{number}"):
        number += 1
    return f"{name}-{number}"
