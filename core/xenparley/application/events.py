"""A stream of events: told by a channel where one can, else by looking again and again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from xenparley.application.base import HostBase
from xenparley.application.observe import Seen, differences, seen
from xenparley.application.states import KINDS, StateWatch
from xenparley.domain.errors import InvalidInput, NoChannel, Unsupported, XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import Field, Listing
from xenparley.negotiation.capability import Capability
from xenparley.plugin.log import logger
from xenparley.ports.events import Subscription

__all__ = ["EventStream", "open_stream"]


#: Events that wait for the consumer; more are dropped, and told as RESYNC.
QUEUE_SIZE = 10_000
#: Without these a stream is none.
_LIVES = frozenset({EventKind.STARTED, EventKind.STOPPED})
_FIELDS = (Field.UUID, Field.NAME, Field.STATE, Field.REASON, Field.DEFINED)


class EventStream:
    """Events from now on. Iterate, or call :meth:`get`; close it when done (or use ``with``).

    A consumer that is too slow loses events and gets RESYNC: it should list again. Safe for
    several threads; each event goes to one of them.
    """

    def __init__(self, source: str) -> None:
        #: The channels that tell, ``a, b``, or ``polling``.
        self.source = source
        self._queue: deque[GuestEvent] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._ends: list[Callable[[], None]] = []

    def put(self, event: GuestEvent) -> None:
        """Queue an event; never blocks."""
        with self._ready:
            if self._closed:
                return
            if len(self._queue) >= QUEUE_SIZE:
                self._queue.clear()
                event = GuestEvent(
                    kind=EventKind.RESYNC,
                    guest=None,
                    source=self.source,
                    at=event.at,
                    detail=f"more than {QUEUE_SIZE} events were waiting",
                )
            self._queue.append(event)
            self._ready.notify()

    def get(self, timeout: float | None = None) -> GuestEvent | None:
        """Return the next event; None after ``timeout`` seconds or when the stream is closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._queue or self._closed, timeout)
            return self._queue.popleft() if self._queue else None

    def __iter__(self) -> Iterator[GuestEvent]:
        """Iterate until the stream is closed."""
        while True:
            event = self.get()
            if event is None:
                return
            yield event

    def close(self) -> None:
        """End the stream; waiting consumers come back. Idempotent."""
        with self._ready:
            if self._closed:
                return
            self._closed = True
            self._ready.notify_all()
        for end in self._ends:
            end()

    def __enter__(self) -> EventStream:
        """Return the stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def open_stream(
    host: HostBase, poll: float | None, debounce: float | None, deadline: float
) -> EventStream:
    """Open a stream: the best channels that can tell, else polling (always, with ``poll``)."""
    if poll is not None and not 0.01 <= poll <= 3600:
        raise InvalidInput(f"not a polling interval in seconds (0.01 to 3600): {poll!r}")
    stream = _subscribed(host, debounce, deadline) if poll is None else None
    if stream is None:
        stream = _polled(host, 1.0 if poll is None else poll, debounce, deadline)
    host._streams.append(stream)
    stream._ends.append(lambda: _forget(host, stream))
    return stream


def _empty(source: str, debounce: float | None) -> EventStream:
    if debounce is None:
        return EventStream(source)
    from xenparley.application.debounce import DebouncedStream

    return DebouncedStream(source, debounce)


def _forget(host: HostBase, stream: EventStream) -> None:
    if stream in host._streams:
        host._streams.remove(stream)


def _subscribed(host: HostBase, debounce: float | None, deadline: float) -> EventStream | None:
    """Subscribe to a channel that tells starts and stops, and to others for what it doesn't tell.

    Each kind comes from the first channel of the plan that tells it, so none comes twice. None:
    no channel tells starts and stops, or nobody tells anything.
    """
    try:
        plan = host._dispatcher.plan(Capability.EVENTS, deadline=deadline)
    except (Unsupported, NoChannel):
        return None
    kinds = _kinds(host, plan.candidates)
    leads = [name for name in plan.candidates if kinds[name] >= _LIVES]
    stream = _empty("", debounce)
    names: list[str] = []
    left = set(EventKind)
    # Before the first subscription: what it tells is told to this too.
    untold = KINDS.difference(*kinds.values())
    states = StateWatch.begin(host, stream.put, untold, deadline) if untold else None
    announce = states.announce if states is not None else None
    if states is not None:
        stream._ends.append(states.close)
    failure: XenparleyError | None = None
    for name in leads:
        try:
            _subscribe(host, stream, name, kinds[name], deadline, announce)
        except XenparleyError as exc:
            failure = exc
            continue
        names.append(name)
        left -= kinds[name]
        break
    if not names:
        stream.close()
        if failure is not None:
            raise failure
        return None
    for name in plan.candidates:
        more = kinds[name] & left
        if not more or name in names:
            continue
        try:
            _subscribe(host, stream, name, more, deadline, announce)
        except XenparleyError as exc:
            told = ", ".join(sorted(kind.value for kind in more))
            logger("events").warning("nobody tells of %s: %s", told, exc)
            continue
        names.append(name)
        left -= more
    if states is not None:
        names += [name for name in states.channels() if name not in names]
    stream.source = ", ".join(names)
    return stream


def _kinds(host: HostBase, names: Iterable[str]) -> dict[str, frozenset[EventKind]]:
    offers = {view.name: view.offer(Capability.EVENTS) for view in host._channels.views()}
    every = frozenset(EventKind) - {EventKind.RESYNC}
    told = {name: None if (o := offers.get(name)) is None else o.events for name in names}
    return {name: every if kinds is None else kinds & every for name, kinds in told.items()}


def _subscribe(
    host: HostBase,
    stream: EventStream,
    channel: str,
    kinds: frozenset[EventKind] | set[EventKind],
    deadline: float,
    announce: Callable[[GuestEvent], GuestEvent] | None,
) -> None:
    """Subscribe to one channel for these kinds; that events were lost is always told."""
    wanted = {*kinds, EventKind.RESYNC}

    def put(event: GuestEvent) -> None:
        if event.kind in wanted:
            stream.put(event if announce is None else announce(event))

    subscription, _ = host._dispatcher.ask(
        Capability.EVENTS,
        None,
        lambda port, until: port.subscribe(put, deadline=until),
        deadline,
        only=channel,
    )
    stream._ends.append(_closer(subscription))


def _polled(
    host: HostBase, interval: float, debounce: float | None, deadline: float
) -> EventStream:
    stream = _empty("polling", debounce)
    before = seen(_everything(host, deadline))
    stop = threading.Event()
    stream._ends.append(stop.set)
    threading.Thread(
        target=_poll,
        args=(host, stream, before, interval, stop),
        name="xenparley-poll",
        daemon=True,
    ).start()
    return stream


def _poll(
    host: HostBase, stream: EventStream, before: Seen, interval: float, stop: threading.Event
) -> None:
    gap = False
    while not stop.wait(interval):
        if host._closed:
            stream.close()
            return
        try:
            after = seen(_everything(host, time.monotonic() + host._timeout))
        except XenparleyError as exc:
            logger("events").warning("could not look for events: %s", exc)
            gap = True
            continue
        now = time.time()
        if gap:
            gap = False
            stream.put(
                GuestEvent(
                    kind=EventKind.RESYNC,
                    guest=None,
                    source=stream.source,
                    at=now,
                    detail="the host could not be looked at for a while",
                )
            )
        for event in differences(before, after, stream.source, now):
            stream.put(event)
        before = after


def _everything(host: HostBase, deadline: float) -> Listing:
    return host._reader.everything(_FIELDS, deadline, all_=True)


def _closer(subscription: Subscription) -> Callable[[], None]:
    def close() -> None:
        try:
            subscription.close()
        except Exception as exc:  # noqa: BLE001 - nobody could do more
            logger("events").warning("closing a subscription raised", exc_info=exc)

    return close
