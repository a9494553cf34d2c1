"""Waiting for a guest to reach a state."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from xenparley.application.base import STEERING_FIELDS, HostBase
from xenparley.application.finding import Guest
from xenparley.domain.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from xenparley.domain.guest import GuestInfo
from xenparley.domain.identity import GuestRef
from xenparley.domain.lifecycle import LIVING, Phase

__all__ = ["Waiting"]

#: Seconds between looks: quick at first, then slower; a look costs the host something.
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5

#: Seconds that a toolstack is given to clean up after a guest that ended.
SETTLE_S = 2.0

ENDED = frozenset({Phase.SHUT_OFF, Phase.ABSENT, Phase.SHUTDOWN, Phase.CRASHED})


class Waiting(HostBase):
    """Polls; what is reached was seen."""

    def wait_for(
        self,
        guest: Guest,
        phases: Phase | Collection[Phase],
        *,
        timeout: float | None = None,
    ) -> GuestInfo:
        """Wait until the guest is in one of the phases; return what was seen.

        A guest named by text or id is found once, at the start. Raises DeadlineExceeded with
        ``last_seen``, NotFound when there is no such guest and ABSENT is not waited for.
        """
        wanted = {phases} if isinstance(phases, Phase) else set(phases)
        if not wanted:
            raise InvalidInput("no phase to wait for")
        deadline = self._deadline(timeout)
        try:
            info = self._finder.one(guest, STEERING_FIELDS, deadline)
        except NotFound:
            if Phase.ABSENT in wanted:
                return GuestInfo(observed_at=time.time())
            raise
        return self._wait(
            info.ref, lambda seen: seen.phase in wanted, deadline, "wait", _words(wanted)
        )

    def _wait(
        self,
        ref: GuestRef,
        reached: Callable[[GuestInfo], bool],
        deadline: float,
        operation: str,
        goal: str,
        *,
        accepted: bool = False,
    ) -> GuestInfo:
        """Look until ``reached`` says so. Channels may come and go meanwhile."""
        pause = _FIRST_PAUSE
        last: str | None = None
        while True:
            try:
                info = self._look(ref, deadline)
                if reached(info):
                    return info
                last = info.phase.value if info.phase is not None else None
            except (Unavailable, DeadlineExceeded) as exc:
                last = last or f"could not look: {exc}"
            left = deadline - time.monotonic()
            if left <= 0:
                sent = "accepted, but " if accepted else ""
                raise DeadlineExceeded(
                    f"{operation}: {sent}{ref} is not {goal} in time; last seen: {last}",
                    last_seen=last,
                    guest=str(ref),
                    operation=operation,
                    retry_safe=not accepted,
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _look(self, ref: GuestRef, deadline: float) -> GuestInfo:
        """Observe this very guest: a living one by id and handle, else what is left of it.

        When the domain is gone, what is left is its definition (looked up by UUID), a successor
        (same UUID, new domain id: told by its own row), or nothing.
        """
        if ref.domid is not None:
            listing = self._reader.live(STEERING_FIELDS, deadline, domids=(ref.domid,))
            for row in listing.guests:
                if row.domid == ref.domid and ref.uuid in (None, row.uuid):
                    return row
        key = GuestRef(uuid=ref.uuid) if ref.uuid is not None else GuestRef(name=ref.name)
        try:
            return self._finder.one(key, STEERING_FIELDS, deadline)
        except NotFound:
            return GuestInfo(uuid=ref.uuid, name=ref.name, defined=False, observed_at=time.time())


def is_gone(ref: GuestRef, seen: GuestInfo) -> bool:
    """Say whether the living guest that was meant is no longer that domain."""
    return seen.domid != ref.domid


class Ended:
    """Says whether a guest ended: gone, or kept as shut down or crashed.

    A toolstack cleans up some 0.1 to 0.4 s after the guest ended (measured with xl 4.17 in
    emulation); one that is still there after :data:`SETTLE_S` is kept (on_poweroff=preserve).
    """

    def __init__(self, ref: GuestRef, deadline: float) -> None:
        self._ref = ref
        self._deadline = deadline
        self._since: float | None = None

    def __call__(self, seen: GuestInfo) -> bool:
        """Take one more look into account."""
        if is_gone(self._ref, seen):
            return True
        if seen.phase not in ENDED:
            self._since = None
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since >= SETTLE_S or now + _FIRST_PAUSE >= self._deadline


def _words(phases: Collection[Phase]) -> str:
    return " or ".join(sorted(p.value for p in phases))


def is_living(seen: GuestInfo) -> bool:
    """Say whether the hypervisor knows it."""
    return seen.phase in LIVING
