"""What was seen of the guests at one moment, and what is different between two such moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.bulk import ask_many
from xenparley_xenstore.calls import texts
from xenparley_xenstore.errors import CHANNEL
from xenparley_xenstore.inventory import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from xenparley_xenstore.client import XenStore

__all__ = ["Seen", "Sight", "differences"]


class Seen(NamedTuple):
    """One guest; devices as ``vif/0``."""

    uuid: str | None
    name: str | None
    devices: frozenset[str]


class Sight(NamedTuple):
    """The guests by domain id, and the last reasons of those that are gone by UUID."""

    guests: Mapping[int, Seen]
    reasons: Mapping[str, str]

    @staticmethod
    def look(
        store: XenStore, before: tuple[Sight, Collection[str]] | None, deadline: float
    ) -> Sight:
        """Look at all guests; at the devices only of those that are new or touched.

        ``before`` is what was seen last and the domain ids whose devices may have changed; None
        looks at everything.
        """
        found = rows(store, (Field.UUID, Field.NAME), None, deadline)
        known = before[0].guests if before else {}
        touched = before[1] if before else ()
        fresh = [
            row.domid
            for row in found
            if row.domid is not None and (row.domid not in known or str(row.domid) in touched)
        ]
        devices = _devices(store, fresh, deadline)
        guests: dict[int, Seen] = {}
        for row in found:
            domid = row.domid
            if domid is None:
                continue
            old = known.get(domid)
            name = row.values.get(Field.NAME)
            if old is not None and name is None:
                # It is being torn down, its name goes first: what we know of it stays, and is
                # told when it is gone.
                guests[domid] = old
                continue
            guests[domid] = Seen(
                row.uuid,
                None if name is None else str(name),
                devices.get(domid, old.devices if old else frozenset()),
            )
        gone = [s.uuid for d, s in known.items() if d not in guests and s.uuid is not None]
        return Sight(guests, _reasons(store, gone, deadline))


def _devices(
    store: XenStore, domids: Collection[int], deadline: float
) -> dict[int, frozenset[str]]:
    """Return the devices (``vif/0``) that libxl lists for each domain."""
    listing = int(MessageType.DIRECTORY)
    roots = [(domid, f"/libxl/{domid}/device") for domid in domids]
    kinds = ask_many(store, [(listing, requests.path(root)) for _, root in roots], deadline)
    folders = [
        (domid, kind, f"{root}/{kind}")
        for (domid, root), (got, payload) in zip(roots, kinds, strict=True)
        if got == listing
        for kind in replies.directory(payload)
    ]
    names = ask_many(store, [(listing, requests.path(path)) for *_, path in folders], deadline)
    found: dict[int, set[str]] = {domid: set() for domid in domids}
    for (domid, kind, _), (got, payload) in zip(folders, names, strict=True):
        if got == listing:
            found[domid].update(f"{kind}/{name}" for name in replies.directory(payload))
    return {domid: frozenset(listed) for domid, listed in found.items()}


def _reasons(store: XenStore, uuids: Collection[str], deadline: float) -> dict[str, str]:
    """Return XenD's last word on each of these guests, where it left one."""
    paths = [f"/vm/{uuid}/xend/last_shutdown_reason" for uuid in uuids]
    words = texts(store, paths, deadline) if paths else []
    return {
        uuid: word
        for uuid, word in zip(uuids, words, strict=True)
        if word in ("poweroff", "reboot", "suspend", "crash")
    }


def differences(before: Sight, now: Sight, at: float) -> Iterator[GuestEvent]:
    """Yield what happened between two looks: ends first, then changes, then beginnings."""

    def event(kind: EventKind, domid: int, seen: Seen, detail: str | None = None) -> GuestEvent:
        guest = GuestRef(domid=domid, uuid=seen.uuid, name=seen.name)
        return GuestEvent(kind=kind, guest=guest, source=CHANNEL, at=at, detail=detail)

    fresh: list[tuple[int, Seen]] = []
    for domid, old in before.guests.items():
        new = now.guests.get(domid)
        if new is None or (old.uuid is not None and new.uuid != old.uuid):
            reason = now.reasons.get(old.uuid or "", "unknown")
            yield event(EventKind.STOPPED, domid, old, reason)
            if new is not None:
                fresh.append((domid, new))
            continue
        if new.name != old.name and old.name is not None:
            yield event(EventKind.RENAMED, domid, new, old.name)
        for device in sorted(new.devices - old.devices):
            yield event(EventKind.DEVICE_ADDED, domid, new, device)
        for device in sorted(old.devices - new.devices):
            yield event(EventKind.DEVICE_REMOVED, domid, new, device)
    fresh += [(domid, seen) for domid, seen in now.guests.items() if domid not in before.guests]
    for domid, seen in fresh:
        yield event(EventKind.STARTED, domid, seen)
