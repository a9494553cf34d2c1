"""What XenD offers: declared for the documentation, narrowed by the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Authority, Offer, Withheld

if TYPE_CHECKING:
    from xenparley_xend.release import Release

__all__ = ["OFFERS", "narrowed"]

C = Capability
F = Field
#: Microseconds for 100 guests: XenD answers some 2 ms a guest, and all of it or nothing.
_LIVE: Final[dict[Field, float]] = dict.fromkeys(F, 0.0)
_DEFINED: Final[dict[Field, float]] = dict.fromkeys(set(F) - {F.STATE, F.REASON, F.CPU_TIME}, 0.0)
_MANAGED: Final = "Xen 3.0.4 or later"
_FILES: Final = "a living guest's definition is told on the host itself only"
_XMLRPC: Final = "XenD's XML-RPC socket"


def _read(capability: Capability, cost: float = 20_000.0, *conditions: str) -> Offer:
    """What the hypervisor or XenStore tells better."""
    return Offer(capability, cost, Authority.SECONDARY, conditions=conditions)


def _owner(capability: Capability, cost: float = 50_000.0, *conditions: str) -> Offer:
    """XenD owns its host: what goes past it, it doesn't know of."""
    return Offer(capability, cost, Authority.OWNER, conditions=conditions)


#: What is offered at most.
OFFERS: Final[tuple[Offer, ...]] = (
    Offer(C.LIST_LIVE, 250_000.0, Authority.SECONDARY, field_costs_us=_LIVE),
    Offer(C.FIND_LIVE, 250_000.0, Authority.SECONDARY, field_costs_us=_LIVE),
    Offer(C.LIST_DEFINED, 250_000.0, field_costs_us=_DEFINED, conditions=(_MANAGED, _FILES)),
    Offer(C.FIND_DEFINED, 20_000.0, field_costs_us=_DEFINED, conditions=(_MANAGED, _FILES)),
    _owner(C.CREATE, 1_000_000.0),
    _owner(C.START, 1_000_000.0, _MANAGED, f"paused: {_XMLRPC}"),
    _owner(C.PAUSE),
    _owner(C.UNPAUSE),
    _owner(C.SHUTDOWN),
    _owner(C.REBOOT),
    _owner(C.DESTROY),
    _owner(C.RENAME),
    _owner(C.TRIGGER, 50_000.0, f"buttons: {_XMLRPC} and Xen 3.1 or later"),
    _owner(C.READ_DEFINED, 20_000.0, _MANAGED),
    _owner(C.READ_LIVE, 20_000.0),
    _owner(C.DEFINE, 50_000.0, _MANAGED),
    _owner(C.UNDEFINE, 50_000.0, _MANAGED, "a guest that is not living"),
    _owner(C.SET_AUTOSTART, 50_000.0, _MANAGED),
    _read(C.MEMORY),
    _owner(C.SET_MEMORY_TARGET),
    _owner(C.SET_MEMORY_MAXIMUM),
    _read(C.VCPUS),
    _owner(C.SET_VCPUS),
    _owner(C.PIN_VCPU, 50_000.0, f"Xen 3.4 or later, or {_XMLRPC}"),
    _read(C.SCHEDULER),
    _read(C.SCHEDULER_PARAMETERS),
    _owner(C.SET_SCHEDULER_PARAMETERS),
    _read(C.DEVICES, 40_000.0),
    _owner(C.ATTACH_DEVICE, 500_000.0, "PCI functions from Xen 3.3 on"),
    _owner(C.DETACH_DEVICE, 500_000.0, "PCI functions from Xen 3.3 on"),
    _owner(C.CHANGE_MEDIA, 100_000.0, "Xen 3.0.3 or later"),
    _read(C.CPU_TIME),
    _read(C.HOST_INFO),
    _read(C.HOST_CAPABILITIES),
    _read(C.CONSOLE_RING),
    _owner(C.SAVE, 10_000_000.0),
    _owner(C.RESTORE, 10_000_000.0, f"paused: {_XMLRPC} and Xen 3.0.3 or later"),
    _owner(C.DUMP, 10_000_000.0),
    _owner(C.MIGRATE, 10_000_000.0),
)

_NEEDS_MANAGED: Final = frozenset(
    {
        C.LIST_DEFINED,
        C.FIND_DEFINED,
        C.START,
        C.READ_DEFINED,
        C.DEFINE,
        C.UNDEFINE,
        C.SET_AUTOSTART,
    }
)


def narrowed(
    release: Release, *, xmlrpc: bool, files: bool
) -> tuple[tuple[Offer, ...], tuple[Withheld, ...]]:
    """Return what holds here, and why the rest doesn't.

    ``files``: XenD's folder of definitions can be looked at.
    """
    offers: list[Offer] = []
    withheld: list[Withheld] = []
    for offer in OFFERS:
        capability = offer.capability
        reason = None
        if capability in _NEEDS_MANAGED and not release.manages:
            reason = "XenD keeps definitions from Xen 3.0.4 on; before, the files in /etc/xen do"
        elif capability is C.PIN_VCPU and not (release.pins_over_http or xmlrpc):
            reason = (
                "up to Xen 3.3 XenD's HTTP server takes any list of CPUs and pins to all of them; "
                "its XML-RPC socket is not there"
            )
        elif capability is C.CHANGE_MEDIA and release.format < 2:
            reason = "up to Xen 3.0.2 a CD-ROM is part of the guest's image"
        if reason is not None:
            withheld.append(Withheld(capability, reason))
        elif capability in (C.LIST_LIVE, C.FIND_LIVE):
            offers.append(_told(offer, release, files=files))
        else:
            offers.append(offer)
    return tuple(offers), tuple(withheld)


def _told(offer: Offer, release: Release, *, files: bool) -> Offer:
    """Leave out the fields that this XenD can't tell of living guests."""
    missing = set()
    if not (files and release.manages):
        missing.add(F.DEFINED)
    if not release.manages:
        missing.add(F.AUTOSTART)
    kept = {field: cost for field, cost in offer.field_costs_us.items() if field not in missing}
    return evolve(offer, field_costs_us=kept)
