"""What a channel offers, and what its probe found."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from attrs import field, frozen

from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability

__all__ = ["Authority", "Available", "Offer", "ProbeResult", "Refused", "Unavailable", "Withheld"]


class Authority(IntEnum):
    """How near the truth, or how proper for the job. Lower comes first, before any cost."""

    #: The hypervisor for live state; the daemon or toolstack that owns the host for commands.
    OWNER = 0
    #: A store that the owner keeps (XenStore's names).
    RECORD = 1
    #: Works, but goes past the owner or repeats what others know better.
    SECONDARY = 2
    #: Leaves something behind or is known to be wrong at times.
    LAST_RESORT = 3


@frozen
class Offer:
    """One capability of one channel.

    ``cost_us`` is expected microseconds on a host with 100 guests; ``field_costs_us`` what each
    field adds to a listing or look-up (its keys are the fields that are offered at all).
    ``conditions`` word what it needs (root, a release, a control domain), for people.
    ``force_only``: never planned unless the caller forces it; the text says what it leaves behind.
    ``events``: the kinds that a subscription tells (None: all). A stream takes each kind from one
    channel, and needs one that tells starts and stops; others add what that one doesn't tell.
    """

    capability: Capability
    cost_us: float
    authority: Authority = Authority.OWNER
    field_costs_us: Mapping[Field, float] = field(factory=dict)
    conditions: tuple[str, ...] = ()
    force_only: str | None = None
    events: frozenset[EventKind] | None = None

    @property
    def fields(self) -> frozenset[Field]:
        """The fields that a listing or look-up can tell."""
        return frozenset(self.field_costs_us)


@frozen
class Withheld:
    """A declared offer that the probe found not to hold here, and why."""

    capability: Capability
    reason: str


@frozen(kw_only=True)
class Available:
    """The channel works. ``offers`` narrow the declared ones; ``facts`` are for people.

    ``host_id`` is any text that is the same for all channels of one host (see architecture:
    one host); None when the channel can't tell.
    """

    version: str
    offers: tuple[Offer, ...]
    withheld: tuple[Withheld, ...] = ()
    facts: Mapping[str, str] = field(factory=dict)
    host_id: str | None = None


@frozen
class Unavailable:
    """The channel isn't there; ``reason`` in words that help."""

    reason: str


@frozen
class Refused:
    """The channel may be there, but policy says no (disabled, another host, insecure)."""

    reason: str


ProbeResult = Available | Unavailable | Refused
