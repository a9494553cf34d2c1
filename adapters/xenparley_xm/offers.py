"""What the files offer: declared for the documentation, narrowed by what the probe found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Authority, Offer, Withheld

if TYPE_CHECKING:
    from xenparley_xm.release import Release

__all__ = ["OFFERS", "narrowed"]

C = Capability
E = EventKind
F = Field
_FIELDS: Final = (
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
)
_EXTRA: Final = "from Xen 3.0.4 on beside what XenD or xl keep themselves, never before them"
_INACTIVE: Final = "of a guest that is not living"
_ONLY_FILES: Final = "of files only, beside a channel that tells of guests that start and end"


def _costs(auto: float) -> dict[Field, float]:
    return {field: auto if field is F.AUTOSTART else 1.0 for field in _FIELDS}


#: What is offered at most. A file is read once (some 500 us) and then only looked at.
OFFERS: Final[tuple[Offer, ...]] = (
    Offer(C.LIST_DEFINED, 600.0, field_costs_us=_costs(300.0), conditions=(_EXTRA,)),
    Offer(C.FIND_DEFINED, 600.0, field_costs_us=_costs(300.0), conditions=(_EXTRA,)),
    Offer(C.READ_DEFINED, 1500.0, conditions=(_EXTRA,)),
    Offer(C.DEFINE, 8000.0, conditions=("root", _EXTRA)),
    Offer(C.UNDEFINE, 5000.0, conditions=("root", _EXTRA)),
    Offer(C.SET_AUTOSTART, 5000.0, conditions=("root", _EXTRA)),
    # Living guests are for the others: these come after every channel that knows them.
    Offer(C.MEMORY, 1500.0, Authority.LAST_RESORT, conditions=(_INACTIVE,)),
    Offer(C.SET_MEMORY_TARGET, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.SET_MEMORY_MAXIMUM, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.VCPUS, 1500.0, Authority.LAST_RESORT, conditions=(_INACTIVE,)),
    Offer(C.SET_VCPUS, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.PIN_VCPU, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.ATTACH_DEVICE, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.DETACH_DEVICE, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(C.CHANGE_MEDIA, 6000.0, Authority.LAST_RESORT, conditions=("root", _INACTIVE)),
    Offer(
        C.EVENTS,
        1000.0,
        Authority.LAST_RESORT,
        conditions=(_ONLY_FILES, "at once with the extra inotify, else within a second"),
        events=frozenset({E.DEFINED, E.REDEFINED, E.UNDEFINED}),
    ),
)


def narrowed(
    release: Release | None, read_only: str | None
) -> tuple[tuple[Offer, ...], tuple[Withheld, ...]]:
    """Return what holds here, and why the rest doesn't.

    Before 3.0.4 these files *are* the definitions; later, and where nobody knows, they are an
    extra source. ``read_only``: why nothing can be written.
    """
    owner = release is not None and release < (3, 0, 4)
    offers: list[Offer] = []
    withheld: list[Withheld] = []
    for offer in OFFERS:
        if read_only is not None and SPECS[offer.capability].command:
            withheld.append(Withheld(offer.capability, read_only))
        elif owner or offer.authority is not Authority.OWNER:
            offers.append(offer)
        else:
            offers.append(evolve(offer, authority=Authority.SECONDARY))
    return tuple(offers), tuple(withheld)
