"""What a subscriber holds: a bounded queue that loses events rather than time.

The reading thread puts events in and never waits. When the queue is full everything in it is
thrown away and one :class:`Resync` takes its place: look again at all you care for.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import Unavailable

from .errors import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

__all__ = ["Change", "Resync", "Subscription"]


class Change(NamedTuple):
    """Something changed at or below ``watched``, namely ``path``.

    Registering a watch gives one such event at once. The removal of a tree is told with the
    removed node's path to watches at or above it, with the watched path to those below.
    """

    path: str
    watched: str


class Resync(NamedTuple):
    """Events were lost (``overflow``, ``reconnected``): read everything again."""

    reason: str


class _Closed(NamedTuple):
    """The subscription is over."""


class Subscription:
    """Events of some watches, in order. One consumer at a time; use as a context manager."""

    def __init__(
        self,
        capacity: int,
        on_add: Callable[[Subscription, Sequence[str], float], None],
        on_remove: Callable[[Subscription, Sequence[str] | None], None],
    ) -> None:
        self._queue: queue.SimpleQueue[Change | Resync | _Closed] = queue.SimpleQueue()
        self._capacity = max(capacity, 1)
        self._on_add = on_add
        self._on_remove = on_remove
        #: What is watched, as far as :meth:`keep` manages it.
        self._kept: set[str] = set()
        self.closed = False

    def add(self, *paths: str, deadline: float) -> None:
        """Watch more paths, all or none; one that is watched already is left as it is.

        Raises:
            InvalidInput: not a path. Unavailable, DeadlineExceeded: the daemon is not there.
        """
        self._on_add(self, paths, deadline)

    def remove(self, *paths: str) -> None:
        """Watch these paths no longer. Their events that are queued still come."""
        self._on_remove(self, paths)

    def keep(self, paths: set[str], *, deadline: float) -> None:
        """Watch these paths: add what is missing, remove what an earlier call asked for.

        Raises like :meth:`add`. For one caller at a time.
        """
        gone = self._kept - paths
        if gone:
            self._kept -= gone
            self.remove(*gone)
        if fresh := paths - self._kept:
            self.add(*sorted(fresh), deadline=deadline)
            self._kept |= fresh

    def wait(self, *, deadline: float) -> Change | Resync | None:
        """Return the next event; None when none came by then.

        Raises:
            Unavailable: the subscription, or its client, was closed.
        """
        left = deadline - time.monotonic()
        try:
            event = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(event, _Closed):
            self._queue.put(event)
            raise Unavailable("the XenStore subscription is closed", channel=CHANNEL)
        return event

    def pending(self) -> int:
        """Return how many events are queued, about."""
        return self._queue.qsize()

    def close(self) -> None:
        """Take the watches away and wake who waits. Idempotent."""
        if not self.closed:
            self.closed = True
            self._on_remove(self, None)
            self._queue.put(_Closed())

    def put(self, event: Change | Resync) -> None:
        """Queue an event; never blocks. For the reading thread."""
        waiting = self._queue
        if waiting.qsize() >= self._capacity:
            try:
                while True:
                    waiting.get_nowait()
            except queue.Empty:
                waiting.put(_Closed() if self.closed else Resync("overflow"))
        waiting.put(event)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
