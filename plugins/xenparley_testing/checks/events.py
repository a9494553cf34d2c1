"""Being told of changes."""

from __future__ import annotations

import threading
import time
from functools import partial

from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench, broken
from xenparley_testing.registry import check

__all__ = ["check_events", "check_events_closed", "check_events_raising"]

C = Capability


class Heard:
    """A callback that keeps the events and, when told to, raises."""

    def __init__(self, *, raises: bool = False) -> None:
        self.events: list[GuestEvent] = []
        self.raises = raises
        self.thread: int | None = None

    def __call__(self, event: GuestEvent) -> None:
        """Take an event."""
        self.events.append(event)
        self.thread = threading.get_ident()
        if self.raises:
            raise RuntimeError("a callback of the contract kit raises")

    def of(self, ref: GuestRef, *kinds: EventKind) -> list[GuestEvent]:
        """Return the events of these kinds about a guest, or that tell to look again."""
        return [
            e
            for e in list(self.events)
            if e.kind is EventKind.RESYNC or (e.kind in kinds and about(e, ref))
        ]

    def told(self, ref: GuestRef, kind: EventKind) -> bool:
        """Say whether this was told of a guest, or that one must look again."""
        return bool(self.of(ref, kind))


def about(event: GuestEvent, ref: GuestRef) -> bool:
    """Say whether the event is about this guest."""
    guest = event.guest
    return guest is not None and (
        (guest.domid is not None and guest.domid == ref.domid)
        or (guest.uuid is not None and guest.uuid == ref.uuid)
    )


@check(C.EVENTS)
def check_events(bench: Bench) -> None:
    """A guest that starts and ends is told, once each, from another thread."""
    heard = Heard()
    subscription = bench.call(C.EVENTS, heard)
    bench.later(subscription.close)
    ref = bench.living()
    bench.eventually(
        lambda: bool(heard.of(ref, EventKind.STARTED)),
        f"events: the start was never told, only {heard.events!r}",
    )
    bench.remove(ref)
    bench.eventually(
        lambda: bool(heard.of(ref, EventKind.STOPPED)),
        f"events: the end was never told, only {heard.events!r}",
    )
    for kind in (EventKind.STARTED, EventKind.STOPPED):
        if sum(e.kind is kind for e in heard.of(ref, kind)) > 1:
            raise broken(f"events: {kind.value} was told more than once: {heard.events!r}")
    if heard.thread == threading.get_ident():
        raise broken("events: the callback ran in the caller's thread")
    now = time.time()
    for event in heard.events:
        if type(event) is not GuestEvent or type(event.kind) is not EventKind:
            raise broken(f"events: told {event!r}")
        if not event.source or (event.guest is None) != (event.kind is EventKind.RESYNC):
            raise broken(f"events: {event!r} lacks its source or guest")
        if not now - 3600 < event.at < now + 3600:
            raise broken(f"events: {event!r} was observed at {event.at}, now is {now}")
    kinds = bench.offers[C.EVENTS].events
    if bench.offered(C.DEFINE, C.UNDEFINE) and (kinds is None or EventKind.DEFINED in kinds):
        defined = bench.defined()
        bench.eventually(
            lambda: bool(heard.of(defined, EventKind.DEFINED)), "events: define was never told"
        )


@check(C.EVENTS)
def check_events_closed(bench: Bench) -> None:
    """No callback starts after the subscription's close(), which may be called again."""
    heard, other = Heard(), Heard()
    subscription = bench.call(C.EVENTS, heard)
    bench.later(bench.call(C.EVENTS, other).close)
    subscription.close()
    subscription.close()
    count = len(heard.events)
    ref = bench.living()
    bench.eventually(
        lambda: bool(other.of(ref, EventKind.STARTED)),
        "events: closing one subscription ended another",
    )
    time.sleep(bench.limits.quiet)
    if len(heard.events) != count:
        raise broken("events: told after the subscription was closed")


@check(C.EVENTS)
def check_events_raising(bench: Bench) -> None:
    """A callback that raises is called again for the next event."""
    heard = Heard(raises=True)
    bench.later(bench.call(C.EVENTS, heard).close)
    for _ in range(2):
        ref = bench.living()
        bench.eventually(
            partial(heard.told, ref, EventKind.STARTED),
            "events: no more events after the callback raised",
        )
