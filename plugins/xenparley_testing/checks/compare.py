"""Comparing answers: what a configuration said is held, what rows and answers must look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from xenparley.domain.config import GuestConfig
from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.domain.identity import MAX_DOMID, canonical_uuid
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import broken

__all__ = ["check_plausible_kib", "check_row", "differences", "is_count", "token"]

#: Fields whose value may be None although it is known.
_NONE_KNOWN = frozenset({Field.REASON})
_VIRTS = ("pv", "hvm", "pvh")


def differences(said: Any, held: Any, place: str = "config") -> Iterator[str]:
    """Yield what ``said`` says (what is not a default) and ``held`` doesn't."""
    if attrs.has(type(said)) and type(said) is type(held):
        for attribute in attrs.fields(type(said)):
            value = getattr(said, attribute.name)
            if value != _default(attribute):
                yield from differences(
                    value, getattr(held, attribute.name), f"{place}.{attribute.name}"
                )
    elif isinstance(said, tuple) and isinstance(held, tuple) and said and attrs.has(type(said[0])):
        if len(said) != len(held):
            yield f"{place}: {len(said)} said, {len(held)} held"
        for number, (one, other) in enumerate(zip(said, held, strict=False)):
            yield from differences(one, other, f"{place}[{number}]")
    elif said != held:
        yield f"{place}: said {said!r}, held {held!r}"


def _default(attribute: Any) -> object:
    return attribute.default if attribute.default is not attrs.NOTHING else _NO_DEFAULT


_NO_DEFAULT = object()


def is_count(value: object) -> bool:
    """Say whether the value is an int (no bool) of zero or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_row(row: GuestRow, asked: Iterable[Field], *, living: bool) -> None:
    """Check a row: keys, types, and that each asked field is there or has its reason."""
    asked = set(asked)
    if not isinstance(row, GuestRow):
        raise broken(f"not a GuestRow: {row!r}")
    if living:
        if not is_count(row.domid) or not 0 <= (row.domid or 0) <= MAX_DOMID:
            raise broken(f"a living guest's row has domid {row.domid!r}")
    elif row.domid is not None:
        raise broken(f"a definition's row has domid {row.domid!r}, not None")
    if row.uuid is not None and canonical_uuid(row.uuid) != row.uuid:
        raise broken(f"row.uuid {row.uuid!r} is not canonical")
    absent = row.absent or {}
    for one in asked - {Field.DOMID, Field.UUID}:
        if one not in row.values and one not in absent:
            raise broken(f"{one.name} was asked: it is neither in values nor has it a reason")
    if Field.UUID in asked and row.uuid is None and Field.UUID not in absent:
        raise broken("UUID was asked, but row.uuid is None without a reason")
    for one, reason in absent.items():
        if not reason or not isinstance(reason, str):
            raise broken(f"{one.name} is absent without a reason: {reason!r}")
        if one in row.values:
            raise broken(f"{one.name} is both known and absent")
    for one, value in row.values.items():
        if not fits(one, value, row):
            raise broken(f"{one.name} has the value {value!r}")


def fits(one: Field, value: object, row: GuestRow) -> bool:
    """Say whether a value has its field's type and range."""
    if value is None:
        return one in _NONE_KNOWN or (one is Field.DOMID and row.domid is None)
    if one in (Field.DEFINED, Field.AUTOSTART):
        return isinstance(value, bool)
    if one is Field.STATE:
        return isinstance(value, RunFlags)
    if one is Field.NAME:
        return isinstance(value, str)
    if one is Field.UUID:
        return value == row.uuid
    if one is Field.DOMID:
        return value == row.domid
    if one is Field.VIRT:
        return value in _VIRTS
    return is_count(value) or (one is Field.MAX_MEMORY and value == UNLIMITED_KIB)


def check_plausible_kib(what: str, value: object, expected: int) -> None:
    """Check that a size is KiB: within a factor of two of what is expected, or without limit."""
    if value in (None, UNLIMITED_KIB):
        return
    if not is_count(value) or not expected / 2 <= value <= expected * 2:  # type: ignore[operator]
        raise broken(f"{what} is {value!r}; about {expected} KiB expected: is the unit KiB?")


def token(capability: Capability, answer: Any) -> object:
    """Return what of an answer must be the same whenever the same is asked."""
    if isinstance(answer, GuestConfig):
        return (answer.name, answer.uuid, answer.memory_kib)
    if capability.value.startswith(("list-", "find-")):
        rows = [
            (r.domid, r.uuid, r.values.get(Field.NAME), r.values.get(Field.MAX_MEMORY))
            for r in answer
        ]
        return tuple(sorted(rows, key=repr))
    if capability is Capability.MEMORY:
        return answer.maximum_kib
    if capability is Capability.DEVICES:
        return tuple((d.kind, d.devid, d.name) for d in answer)
    if capability is Capability.SCHEDULER:
        return answer
    return type(answer)
