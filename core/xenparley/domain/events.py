"""What happens to guests, as told to subscribers."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from xenparley.domain.identity import GuestRef

__all__ = ["EventKind", "GuestEvent"]


class EventKind(Enum):
    """Kinds of events. ``detail`` of the event words the reason where it can be known."""

    DEFINED = "defined"
    #: The definition changed.
    REDEFINED = "redefined"
    UNDEFINED = "undefined"
    STARTED = "started"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    #: It ended by itself; the domain may be kept.
    SHUTDOWN = "shutdown"
    CRASHED = "crashed"
    #: The domain is gone; ``detail``: poweroff, reboot, suspend, crash, destroyed or unknown.
    STOPPED = "stopped"
    RENAMED = "renamed"
    DEVICE_ADDED = "device-added"
    DEVICE_REMOVED = "device-removed"
    MEMORY_CHANGED = "memory-changed"
    #: Events were lost (overflow, reconnect): look again at everything. ``guest`` is None.
    RESYNC = "resync"


@frozen(kw_only=True)
class GuestEvent:
    """One observed change. ``at`` is seconds since the epoch when it was observed.

    "Exactly once" holds for the observed difference of two states, per (domain id, handle).
    What leaves no trace between two looks can't be told (pause and unpause, a guest that comes
    and goes).
    """

    kind: EventKind
    guest: GuestRef | None
    source: str
    at: float
    detail: str | None = None
