"""Events out of XenStore's watches: differences of what was seen before and after.

Watched are ``@introduceDomain``, ``@releaseDomain``, one ``/local/domain/N/name`` for each guest,
and ``/libxl`` for devices; never all of /local/domain, where guests write. What a watch says is
only that something may be different: the store is read, and each difference is told once, for
each pair of domain id and handle. Pause and resume leave no trace here. The reason of an end is
known where XenD has written it; else it is ``unknown``, and the hypervisor is to be asked.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import Unavailable, XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.negotiation.capability import Capability
from xenparley_xenstore.calls import Calls
from xenparley_xenstore.errors import CHANNEL
from xenparley_xenstore.sight import Sight, differences
from xenparley_xenstore.subscription import Change, Resync
from xenparley_xenstore.transport import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_xenstore.client import XenStore
    from xenparley_xenstore.subscription import Subscription

__all__ = ["EventSubscription", "EventsPort"]

_log = logging.getLogger("xenparley.xenstore")

_DOMAINS = ("@introduceDomain", "@releaseDomain")
_DEVICES = "/libxl"
#: How long one look may take, and the pause before the next after one that failed; seconds.
_LOOK = 10.0
_PAUSE = 0.5
#: How long the thread waits for an event before it looks whether anybody is still there.
_IDLE = 3600.0


class EventsPort:
    """Tells subscribers; one set of watches and one thread serve them all."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._watcher: _Watcher | None = None

    def subscribe(
        self, callback: Callable[[GuestEvent], None], *, deadline: float
    ) -> EventSubscription:
        """Call back for each event from now on, on a thread of this channel's."""
        with self._calls.call(Capability.EVENTS, deadline) as store, self._lock:
            subscription = self._watcher.add(callback) if self._watcher else None
            if subscription is None:
                self._watcher = _Watcher(store, callback, deadline)
                subscription = self._watcher.first
            return subscription

    def close(self) -> None:
        """End every subscription."""
        watcher = self._watcher
        if watcher is not None:
            watcher.close()


class EventSubscription:
    """A running subscription."""

    def __init__(
        self,
        callback: Callable[[GuestEvent], None],
        on_close: Callable[[EventSubscription], None],
    ) -> None:
        self._callback = callback
        self._on_close = on_close
        self._closed = False
        #: Held while the callback runs; it may close its own subscription.
        self._calling = threading.RLock()

    def tell(self, event: GuestEvent) -> None:
        """Call back, unless closed."""
        with self._calling:
            if self._closed:
                return
            try:
                self._callback(event)
            except Exception:  # noqa: BLE001 - logged; the next event is told all the same
                _log.exception("a subscriber to XenStore's events failed")

    def close(self) -> None:
        """End it; no callback starts after this returns. Idempotent."""
        self._closed = True
        with self._calling:
            pass
        self._on_close(self)


class _Watcher:
    """The watches, the thread, and what was seen last."""

    def __init__(
        self, store: XenStore, callback: Callable[[GuestEvent], None], deadline: float
    ) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.first = EventSubscription(callback, self._drop)
        self._subscribers = [self.first]
        self.over = False
        self._watches: Subscription = store.watch(*_DOMAINS, _DEVICES, deadline=deadline)
        try:
            self._seen = Sight.look(store, None, deadline)
            self._watch_names(self._seen, deadline)
        except BaseException:
            self._watches.close()
            raise
        start_thread("xenstore-events", self._run)

    def add(self, callback: Callable[[GuestEvent], None]) -> EventSubscription | None:
        """Add a subscriber; None when the last one has just gone, and the watches with it."""
        subscription = EventSubscription(callback, self._drop)
        with self._lock:
            if self.over:
                return None
            self._subscribers.append(subscription)
        return subscription

    def _drop(self, subscription: EventSubscription) -> None:
        """Forget a subscriber; with the last one the watches go."""
        with self._lock:
            if subscription in self._subscribers:
                self._subscribers.remove(subscription)
            last = not self._subscribers
            self.over = self.over or last
        if last:
            self._watches.close()

    def close(self) -> None:
        """End every subscription."""
        with self._lock:
            subscribers = tuple(self._subscribers)
        for subscription in subscribers:
            subscription.close()
        self.over = True
        self._watches.close()

    def _run(self) -> None:
        try:
            while not self.over:
                self._next()
        except Unavailable:
            # The subscription was closed: by us, or with the channel.
            self.over = True

    def _next(self) -> None:
        """Wait for an event, take in what came with it, look, and tell what is different."""
        event = self._watches.wait(deadline=time.monotonic() + _IDLE)
        if event is None:
            return
        first = _News()
        first.take(event)
        news: _News | None = first
        while news is not None:
            news = self._look_again(news)

    def _look_again(self, news: _News) -> _News | None:
        """Look until it succeeds, tell what is different; return what came during the look."""
        while not self.over:
            deadline = time.monotonic() + _LOOK
            try:
                # A new connection tells Resync: what is queued before the look is in the look.
                self._store.connect(deadline=deadline)
                while (event := self._watches.wait(deadline=0.0)) is not None:
                    news.take(event)
                before = None if news.lost else (self._seen, news.touched)
                now = Sight.look(self._store, before, deadline)
                self._watch_names(now, deadline)
                later = self._waiting()
                if later is not None and later.lost and not news.lost:
                    # The connection changed under the look: what it saw is the new one's.
                    news.lost = True
                    continue
                break
            except XenparleyError as exc:
                if self._watches.closed:
                    return None
                _log.info("looking for what changed in XenStore: %s", exc)
                news.lost = True
                time.sleep(_PAUSE)
        else:
            return None
        at = time.time()
        if news.lost:
            self._tell(GuestEvent(kind=EventKind.RESYNC, guest=None, source=CHANNEL, at=at))
        for difference in differences(self._seen, now, at):
            self._tell(difference)
        self._seen = now
        return later

    def _waiting(self) -> _News | None:
        """Take in what is queued; None when nothing is."""
        news: _News | None = None
        while (event := self._watches.wait(deadline=0.0)) is not None:
            news = news or _News()
            news.take(event)
        return news

    def _watch_names(self, sight: Sight, deadline: float) -> None:
        """Watch the names of the guests that are there, no others."""
        wanted = {f"/local/domain/{domid}/name" for domid in sight.guests}
        self._watches.keep({*_DOMAINS, _DEVICES, *wanted}, deadline=deadline)

    def _tell(self, event: GuestEvent) -> None:
        with self._lock:
            subscribers = tuple(self._subscribers)
        for subscription in subscribers:
            subscription.tell(event)


class _News:
    """What the watches said since the last look."""

    def __init__(self) -> None:
        self.lost = False
        #: Domain ids whose devices may be different.
        self.touched: set[str] = set()

    def take(self, event: Change | Resync) -> None:
        """Take an event in."""
        if isinstance(event, Resync):
            self.lost = True
            return
        words = event.path.split("/")
        if event.watched == _DEVICES and len(words) > 3 and words[3] == "device":
            self.touched.add(words[2])
