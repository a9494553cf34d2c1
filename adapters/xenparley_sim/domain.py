"""One living domain of the simulated host, as the hypervisor keeps it."""

from __future__ import annotations

from functools import lru_cache

from xenparley.domain.lifecycle import Phase, derive_phase
from xenparley.domain.runstate import RunFlags

__all__ = ["COLUMNS", "UNLIMITED_KIB", "Domain", "run_flags", "ticked_ns"]

#: ``max_kib`` of a domain without a limit.
UNLIMITED_KIB = -1

#: The columns of the store's table, in the order of Domain's arguments.
COLUMNS = (
    "domid",
    "handle",
    "name",
    "virt",
    "pauses",
    "reason",
    "dying",
    "activity",
    "started",
    "since",
    "cpu_ns",
    "memory_kib",
    "target_kib",
    "max_kib",
    "held_kib",
    "boot_kib",
    "vcpus",
    "max_vcpus",
    "boot_vcpus",
    "weight",
    "cap",
    "request",
    "obedient",
    "actions",
    "after",
    "cause",
)


def run_flags(pauses: int, reason: int | None, dying: int, activity: int) -> RunFlags:
    """Word the state as the hypervisor does. A dying domain is paused and keeps its reason."""
    return _flags(bool(pauses), reason is not None, bool(dying), activity)


# Arithmetic on flags is slow, listings are long, and there are few states.
@lru_cache(maxsize=64)
def _flags(paused: bool, ended: bool, dying: bool, activity: int) -> RunFlags:
    flags = RunFlags.NONE
    if dying:
        flags |= RunFlags.DYING | RunFlags.PAUSED
    if ended:
        flags |= RunFlags.SHUTDOWN
    if paused:
        flags |= RunFlags.PAUSED
    return flags or RunFlags(activity)


def ticked_ns(since: float, now: float, vcpus: int, cap: int, load: float) -> int:
    """Nanoseconds of CPU time that a running guest takes from ``since`` to ``now``."""
    share = vcpus * load
    if cap:
        share = min(share, cap / 100)
    return int(max(0.0, now - since) * share * 1_000_000_000)


class Domain:
    """A living domain, settled at ``since``: its CPU time and memory are those of that moment.

    Sizes are KiB. ``memory_kib`` is what it holds, ``target_kib`` what its balloon was asked for,
    ``boot_kib`` what it starts with after a reboot. ``pauses`` counts as Xen does, to 255.
    ``activity`` is the RunFlags value shown while it runs. ``request`` is what stands in its
    ``control/shutdown``; a guest that is not ``obedient`` leaves it there. ``actions`` are its
    on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset, separated by commas. ``after``
    says what follows the dying stage (``restart``), ``cause`` why it ends.
    """

    __slots__ = COLUMNS

    def __init__(
        self,
        domid: int,
        handle: str,
        name: str,
        virt: str,
        pauses: int,
        reason: int | None,
        dying: int,
        activity: int,
        started: float,
        since: float,
        cpu_ns: int,
        memory_kib: int,
        target_kib: int,
        max_kib: int,
        held_kib: int,
        boot_kib: int,
        vcpus: int,
        max_vcpus: int,
        boot_vcpus: int,
        weight: int,
        cap: int,
        request: str | None,
        obedient: int,
        actions: str,
        after: str | None,
        cause: str | None,
    ) -> None:
        self.domid = domid
        self.handle = handle
        self.name = name
        self.virt = virt
        self.pauses = pauses
        self.reason = reason
        self.dying = dying
        self.activity = activity
        self.started = started
        self.since = since
        self.cpu_ns = cpu_ns
        self.memory_kib = memory_kib
        self.target_kib = target_kib
        self.max_kib = max_kib
        self.held_kib = held_kib
        self.boot_kib = boot_kib
        self.vcpus = vcpus
        self.max_vcpus = max_vcpus
        self.boot_vcpus = boot_vcpus
        self.weight = weight
        self.cap = cap
        self.request = request
        self.obedient = obedient
        self.actions = actions
        self.after = after
        self.cause = cause

    def __repr__(self) -> str:
        return f"Domain({self.domid}, {self.name!r}, {self.handle})"

    @property
    def runs(self) -> bool:
        """Whether its virtual CPUs are scheduled."""
        return not self.pauses and self.reason is None and not self.dying

    @property
    def flags(self) -> RunFlags:
        """Its state as the hypervisor says it."""
        return run_flags(self.pauses, self.reason, self.dying, self.activity)

    @property
    def phase(self) -> Phase:
        """The phase of its life (never absent or shut off: it is living)."""
        return derive_phase(self.flags, self.reason, False)

    def settle(self, now: float, *, load: float, balloon_kib_s: int) -> None:
        """Bring CPU time and memory up to ``now``; time that goes back changes nothing."""
        if now <= self.since:
            return
        if self.runs:
            self.cpu_ns += ticked_ns(self.since, now, self.vcpus, self.cap, load)
            moved = int((now - self.since) * balloon_kib_s)
            if self.memory_kib < self.target_kib:
                self.memory_kib = min(self.target_kib, self.memory_kib + moved)
            elif self.memory_kib > self.target_kib:
                self.memory_kib = max(self.target_kib, self.memory_kib - moved)
        self.since = now
