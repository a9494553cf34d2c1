"""Being told of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xenparley.domain.events import GuestEvent

__all__ = ["Events", "Subscription"]


class Subscription(Protocol):
    """A running subscription."""

    def close(self) -> None:
        """End it; no callback starts after this returns. Idempotent."""
        ...


class Events(Protocol):
    """Tells what happens to guests."""

    def subscribe(self, callback: Callable[[GuestEvent], None], *, deadline: float) -> Subscription:
        """Call ``callback`` for each event from now on, from a thread of the adapter's.

        The callback must be quick (the application only queues); one that raises is logged and
        called again for the next event. Lost events are told as EventKind.RESYNC. The deadline
        bounds the subscribing, not the subscription.
        """
        ...
