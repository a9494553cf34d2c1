"""What the simulated host tells its observers."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DYING", "REQUESTED", "VCPUS_CHANGED", "Change"]

#: Kinds beside those of xenparley.domain.events.EventKind, for servers that show the host on a
#: wire: the domain entered its dying stage; a value was put into its ``control/shutdown``; it
#: has other virtual CPUs online.
DYING = "dying"
REQUESTED = "requested"
VCPUS_CHANGED = "vcpus-changed"


class Change(NamedTuple):
    """One change of the host, in the order in which they happened.

    ``kind`` is the value of an EventKind or one of the three above. ``at`` is the time at which
    the simulated host says it happened, in seconds since the epoch. ``seq`` grows by one.
    """

    seq: int
    at: float
    kind: str
    domid: int | None
    uuid: str | None
    name: str | None
    detail: str | None
