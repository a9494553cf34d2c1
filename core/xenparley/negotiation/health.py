"""A channel's health: lost, demoted, tried again with back-off, taken back. Time is passed in."""

from __future__ import annotations

__all__ = ["FIRST_RETRY_S", "LONGEST_RETRY_S", "Health"]

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


class Health:
    """When a channel that is not available is worth another probe.

    Not thread-safe; its owner holds a lock. ``now`` is seconds on a monotonic clock.
    """

    __slots__ = ("_delay", "_next", "failures")

    def __init__(self) -> None:
        self._delay = FIRST_RETRY_S
        self._next: float | None = None
        #: Failures in a row.
        self.failures = 0

    @property
    def healthy(self) -> bool:
        """Whether the last thing heard was good."""
        return self._next is None

    def failed(self, now: float) -> None:
        """Note a loss or a failed probe: the next try waits twice as long, up to a minute."""
        self.failures += 1
        self._next = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_RETRY_S)

    def recovered(self) -> None:
        """Note a good probe or answer."""
        self._delay = FIRST_RETRY_S
        self._next = None
        self.failures = 0

    def due(self, now: float) -> bool:
        """Say whether it is time for another probe."""
        return self._next is not None and now >= self._next

    def retry_in(self, now: float) -> float | None:
        """Seconds until the next probe is due; None when healthy."""
        return None if self._next is None else max(0.0, self._next - now)
