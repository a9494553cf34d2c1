"""What XenStore offers: declared for the documentation, narrowed by the probe."""

from __future__ import annotations

from typing import Final

from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Authority, Offer, Withheld

__all__ = ["OFFERS", "narrowed"]

C = Capability
E = EventKind
F = Field
_DOM0: Final = "root in the control domain (dom0)"
_OWN_WORD: Final = "up to Xen 3.3 a guest could write its own name and vm here"

#: Microseconds for 100 guests, pipelined.
_FIELDS: Final[dict[Field, float]] = {F.DOMID: 0.0, F.UUID: 1000.0, F.NAME: 1000.0}


def _read(capability: Capability, cost: float, authority: Authority, *conditions: str) -> Offer:
    return Offer(capability, cost, authority, conditions=(_DOM0, *conditions))


#: What is offered at most.
OFFERS: Final[tuple[Offer, ...]] = (
    Offer(
        C.LIST_LIVE, 1500.0, Authority.RECORD, field_costs_us=_FIELDS, conditions=(_DOM0, _OWN_WORD)
    ),
    Offer(
        C.FIND_LIVE, 1500.0, Authority.RECORD, field_costs_us=_FIELDS, conditions=(_DOM0, _OWN_WORD)
    ),
    _read(C.MEMORY, 150.0, Authority.RECORD, "target and maximum; not what the guest holds"),
    _read(C.VCPUS, 300.0, Authority.RECORD, "which are online; not where they run"),
    _read(C.DEVICES, 500.0, Authority.OWNER),
    _read(C.BLOCK_STATS, 700.0, Authority.OWNER, "back ends in this domain"),
    _read(C.INTERFACE_STATS, 700.0, Authority.OWNER, "back ends in this domain"),
    _read(C.CONSOLES, 150.0, Authority.OWNER),
    _read(C.DISPLAYS, 150.0, Authority.OWNER),
    Offer(
        C.EVENTS,
        300.0,
        Authority.OWNER,
        conditions=(_DOM0, "pause and unpause leave no trace here"),
        events=frozenset(
            {E.STARTED, E.STOPPED, E.RENAMED, E.DEVICE_ADDED, E.DEVICE_REMOVED, E.RESYNC}
        ),
    ),
    _read(C.SHUTDOWN, 1000.0, Authority.SECONDARY, "a guest that reacts to control/shutdown"),
    _read(C.REBOOT, 1000.0, Authority.SECONDARY, "a guest that reacts to control/shutdown"),
    _read(
        C.SET_MEMORY_TARGET,
        1000.0,
        Authority.SECONDARY,
        "libxl keeps the hypervisor's limit just above the target: there it only shrinks a guest",
    ),
    _read(C.SET_VCPUS, 1000.0, Authority.SECONDARY, "not an HVM guest (its qemu must be told)"),
)

#: What the files of the kernel's back ends are needed for.
_FROM_SYSFS: Final = frozenset({C.BLOCK_STATS, C.INTERFACE_STATS})


def narrowed(
    *, read_only: bool, sysfs: str | None
) -> tuple[tuple[Offer, ...], tuple[Withheld, ...]]:
    """Return what holds here, and why the rest doesn't.

    ``read_only``: reached by the read-only socket. ``sysfs``: why there are no statistics.
    """
    offers: list[Offer] = []
    withheld: list[Withheld] = []
    for offer in OFFERS:
        if read_only and SPECS[offer.capability].command:
            withheld.append(Withheld(offer.capability, "only the read-only socket is there"))
        elif sysfs is not None and offer.capability in _FROM_SYSFS:
            withheld.append(Withheld(offer.capability, sysfs))
        else:
            offers.append(offer)
    return tuple(offers), tuple(withheld)
