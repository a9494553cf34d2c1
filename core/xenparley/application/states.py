"""Pauses of living guests, and why they end, where no subscription tells: by looking often.

XenStore tells that guests come and go, and keeps no trace of a pause; nor does it say why a domain
has gone. The hypervisor knows, while the domain is still there, and is asked for next to nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.application.observe import Seen, differences, seen
from xenparley.domain.errors import XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.plan import plan_read
from xenparley.plugin.log import logger

if TYPE_CHECKING:
    from xenparley.application.base import HostBase
    from xenparley.domain.identity import GuestRef

__all__ = ["KINDS", "StateWatch"]

#: What looking tells.
KINDS = frozenset({EventKind.PAUSED, EventKind.UNPAUSED, EventKind.SHUTDOWN, EventKind.CRASHED})
#: Seconds between two looks. A domain that has shut down is there some 0.1 to 1 s longer (libxl).
INTERVAL_S = 0.1
#: A look that costs more (microseconds, on a host of 100 guests) isn't made that often.
DEAR_US = 5_000.0
#: Ends that wait to be asked for.
_ENDS = 1_000
_FIELDS = (Field.UUID, Field.STATE, Field.REASON)


class StateWatch:
    """Looks at the states of all guests on a thread of its own; tells ``put`` what changes.

    Of a guest nothing is told before it was announced: somebody else tells who comes and goes.
    """

    def __init__(
        self,
        host: HostBase,
        put: Callable[[GuestEvent], None],
        kinds: Collection[EventKind],
    ) -> None:
        self._host = host
        self._put = put
        self._kinds = frozenset(kinds)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._announced: set[int] = set()
        self._ends: dict[int, str] = {}
        self._before: Seen = {}

    @classmethod
    def begin(
        cls,
        host: HostBase,
        put: Callable[[GuestEvent], None],
        kinds: Collection[EventKind],
        deadline: float,
    ) -> StateWatch | None:
        """Look for the first time, and go on looking; None where that would be dear."""
        watch = cls(host, put, kinds)
        channels = watch.channels()
        if not channels:
            return None
        try:
            watch._before = watch._look(deadline)
        except XenparleyError as exc:
            logger("events").warning("nobody tells the states of guests: %s", exc)
            return None
        watch._announced = {domid for domid, _ in watch._before if domid is not None}
        threading.Thread(target=watch._run, name="xenparley-states", daemon=True).start()
        return watch

    def channels(self) -> tuple[str, ...]:
        """Return who would tell states now; nobody where that is dear or not all of it is told."""
        plan = plan_read(Capability.LIST_LIVE, _FIELDS, self._host._channels.views())
        if plan.missing or plan.cost_us > DEAR_US:
            return ()
        return tuple(part.channel for part in plan.parts)

    def announce(self, event: GuestEvent) -> GuestEvent:
        """Take in that a guest came or went; return the event, with the reason of an end."""
        domid = None if event.guest is None else event.guest.domid
        if domid is None:
            return event
        with self._lock:
            if event.kind is EventKind.STARTED:
                self._announced.add(domid)
                self._ends.pop(domid, None)
            elif event.kind is EventKind.STOPPED:
                self._announced.discard(domid)
                reason = self._ends.pop(domid, None) or self._last_seen(domid)
                if reason is not None and event.detail in (None, "unknown"):
                    return evolve(event, detail=reason)
        return event

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()

    def _last_seen(self, domid: int) -> str | None:
        """Word why it ends from when it was seen last. Call it with the lock held."""
        last = {key: info for key, info in self._before.items() if key[0] == domid}
        for event in differences(last, {}, "", 0.0):
            return event.detail
        return None

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            if self._host._closed:
                return
            if not self.channels():
                # Whoever told it is gone; asking others would start a process each time.
                continue
            try:
                found = self._look(time.monotonic() + self._host._timeout)
            except XenparleyError as exc:
                logger("events").info("could not look at the states of guests: %s", exc)
                continue
            for event in self._compare(found):
                self._put(event)

    def _look(self, deadline: float) -> Seen:
        return seen(self._host._reader.live(_FIELDS, deadline).guests)

    def _compare(self, found: Seen) -> list[GuestEvent]:
        source = ", ".join(self.channels())
        with self._lock:
            after = {
                key: info
                for key, info in found.items()
                if key in self._before or key[0] in self._announced
            }
            news = differences(self._before, after, source, time.time())
            for event in news:
                guest = event.guest
                if event.kind is EventKind.STOPPED and guest is not None:
                    self._keep(guest.domid, event.detail)
            self._before = after
        return [
            evolve(event, guest=self._named(event.guest))
            for event in news
            if event.kind in self._kinds and event.guest is not None
        ]

    def _keep(self, domid: int | None, reason: str | None) -> None:
        if domid is not None and domid in self._announced and reason is not None:
            if len(self._ends) >= _ENDS:
                self._ends.pop(next(iter(self._ends)))
            self._ends[domid] = reason

    def _named(self, guest: GuestRef) -> GuestRef:
        """Give a guest its name, where it can still be told."""
        if guest.name is not None or guest.domid is None:
            return guest
        deadline = time.monotonic() + self._host._timeout
        try:
            listing = self._host._reader.live(
                (Field.UUID, Field.NAME), deadline, domids=[guest.domid]
            )
        except XenparleyError as exc:
            logger("events").info("the name of %s: %s", guest, exc)
            return guest
        names = (g.name for g in listing.guests if (g.domid, g.uuid) == (guest.domid, guest.uuid))
        return evolve(guest, name=next(names, None))
