"""Requests of one caller that are in flight together."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from xenparley.domain.errors import DeadlineExceeded, XenparleyError

from .errors import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xenparley_wire.xenstore_types import Message

    from .connection import Connection

__all__ = ["Exchange"]


class Exchange:
    """Requests of one caller that are in flight, and their answers as they come.

    Not for several threads at once. ``in_flight`` counts what is asked and not yet taken.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_wake",
        "_want",
        "answered",
        "failure",
        "in_flight",
        "inbox",
        "sent",
        "stuck",
    )

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.inbox: deque[Message] = deque()
        self._want = 1
        self._wake = threading.Lock()
        self._wake.acquire()
        self.in_flight = 0
        #: Requests handed to the transport, and answers that came: the reader counts the latter.
        self.sent = 0
        self.answered = 0
        #: Whether the reader could not send what is queued: its caller has to, who may wait.
        self.stuck = False
        self.failure: XenparleyError | None = None

    def send(self, requests: Iterable[tuple[int, bytes]], transaction_id: int = 0) -> range:
        """Send (type, payload) pairs in one burst; return their request ids, in order.

        Raises:
            DeadlineExceeded: nothing was sent.
            PartlySent: the connection broke meanwhile; ``sent`` bytes had left.
            Unavailable: the connection was already over; nothing was sent.
        """
        return self._connection.send(self, list(requests), transaction_id, self._deadline)

    def take(self, leave: int = 0) -> list[Message]:
        """Wait until at most ``leave`` requests are in flight; return what has been answered.

        Raises:
            DeadlineExceeded: some answers did not come in time. They are let go.
            ChannelLost: the connection ended meanwhile.
            ProtocolError: the peer talked nonsense; the connection is over.
        """
        inbox = self.inbox
        want = self.in_flight - leave
        if want > len(inbox):
            # The order matters: first say what is wanted, then look again, since the reader
            # appends first and looks at the wish afterwards.
            self._want = want
            while len(inbox) < want and self.failure is None:
                self._send_queued()
                left = self._deadline - time.monotonic()
                if left > 0:
                    self._wake.acquire(timeout=min(left, 3600.0))
                    continue
                if self._connection.abandon(self):
                    raise DeadlineExceeded(
                        f"XenStore at {self._connection.name} did not answer in time "
                        f"({len(inbox)} of {want} answers came)",
                        channel=CHANNEL,
                    )
            if len(inbox) < want and self.failure is not None:
                raise _again(self.failure)
        take_one = inbox.popleft
        answers = [take_one() for _ in range(len(inbox))]
        self.in_flight -= len(answers)
        return answers

    def nudge(self) -> None:
        """Wake the caller if it has what it wants; only the reader thread calls this."""
        if (
            len(self.inbox) >= self._want or self.failure is not None or self.stuck
        ) and self._wake.locked():
            self._wake.release()

    # What a stream adds to it

    def _send_queued(self) -> None:
        """Send what waits to be sent, on the caller's thread; nothing ever waits here."""

    def refill(self) -> None:
        """Send what waits to be sent, on the reader's thread; nothing ever waits here."""

    def cancel(self) -> list[int]:
        """Give up what is not sent yet; return the request ids of it."""
        return []


def _again(failure: XenparleyError) -> XenparleyError:
    """Return a fresh error of the same kind: one exception must not be raised in two threads."""
    fresh = type(failure)(failure.message, channel=CHANNEL, retry_safe=failure.retry_safe)
    fresh.__cause__ = failure.__cause__
    return fresh
