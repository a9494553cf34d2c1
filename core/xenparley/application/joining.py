"""Joining what several channels say of one guest: living guests with definitions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from attrs import evolve

from xenparley.domain.errors import NoChannel
from xenparley.domain.guest import Field, GuestInfo, GuestRow
from xenparley.domain.identity import DOM0_HANDLE

__all__ = [
    "OF_DEFINITIONS",
    "Definition",
    "Joined",
    "defined_info",
    "info",
    "join",
    "merge",
    "why_unknown",
]

#: Told by definitions alone; a channel of living guests is never asked for them.
OF_DEFINITIONS = frozenset({Field.DEFINED, Field.AUTOSTART})
_NOT_OF_DEFINITIONS = frozenset(
    {Field.DOMID, Field.UUID, Field.STATE, Field.REASON, Field.CPU_TIME}
)


class Definition:
    """One definition as read: the row and its channel."""

    __slots__ = ("channel", "row")

    def __init__(self, channel: str, row: GuestRow) -> None:
        self.channel = channel
        self.row = row

    @property
    def uuid(self) -> str | None:
        """Its UUID, when it has one; a loose one has one of its channel's making, or none."""
        return self.row.uuid

    @property
    def name(self) -> str | None:
        """Its name, when it is known."""
        name = self.row.values.get(Field.NAME)
        return name if isinstance(name, str) else None

    @property
    def loose(self) -> bool:
        """Whether it says no UUID: a guest that others started from it has another one."""
        absent = self.row.absent
        return self.row.uuid is None or (absent is not None and Field.UUID in absent)


class Joined(NamedTuple):
    """Living guests that say whether they are defined, and the definitions nobody lives by."""

    living: list[GuestInfo]
    shut_off: list[Definition]
    conflicts: list[str]


def merge(found: Iterable[Definition]) -> tuple[list[Definition], list[str]]:
    """Keep one definition of each UUID, the first channel's; tell what contradicts it.

    A loose one is the guest that another channel defines by that name.
    """
    kept: list[Definition] = []
    conflicts: list[str] = []
    by_uuid: dict[str, Definition] = {}
    by_name: dict[str, Definition] = {}
    # Those with a UUID first: it is what others know the guest by.
    for d in sorted(found, key=lambda d: d.loose):
        other = by_uuid.get(d.uuid) if d.uuid is not None else None
        if other is not None:
            if other.name != d.name or other.channel == d.channel:
                conflicts.append(
                    f"UUID {d.uuid} is defined twice: {other.name!r} by {other.channel}, "
                    f"{d.name!r} by {d.channel}"
                )
            continue
        same_name = by_name.get(d.name) if d.name is not None else None
        if same_name is not None:
            if d.loose and same_name.channel != d.channel:
                continue
            conflicts.append(
                f"name {d.name!r} is defined twice: {same_name.uuid} by {same_name.channel}, "
                f"{d.uuid} by {d.channel}"
            )
        if d.uuid is not None:
            by_uuid[d.uuid] = d
        if d.name is not None:
            by_name.setdefault(d.name, d)
        kept.append(d)
    return kept, conflicts


def join(
    living: Iterable[GuestInfo], kept: Sequence[Definition], known: bool, reason: str
) -> Joined:
    """Find each living guest's definition: by UUID, and by name where one side has none.

    ``known`` says that who has no definition here has none; else ``reason`` says why that can't
    be told.
    """
    guests = list(living)
    by_uuid = {d.uuid: d for d in kept if d.uuid is not None}
    found: dict[int, Definition] = {}
    for place, guest in enumerate(guests):
        if guest.uuid is not None and guest.uuid != DOM0_HANDLE and guest.uuid in by_uuid:
            found[place] = by_uuid[guest.uuid]
    taken = {id(d) for d in found.values()}
    by_name: dict[str, list[Definition]] = {}
    for d in kept:
        if d.name is not None and id(d) not in taken:
            by_name.setdefault(d.name, []).append(d)
    holders: dict[int, list[GuestInfo]] = {}
    for place, guest in enumerate(guests):
        if place in found or guest.name is None or guest.domid == 0:
            continue
        mine = [d for d in by_name.get(guest.name, ()) if d.loose or guest.uuid is None]
        # Several are a conflict that merge() told: none is chosen.
        if len(mine) == 1:
            found[place] = mine[0]
            holders.setdefault(id(mine[0]), []).append(guest)
    conflicts = [
        f"name {several[0].name!r} is defined without a UUID, and living guests "
        f"{', '.join(str(g.domid) for g in several)} have it"
        for several in holders.values()
        if len(several) > 1
    ]
    taken.update(holders)
    return Joined(
        [_told(g, found.get(place), known, reason) for place, g in enumerate(guests)],
        [d for d in kept if id(d) not in taken],
        conflicts,
    )


def why_unknown(any_keeper: bool, out: Mapping[str, str]) -> str:
    """Word why it can't be said whether a guest is defined."""
    if out:
        return "; ".join(f"{name}: {reason}" for name, reason in out.items())
    return "no channel keeps definitions" if not any_keeper else ""


def _told(guest: GuestInfo, match: Definition | None, known: bool, reason: str) -> GuestInfo:
    """Say of a living guest whether it is defined, and by what."""
    sources, missing = dict(guest.sources), dict(guest.missing)
    missing.pop(Field.DEFINED, None)
    missing.pop(Field.AUTOSTART, None)
    if match is None:
        if not known:
            missing[Field.DEFINED] = missing[Field.AUTOSTART] = reason
            return evolve(guest, missing=missing)
        return evolve(guest, defined=False, missing=missing)
    sources[Field.DEFINED] = match.channel
    autostart = match.row.values.get(Field.AUTOSTART)
    if isinstance(autostart, bool):
        sources[Field.AUTOSTART] = match.channel
    return evolve(
        guest,
        defined=True,
        definition=None if match.uuid == guest.uuid else match.uuid,
        autostart=autostart if isinstance(autostart, bool) else None,
        sources=sources,
        missing=missing,
    )


def defined_info(
    d: Definition,
    fields: Collection[Field],
    observed_at: float,
    unseen: NoChannel | None = None,
) -> GuestInfo:
    """Make the observation of a definition that nobody lives by.

    ``unseen`` is why nobody can tell which guests live: then it is not known to be shut off.
    """
    values = dict(d.row.values)
    values[Field.DEFINED] = True
    absent: dict[Field, str] = {
        f: "not told by " + d.channel
        for f in fields
        if f not in values and f not in _NOT_OF_DEFINITIONS
    }
    if unseen is not None:
        absent[Field.DOMID] = absent[Field.STATE] = str(unseen)
    if d.row.absent:
        absent.update(d.row.absent)
    told: dict[Field, str] = dict.fromkeys(values, d.channel)
    return info(None, d.row.uuid, values, absent, told, observed_at)


def info(
    domid: int | None,
    uuid: str | None,
    values: Mapping[Field, object],
    absent: Mapping[Field, str],
    told: Mapping[Field, str],
    observed_at: float,
) -> GuestInfo:
    """Make an observation of values; ``told`` maps the fields that were asked to their channels."""
    uuid = uuid if uuid is not None else values.get(Field.UUID)  # type: ignore[assignment]
    # of every row of every listing: Enum's `value` is a call into Python, `_value_` is not
    arguments = {f._value_: v for f, v in values.items() if f in told}
    arguments["domid"] = domid
    arguments["uuid"] = uuid
    known = told
    gone = {f: reason for f, reason in absent.items() if f not in values} if absent else {}
    if not told.keys() <= values.keys():
        unknown = [
            f
            for f in told
            if f not in values and f is not Field.DOMID and (f is not Field.UUID or uuid is None)
        ]
        known = {f: s for f, s in told.items() if f not in unknown}
        for f in unknown:
            gone.setdefault(f, f"{told[f]} did not tell")
    return GuestInfo(observed_at=observed_at, sources=known, missing=gone, **arguments)  # type: ignore[arg-type]
