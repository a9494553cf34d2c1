"""What the simulated host's channel offers, with its costs in microseconds for 100 guests."""

from __future__ import annotations

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Offer

__all__ = ["DEFINED_FIELDS", "LIVE_FIELDS", "OFFERS"]

F = Field
LIVE_FIELDS = frozenset(Field)
DEFINED_FIELDS = frozenset(
    {
        F.DOMID,
        F.UUID,
        F.NAME,
        F.MEMORY,
        F.MAX_MEMORY,
        F.VCPUS,
        F.MAX_VCPUS,
        F.VIRT,
        F.DEFINED,
        F.AUTOSTART,
    }
)
_FIELDS = {
    Capability.LIST_LIVE: dict.fromkeys(LIVE_FIELDS, 1.0),
    Capability.FIND_LIVE: dict.fromkeys(LIVE_FIELDS, 0.1),
    Capability.LIST_DEFINED: dict.fromkeys(DEFINED_FIELDS, 1.0),
    Capability.FIND_DEFINED: dict.fromkeys(DEFINED_FIELDS, 0.1),
}
_COSTS = {Capability.LIST_LIVE: 400.0, Capability.LIST_DEFINED: 300.0}


def _offer(capability: Capability) -> Offer:
    normal = 300.0 if SPECS[capability].command else 60.0
    return Offer(
        capability,
        _COSTS.get(capability, normal),
        field_costs_us=_FIELDS.get(capability, {}),
    )


#: Every capability there is.
OFFERS: tuple[Offer, ...] = tuple(_offer(capability) for capability in Capability)
