"""What happened between two looks: the difference of two listings, as events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import GuestInfo
from xenparley.domain.lifecycle import Phase
from xenparley.domain.runstate import reason_name

__all__ = ["Key", "Seen", "differences", "seen"]

#: A living guest is (domain id, handle); a definition (None, UUID).
Key = tuple[int | None, str | None]
Seen = Mapping[Key, GuestInfo]

_ENDED = (Phase.SHUTDOWN, Phase.CRASHED)


def seen(guests: Iterable[GuestInfo]) -> Seen:
    """Index a listing. A living guest that is defined stands for both its keys."""
    index: dict[Key, GuestInfo] = {}
    for guest in guests:
        if guest.domid is not None:
            index[guest.domid, guest.uuid] = guest
        if guest.defined:
            index[None, guest.definition or guest.uuid] = guest
    return index


def differences(before: Seen, after: Seen, source: str, at: float) -> list[GuestEvent]:
    """Word each observed difference once. The order: ends, changes, births."""
    ends: list[GuestEvent] = []
    changes: list[GuestEvent] = []
    births: list[GuestEvent] = []

    def tell(
        where: list[GuestEvent], kind: EventKind, guest: GuestInfo, detail: str | None = None
    ) -> None:
        where.append(GuestEvent(kind=kind, guest=guest.ref, source=source, at=at, detail=detail))

    for key, old in before.items():
        if key in after:
            continue
        if key[0] is None:
            tell(ends, EventKind.UNDEFINED, old)
        else:
            tell(ends, EventKind.STOPPED, old, _why_stopped(old))
    for key, new in after.items():
        known = before.get(key)
        if known is None:
            if key[0] is None:
                tell(births, EventKind.DEFINED, new)
            else:
                tell(births, EventKind.STARTED, new)
                if new.phase is Phase.PAUSED:
                    tell(births, EventKind.PAUSED, new)
            continue
        if key[0] is None:
            continue
        if known.name is not None and new.name is not None and known.name != new.name:
            tell(changes, EventKind.RENAMED, new, known.name)
        kind = _phase_event(known.phase, new.phase)
        if kind is not None:
            tell(changes, kind, new, reason_name(new.reason) if new.phase in _ENDED else None)
    return ends + changes + births


def _phase_event(old: Phase | None, new: Phase | None) -> EventKind | None:
    if old is new or old is None or new is None:
        return None
    if new is Phase.CRASHED:
        return EventKind.CRASHED
    if new is Phase.SHUTDOWN:
        return EventKind.SHUTDOWN
    if new is Phase.PAUSED:
        return EventKind.PAUSED
    if new is Phase.ACTIVE:
        return EventKind.UNPAUSED
    return None


def _why_stopped(old: GuestInfo) -> str:
    """Word why a domain is gone from what was seen of it last."""
    if old.phase in _ENDED:
        return reason_name(old.reason) or "unknown"
    if old.phase is Phase.DYING:
        return reason_name(old.reason) or "destroyed"
    return "unknown"
