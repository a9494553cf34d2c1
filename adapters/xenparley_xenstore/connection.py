"""One connection to a XenStore daemon, from its opening to its one end.

One thread reads. It hands answers to whoever waits for their request id, and events to a callback
that must not block; it never waits for a consumer, because a client that stops reading can freeze
the host (oxenstored blocks whoever causes the events). Callers send from their own threads.

A group of requests in flight is an :class:`Exchange`. The reader appends to its queue and wakes
it once for a burst of answers, not once for each. In a :class:`Stream` it sends the next requests
as well, where that needs no waiting. While many answers are on their way it naps instead of
waiting for the first: then the daemon, which writes each answer by itself, need not wake anybody,
and one read takes in many answers. That is what makes bulk reads quick.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    ProtocolError,
    Unavailable,
    XenparleyError,
)
from xenparley_wire.xenstore import HEADER, Decoder
from xenparley_wire.xenstore_types import Message, MessageType

from .errors import CHANNEL
from .exchange import Exchange
from .stream import Stream
from .transport import PartlySent, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .transport import Transport

__all__ = ["Connection"]

_EVENT = int(MessageType.WATCH_EVENT)
_UNKNOWN = object()
#: Answers that nobody waits for any more; beyond this many the peer is taken for stalled.
_ABANDONED_MAX = 1024
#: From so many answers on their way the reader takes them in heaps, after a nap. The nap finds
#: its length between these (seconds), so that between half and three quarters of them have come.
_BULK = 6
_NAP_MIN, _NAP_MAX = 2e-5, 4e-4
#: A u32 that stays positive wherever a peer took it for signed.
_LAST_ID = 0x7FFFFFFF


class Connection:
    """Requests, answers and events over one transport."""

    def __init__(
        self,
        transport: Transport,
        on_event: Callable[[bytes], None],
        on_end: Callable[[Connection], None],
    ) -> None:
        """Start reading. ``on_event`` and ``on_end`` run on the reading thread.

        ``on_event`` gets the payload of each watch event; it must not block, and a ProtocolError
        from it ends the connection. ``on_end`` is called once.
        """
        self.name = transport.name
        self._transport = transport
        self._on_event = on_event
        self._on_end = on_end
        #: Guards the pending table against the end of the connection.
        self._lock = threading.Lock()
        self._pending: dict[int, Exchange | None] = {}
        self._abandoned = 0
        self._next_id = 1
        self._wrapped = False
        self._failure: XenparleyError | None = None
        self._stop_reason: XenparleyError | None = None
        #: Set when the descriptor is closed; and when everybody who waited has been told.
        self.released = threading.Event()
        self.ended = threading.Event()
        self._thread = start_thread("xenstore-reader", self._read_all)

    @property
    def alive(self) -> bool:
        """Whether calls can be made; a connection that is over stays over."""
        return self._failure is None and self._stop_reason is None

    @property
    def request_max(self) -> int:
        """Longest payload that this transport carries."""
        return self._transport.request_max

    @property
    def serial(self) -> bool:
        """Whether a request waits for the answer to the one before it (the kernel's device)."""
        return not self._transport.batches

    @property
    def on_reader(self) -> bool:
        """Whether the caller is the reading thread, which must not wait for answers."""
        return threading.current_thread() is self._thread

    def exchange(self, deadline: float) -> Exchange:
        """Return an empty exchange."""
        return Exchange(self, deadline)

    def stream(self, deadline: float) -> Stream:
        """Return an empty stream, for more requests than may be in flight."""
        return Stream(self, deadline)

    def call(
        self, message_type: int, payload: bytes, deadline: float, transaction_id: int = 0
    ) -> Message:
        """Send one request and wait for its answer, which may be an ERROR message."""
        exchange = Exchange(self, deadline)
        self.send(exchange, [(message_type, payload)], transaction_id, deadline)
        return exchange.take()[0]

    def send(
        self,
        exchange: Exchange,
        requests: list[tuple[int, bytes]],
        transaction_id: int,
        deadline: float,
    ) -> range:
        """Register and send requests; see :meth:`Exchange.send`."""
        if not requests:
            return range(0)
        ids, frames = self.prepare(exchange, requests, transaction_id, deadline)
        count = len(frames)
        exchange.in_flight += count
        exchange.sent += count
        try:
            self._transport.send(b"".join(frames), deadline)
        except DeadlineExceeded:
            self.forget(ids)
            exchange.in_flight -= count
            exchange.sent -= count
            raise
        except PartlySent as exc:
            # The stream is cut within a burst: nothing more can be sent on it.
            self.end(ChannelLost(exc.message, channel=CHANNEL))
            raise
        return ids

    def prepare(
        self,
        exchange: Exchange,
        requests: Sequence[tuple[int, bytes]],
        transaction_id: int,
        deadline: float,
    ) -> tuple[range, list[bytes]]:
        """Register requests; return their ids and frames."""
        if self.on_reader:
            raise RuntimeError("a call on the reading thread would wait for itself")
        if time.monotonic() >= deadline:
            raise DeadlineExceeded("no time left to ask XenStore", channel=CHANNEL)
        with self._lock:
            if self._failure is not None:
                raise self._gone()
            ids = self._take_ids(len(requests))
            self._pending.update(dict.fromkeys(ids, exchange))
        pack = HEADER.pack
        return ids, [
            pack(message_type, request_id, transaction_id, len(payload)) + payload
            for request_id, (message_type, payload) in zip(ids, requests, strict=True)
        ]

    def forget(self, ids: Iterable[int]) -> None:
        """Take requests back that were registered and not sent."""
        for request_id in ids:
            self._pending.pop(request_id, None)

    def transmit(self, data: bytes, deadline: float | None) -> bool:
        """Send frames that are registered; without a deadline only what needs no waiting.

        Returns whether they were sent. Raises DeadlineExceeded (nothing sent), PartlySent.
        """
        if deadline is None:
            return self._transport.offer(data)
        self._transport.send(data, deadline)
        return True

    def _take_ids(self, count: int) -> range:
        """Return unused consecutive ids; the caller holds the lock."""
        while True:
            first = self._next_id
            if first + count > _LAST_ID:
                self._next_id, self._wrapped = 1, True
                continue
            self._next_id = first + count
            ids = range(first, first + count)
            if not self._wrapped or not any(request_id in self._pending for request_id in ids):
                return ids

    def abandon(self, exchange: Exchange) -> bool:
        """Let go of an exchange's open requests: answers that still come are dropped.

        Returns whether there was any: if not, the last answer has just come.
        """
        self.forget(exchange.cancel())
        with self._lock:
            late = [number for number, owner in self._pending.copy().items() if owner is exchange]
            for request_id in late:
                if self._pending.get(request_id) is exchange:
                    self._pending[request_id] = None
                    self._abandoned += 1
            stalled = self._abandoned > _ABANDONED_MAX
        if stalled:
            self.end(ChannelLost(f"{self.name} has stopped answering", channel=CHANNEL))
        return bool(late)

    def end(self, reason: XenparleyError | None = None) -> None:
        """End the connection; the calls in flight fail. Takes no lock, safe in signal handlers."""
        if self._stop_reason is None:
            self._stop_reason = reason or ChannelLost(
                f"connection to {self.name} closed", channel=CHANNEL
            )
        self._transport.interrupt()

    def close(self, timeout: float = 2.0) -> None:
        """End the connection and wait for the reading thread to free the descriptor."""
        self.end()
        if not self.on_reader:
            self.ended.wait(timeout)

    def _gone(self) -> XenparleyError:
        failure = self._failure
        reason = failure.message if failure is not None else "closed"
        return Unavailable(f"no connection: {reason}", channel=CHANNEL, retry_safe=True)

    def _read_all(self) -> None:
        reason: XenparleyError
        try:
            reason = self._read_until_end()
        except ProtocolError as exc:
            reason = ProtocolError(f"{self.name}: {exc.message}", channel=CHANNEL)
        except OSError as exc:
            reason = ChannelLost(
                f"connection to {self.name} lost: {exc.strerror or exc}", channel=CHANNEL
            )
            reason.__cause__ = exc
        finally:
            # First of all the descriptor, before any lock that a stopped thread might hold.
            self._transport.interrupt()
            self._transport.close()
            self.released.set()
        self._finish(self._stop_reason or reason)

    def _read_until_end(self) -> XenparleyError:
        receive = self._transport.receive
        decoder = Decoder(self._transport.answer_max)
        feed = decoder.feed
        pending = self._pending
        take: Callable[[int, object], object] = pending.pop
        on_event = self._on_event
        batches = self._transport.batches
        nap, expected = 1e-4, 0
        while True:
            data = receive()
            if not data:
                decoder.finish()
                return ChannelLost(f"{self.name} closed the connection", channel=CHANNEL)
            last: Exchange | None = None
            touched: list[Exchange] = []
            messages = feed(data)
            for message in messages:
                if message[0] == _EVENT:
                    on_event(message[3])
                    continue
                owner = take(message[1], _UNKNOWN)
                if isinstance(owner, Exchange):
                    owner.inbox.append(message)
                    owner.answered += 1
                    if owner is not last:
                        last = owner
                        touched.append(owner)
                elif owner is None:
                    self._abandoned -= 1
                else:
                    raise ProtocolError(
                        f"byte offset {decoder.offset} or before: answer to a request "
                        f"that was not made (id {message[1]}, type {message[0]})"
                    )
            coming = 0
            for owner in touched:
                owner.refill()
                owner.nudge()
                coming = max(coming, owner.sent - owner.answered)
            if len(messages) * 4 > expected * 3 > 0:
                nap = max(nap * 0.75, _NAP_MIN)
            elif len(messages) * 2 < expected:
                nap = min(nap * 1.25, _NAP_MAX)
            expected = coming if coming >= _BULK and batches else 0
            if expected:
                # Nobody waits longer for an answer than the nap lasts.
                time.sleep(nap)
            if decoder.broken is not None:
                decoder.finish()

    def _finish(self, failure: XenparleyError) -> None:
        with self._lock:
            self._failure = failure
            owners = {id(owner): owner for owner in self._pending.values() if owner is not None}
            self._pending.clear()
        for owner in owners.values():
            owner.failure = failure
            owner.nudge()
        self.ended.set()
        self._on_end(self)

    def forget_after_fork(self) -> None:
        """In a forked child: no thread reads here, so this connection is over."""
        self._lock = threading.Lock()
        self._pending = {}
        self._failure = self._failure or Unavailable(
            "the connection belongs to the parent process", channel=CHANNEL, retry_safe=True
        )
        self._transport.drop()
