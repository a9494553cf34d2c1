"""Events: one thread for each subscription reads the journal and calls back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from xenparley.domain.errors import ChannelLost, XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.plugin.log import logger
from xenparley_sim.calls import Calls
from xenparley_sim.changes import Change

__all__ = ["SimEvents"]

#: How often the journal is looked at for what time or another process has done, in seconds.
_POLL_S = 0.05
#: How long one look may wait for other processes, in seconds.
_PATIENCE_S = 5.0
_KINDS = {kind.value: kind for kind in EventKind}


class SimEvents:
    """Tells what happens to guests."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._running: set[SimSubscription] = set()

    def subscribe(
        self, callback: Callable[[GuestEvent], None], *, deadline: float
    ) -> SimSubscription:
        """Call back for each event from now on, from a thread of the subscription's own."""
        with self._calls.read(Capability.EVENTS, deadline) as tx:
            last = tx.last_change()
        subscription = SimSubscription(self._calls, callback, last, self._ended)
        with self._lock:
            if self._calls.closed:
                raise ChannelLost("the channel is closed", channel=self._calls.channel)
            self._running.add(subscription)
        subscription.start()
        return subscription

    def close(self) -> None:
        """End every subscription."""
        with self._lock:
            running = tuple(self._running)
        for subscription in running:
            subscription.close()

    def _ended(self, subscription: SimSubscription) -> None:
        with self._lock:
            self._running.discard(subscription)


class SimSubscription:
    """A running subscription."""

    def __init__(
        self,
        calls: Calls,
        callback: Callable[[GuestEvent], None],
        last: int,
        ended: Callable[[SimSubscription], None],
    ) -> None:
        self._calls = calls
        self._callback = callback
        self._last = last
        self._ended = ended
        self._stop = threading.Event()
        self._calling = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="xenparley-sim-events", daemon=True)

    def start(self) -> None:
        """Begin to call back."""
        self._thread.start()

    def close(self) -> None:
        """End it; a callback that is running in another thread is waited for. Idempotent."""
        self._stop.set()
        # Taken so that no callback starts after this returns; one may close from within itself.
        with self._calling:
            pass
        self._calls.hypervisor.wake()
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        self._ended(self)

    def _run(self) -> None:
        hypervisor = self._calls.hypervisor
        while not self._stop.is_set() and not hypervisor.closed:
            try:
                news = self._news()
            except XenparleyError as exc:
                if hypervisor.closed:
                    return
                logger("sim").warning("the simulated host's journal could not be read: %s", exc)
                news = []
            for change in news:
                self._last = change.seq
                kind = _KINDS.get(change.kind)
                if kind is not None:
                    self._tell(kind, change)
            if not news:
                hypervisor.wait_changed(_POLL_S)

    def _news(self) -> list[Change]:
        with self._calls.hypervisor.look(time.monotonic() + _PATIENCE_S) as tx:
            news = tx.changes(self._last)
        if news and news[0].seq > self._last + 1:
            # The journal was cut before we came: what is between is lost.
            self._deliver(
                GuestEvent(
                    kind=EventKind.RESYNC, guest=None, source=self._calls.channel, at=news[0].at
                )
            )
        return news

    def _tell(self, kind: EventKind, change: Change) -> None:
        guest = GuestRef(domid=change.domid, uuid=change.uuid, name=change.name)
        self._deliver(
            GuestEvent(
                kind=kind,
                guest=guest,
                source=self._calls.channel,
                at=change.at,
                detail=change.detail,
            )
        )

    def _deliver(self, event: GuestEvent) -> None:
        with self._calling:
            if self._stop.is_set():
                return
            try:
                self._callback(event)
            except Exception:  # noqa: BLE001 - logged; the next event is told all the same
                logger("sim").exception("a subscriber of the simulated host failed")
