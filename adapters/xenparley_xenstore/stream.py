"""Many requests of one caller, of which a bounded number is in flight.

The caller queues them; the reader sends the next ones itself as soon as a quarter of the window
has been answered. So the daemon always has something to do, and the caller, who would have to be
woken (and to wait for the interpreter's lock) for each burst, sleeps until it has what it wants.
The reader only ever sends what the socket takes at once. Where it takes nothing, the caller is
woken to send and to wait for room, within its deadline.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

from xenparley.domain.errors import ChannelLost, DeadlineExceeded

from .errors import CHANNEL
from .exchange import Exchange
from .transport import PartlySent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from .connection import Connection

__all__ = ["WINDOW", "Stream"]

#: Requests in flight in a bulk read. All of the gain is there at 16; more only hurts others.
WINDOW = 32
#: New requests are sent when so few are left with the daemon: it is never idle.
_LOW = WINDOW * 3 // 4
#: Requests that are put together when they are queued: the reader handles them as one.
_BRICK = 8
#: Bytes of one burst. Linux takes so many as one piece or not at all: never a part of a request.
_BURST_BYTES = 8192


class Stream(Exchange):
    """An exchange whose requests are queued; leave it as a context manager.

    What is still queued at the end is never sent; answers under way are dropped as they come.
    """

    __slots__ = ("_outbox", "_turn")

    def __init__(self, connection: Connection, deadline: float) -> None:
        super().__init__(connection, deadline)
        #: Requests not yet sent: their ids, and their frames joined.
        self._outbox: deque[tuple[range, bytes]] = deque()
        #: Held while a burst is taken from the queue and sent: their order stays.
        self._turn = threading.Lock()

    def queue(self, requests: Sequence[tuple[int, bytes]], transaction_id: int = 0) -> int:
        """Queue (type, payload) pairs; return the first of their consecutive request ids.

        Raises what :meth:`Exchange.send` raises.
        """
        ids, frames = self._connection.prepare(self, requests, transaction_id, self._deadline)
        for start in range(0, len(frames), _BRICK):
            part = slice(start, start + _BRICK)
            data = b"".join(frames[part])
            if len(data) <= _BURST_BYTES:
                self._outbox.append((ids[part], data))
            else:
                self._outbox.extend((ids[i : i + 1], frames[i]) for i in range(len(frames))[part])
        self.in_flight += len(frames)
        self._send_queued()
        return ids.start

    def _send_queued(self) -> None:
        """Fill the window, waiting for room within the deadline. On the caller's thread."""
        # Looked at again after each turn: the reader leaves it to us when it finds us at it.
        while self._outbox and self.sent - self.answered <= _LOW:
            try:
                with self._turn:
                    self.stuck = False
                    self._send_burst(wait=True)
            except DeadlineExceeded:
                self._connection.abandon(self)
                raise
            except PartlySent as exc:
                self._connection.end(ChannelLost(exc.message, channel=CHANNEL))
                raise

    def refill(self) -> None:
        """Fill the window as far as that needs no waiting. On the reader's thread."""
        if (
            not self._outbox
            or self.stuck
            or self.sent - self.answered > _LOW
            or not self._turn.acquire(blocking=False)
        ):
            return
        try:
            self.stuck = not self._send_burst(wait=False)
        except PartlySent as exc:
            self._connection.end(ChannelLost(exc.message, channel=CHANNEL))
        finally:
            self._turn.release()

    def _send_burst(self, wait: bool) -> bool:
        """Send the next requests, in one piece; return False where they would have to wait."""
        burst: list[tuple[range, bytes]] = []
        room, size = WINDOW - (self.sent - self.answered), 0
        outbox = self._outbox
        # Whoever cancels takes from the queue at the same time.
        with contextlib.suppress(IndexError):
            while True:
                ids, data = outbox[0]
                if len(ids) > room or size + len(data) > _BURST_BYTES:
                    break
                burst.append(outbox.popleft())
                room -= len(ids)
                size += len(data)
        count = sum([len(ids) for ids, _ in burst])
        # Counted first: the answers may be here before send() returns.
        self.sent += count
        sent = False
        try:
            sent = self._connection.transmit(
                b"".join([data for _, data in burst]), self._deadline if wait else None
            )
        except DeadlineExceeded:
            self._put_back(count, burst)
            raise
        if not sent:
            self._put_back(count, burst)
        return sent

    def _put_back(self, count: int, burst: list[tuple[range, bytes]]) -> None:
        self.sent -= count
        self._outbox.extendleft(reversed(burst))

    def cancel(self) -> list[int]:
        """Give up what is not sent yet. Takes no lock: a collected generator may end here."""
        dropped: list[int] = []
        with contextlib.suppress(IndexError):
            while True:
                dropped += self._outbox.popleft()[0]
        return dropped

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.forget(self.cancel())
