"""A stream in which a reboot is one event: the end and the start of a handle are joined."""

from __future__ import annotations

import time

from attrs import evolve

from xenparley.application.events import QUEUE_SIZE, EventStream
from xenparley.domain.errors import InvalidInput
from xenparley.domain.events import EventKind, GuestEvent

__all__ = ["DebouncedStream"]


class DebouncedStream(EventStream):
    """Keeps each STOPPED back for so many seconds.

    If the same handle starts meanwhile, the two become one STARTED whose detail is ``reboot``,
    of the new domain id. Else the end is told late, as it was. Everything else is told at once;
    RESYNC, the end of the stream and ever so many ends at once tell what is kept back.
    """

    def __init__(self, source: str, within: float) -> None:
        super().__init__(source)
        if not 0 < within <= 3600:
            raise InvalidInput(f"not seconds to wait for a start (up to 3600): {within!r}")
        self._within = within
        #: When each end is told (monotonic) and the end itself, by handle; the oldest first.
        self._held: dict[str, tuple[float, GuestEvent]] = {}

    def put(self, event: GuestEvent) -> None:
        """Queue an event, or keep it back; never blocks."""
        guest = event.guest
        uuid = None if guest is None else guest.uuid
        with self._ready:
            if event.kind is EventKind.RESYNC:
                self._release(None)
            elif uuid is not None and event.kind in (EventKind.STOPPED, EventKind.STARTED):
                _, before = self._held.pop(uuid, (0.0, None))
                if event.kind is EventKind.STARTED:
                    event = event if before is None else evolve(event, detail="reboot")
                elif not self._closed:
                    if before is not None:
                        # A handle is not always unique: then the first end is told by itself.
                        super().put(before)
                    if len(self._held) >= QUEUE_SIZE:
                        self._release(None)
                    self._held[uuid] = (time.monotonic() + self._within, event)
                    self._ready.notify_all()
                    return
            super().put(event)

    def get(self, timeout: float | None = None) -> GuestEvent | None:
        """Return the next event; None after ``timeout`` seconds or when the stream is closed."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._ready:
            while True:
                now = time.monotonic()
                self._release(now)
                if self._queue:
                    return self._queue.popleft()
                if self._closed or (end is not None and now >= end):
                    return None
                ends = [due for due, _ in self._held.values()]
                if end is not None:
                    ends.append(end)
                self._ready.wait(min(ends) - now if ends else None)

    def close(self) -> None:
        """End the stream; what is kept back can still be got. Idempotent."""
        with self._ready:
            self._release(None)
        super().close()

    def _release(self, now: float | None) -> None:
        """Queue the ends whose time has come; all of them when there is no ``now``."""
        for uuid, (due, event) in list(self._held.items()):
            if now is not None and due > now:
                break
            del self._held[uuid]
            super().put(event)
