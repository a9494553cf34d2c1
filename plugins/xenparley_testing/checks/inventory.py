"""list-live, list-defined, find-live, find-defined."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Sequence

from attrs import evolve

from xenparley.domain.errors import InvalidInput, XenparleyError
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import MAX_DOMID, GuestRef
from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench, broken, watched
from xenparley_testing.checks.compare import check_plausible_kib, check_row
from xenparley_testing.names import ODD_NAMES
from xenparley_testing.registry import check

__all__ = [
    "check_find_defined",
    "check_find_live",
    "check_list_defined",
    "check_list_live",
    "check_list_live_each_field",
    "check_list_live_only",
    "check_odd_names_defined",
    "check_odd_names_living",
]

C = Capability
#: A channel searches by those keys whose field it offers: the hypervisor knows no names.
_CRITERIA = {"domid": Field.DOMID, "uuid": Field.UUID, "name": Field.NAME}


def rows_of(answer: object, what: str) -> Sequence[GuestRow]:
    """Return the answer, which must be a sequence of rows."""
    if not isinstance(answer, Sequence):
        raise broken(f"{what}: answered {type(answer).__name__}, not a sequence")
    return answer


def one(rows: Sequence[GuestRow], what: str, ref: GuestRef) -> GuestRow:
    """Return the one row about this guest."""
    if ref.domid is not None:
        found = [row for row in rows if row.domid == ref.domid]
    else:
        found = [row for row in rows if row.uuid == ref.uuid]
    if len(found) != 1:
        raise broken(f"{what}: {len(found)} rows for {ref!r}, not one")
    return found[0]


def says_what_was_made(bench: Bench, row: GuestRow, ref: GuestRef, what: str) -> None:
    """Compare a row with the template that its guest was made from."""
    template, values = bench.subject.template, row.values
    if Field.UUID in values and row.uuid != ref.uuid:
        raise broken(f"{what}: handle {row.uuid!r}, made with {ref.uuid!r}")
    if values.get(Field.NAME, ref.name) != ref.name:
        raise broken(f"{what}: name {values[Field.NAME]!r}, made with {ref.name!r}")
    if values.get(Field.VIRT, template.virt) != template.virt:
        raise broken(f"{what}: virt {values[Field.VIRT]!r}, made with {template.virt!r}")
    check_plausible_kib(f"{what}: MEMORY", values.get(Field.MEMORY), template.memory_kib)
    check_plausible_kib(f"{what}: MAX_MEMORY", values.get(Field.MAX_MEMORY), template.maximum_kib)
    most = template.vcpus.maximum
    for name in (Field.VCPUS, Field.MAX_VCPUS):
        count = values.get(name)
        if isinstance(count, int) and not 0 < count <= most:
            raise broken(f"{what}: {name.name} {count}, made with {most}")


@check(C.LIST_LIVE)
def check_list_live(bench: Bench) -> None:
    """Domain 0 and each living guest once, with the fields asked or a reason; not the gone."""
    first, second = bench.living(), bench.living()
    fields = bench.fields(C.LIST_LIVE)
    rows = rows_of(bench.call(C.LIST_LIVE, fields), "list-live")
    for row in rows:
        check_row(row, fields, living=True)
    ids = [row.domid for row in rows]
    if len(set(ids)) != len(ids):
        raise broken(f"list-live: a domain id twice in {ids}")
    if 0 not in ids:
        raise broken("list-live: Domain 0 is not listed")
    for ref in (first, second):
        says_what_was_made(bench, one(rows, "list-live", ref), ref, "list-live")
    bench.end(second)
    left = rows_of(bench.call(C.LIST_LIVE, fields), "list-live")
    if any(row.domid == second.domid and row.uuid in (None, second.uuid) for row in left):
        raise broken("list-live: a guest that is gone is listed")
    one(left, "list-live", first)


@check(C.LIST_LIVE)
def check_list_live_only(bench: Bench) -> None:
    """``domids`` narrows the answer; an id that isn't living is no error; no ids, no rows."""
    ref = bench.living()
    fields = bench.fields(C.LIST_LIVE)
    rows = bench.call(C.LIST_LIVE, fields, domids=[ref.domid, MAX_DOMID])
    if [row.domid for row in rows] != [ref.domid]:
        raise broken(f"list-live, domids of one guest: rows for {[row.domid for row in rows]}")
    if len(bench.call(C.LIST_LIVE, fields, domids=[])) != 0:
        raise broken("list-live, no domids: rows all the same")


@check(C.LIST_LIVE)
def check_list_live_each_field(bench: Bench) -> None:
    """Each field may be asked alone, and one that isn't offered does no harm."""
    ref = bench.living()
    offered = bench.fields(C.LIST_LIVE)
    for field in Field:
        rows = bench.call(C.LIST_LIVE, [field])
        for row in rows:
            check_row(row, [field] if field in offered else [], living=True)
        one(rows, f"list-live, {field.name} alone", ref)
    one(bench.call(C.LIST_LIVE, []), "list-live, no field", ref)


@check(C.LIST_DEFINED)
def check_list_defined(bench: Bench) -> None:
    """Each definition once, its guest living or not; not the ones undefined."""
    first, second = bench.defined(), bench.defined()
    fields = bench.fields(C.LIST_DEFINED)
    rows = rows_of(bench.call(C.LIST_DEFINED, fields), "list-defined")
    for row in rows:
        check_row(row, fields, living=False)
        if row.values.get(Field.DEFINED, True) is not True:
            raise broken("list-defined: DEFINED is not True")
    for ref in (first, second):
        says_what_was_made(bench, one(rows, "list-defined", ref), ref, "list-defined")
    for field in fields:
        for row in bench.call(C.LIST_DEFINED, [field]):
            check_row(row, [field], living=False)
    bench.undefine(second)
    if any(row.uuid == second.uuid for row in bench.call(C.LIST_DEFINED, fields)):
        raise broken("list-defined: what was undefined is listed")


@check(C.FIND_LIVE)
def check_find_live(bench: Bench) -> None:
    """By domain id, handle or exact name, as far as they are offered: who matches, nobody else."""
    ref, other = bench.living(), bench.living()
    fields = bench.fields(C.FIND_LIVE)
    name = ref.name or ""
    able = {key for key, field in _CRITERIA.items() if field in fields} | {"domid"}
    matching: tuple[dict[str, object], ...] = (
        {"domid": ref.domid},
        {"uuid": ref.uuid},
        {"name": name},
    )
    for criterion in filter(able.issuperset, matching):
        rows = rows_of(bench.call(C.FIND_LIVE, fields, **criterion), "find-live")
        if [row.domid for row in rows] != [ref.domid]:
            raise broken(f"find-live, {criterion}: rows for {[r.domid for r in rows]}")
        check_row(rows[0], fields, living=True)
        says_what_was_made(bench, rows[0], ref, f"find-live, {criterion}")
    others: tuple[dict[str, object], ...] = (
        {"domid": MAX_DOMID},
        {"uuid": str(uuids.uuid4())},
        {"name": name[:-1]},
        {"name": name + "x"},
        {"name": name.upper()},
        {"name": str(ref.domid)},
        {"name": "contract-*"},
        {"name": "%"},
        {"name": ref.uuid},
    )
    for criterion in filter(able.issuperset, others):
        _finds_none(bench, C.FIND_LIVE, criterion)
    bench.end(other)
    gone: tuple[dict[str, object], ...] = ({"name": other.name}, {"uuid": other.uuid})
    for criterion in filter(able.issuperset, gone):
        _finds_none(bench, C.FIND_LIVE, criterion)


@check(C.FIND_DEFINED)
def check_find_defined(bench: Bench) -> None:
    """By UUID or exact name: the definition, and no other."""
    ref, other = bench.defined(), bench.defined()
    fields = bench.fields(C.FIND_DEFINED)
    name = ref.name or ""
    matching: tuple[dict[str, object], ...] = ({"uuid": ref.uuid}, {"name": name})
    for criterion in matching:
        rows = rows_of(bench.call(C.FIND_DEFINED, fields, **criterion), "find-defined")
        if [row.uuid for row in rows] != [ref.uuid]:
            raise broken(f"find-defined, {criterion}: rows for {[r.uuid for r in rows]}")
        check_row(rows[0], fields, living=False)
        says_what_was_made(bench, rows[0], ref, f"find-defined, {criterion}")
    others: tuple[dict[str, object], ...] = (
        {"uuid": str(uuids.uuid4())},
        {"name": name[:-1]},
        {"name": name + "x"},
        {"name": name.upper()},
        {"name": "%"},
        {"name": ref.uuid},
    )
    for criterion in others:
        _finds_none(bench, C.FIND_DEFINED, criterion)
    bench.undefine(other)
    _finds_none(bench, C.FIND_DEFINED, {"uuid": other.uuid})


def _finds_none(bench: Bench, capability: Capability, criterion: dict[str, object]) -> None:
    rows = bench.call(capability, bench.fields(capability), **criterion)
    if len(rows) != 0:
        raise broken(f"{capability.value}, {criterion}: {list(rows)!r}, nobody matches")


@check(C.LIST_LIVE)
def check_odd_names_living(bench: Bench) -> None:
    """Odd names of living guests are told as they are; ones it can't hold are refused."""
    if Field.NAME not in bench.fields(C.LIST_LIVE):
        return
    by_itself = bench.subject.make_guest is None
    for name in ODD_NAMES:
        if name in bench.subject.unholdable:
            if by_itself and bench.offered(C.CREATE):
                _refused(bench, C.CREATE, name)
            continue
        ref = bench.living(bench.config(name))
        row = one(bench.call(C.LIST_LIVE, [Field.NAME], domids=[ref.domid]), "list-live", ref)
        if row.values.get(Field.NAME) != name:
            raise broken(
                f"list-live: the name {name!r} came back as {row.values.get(Field.NAME)!r}"
            )
        if Field.NAME in bench.fields(C.FIND_LIVE):
            found = bench.call(C.FIND_LIVE, [Field.NAME], name=name)
            if [r.domid for r in found] != [ref.domid]:
                raise broken(f"find-live: {name!r} is living, found {list(found)!r}")
        bench.end(ref)


@check(C.LIST_DEFINED)
def check_odd_names_defined(bench: Bench) -> None:
    """Odd names of definitions are told as they are; ones it can't hold are refused."""
    for name in ODD_NAMES:
        if name in bench.subject.unholdable:
            if bench.subject.define_guest is None and bench.offered(C.DEFINE):
                _refused(bench, C.DEFINE, name)
            continue
        ref = bench.defined(bench.config(name))
        row = one(bench.call(C.LIST_DEFINED, [Field.NAME]), "list-defined", ref)
        if row.values.get(Field.NAME) != name:
            raise broken(
                f"list-defined: the name {name!r} came back as {row.values.get(Field.NAME)!r}"
            )
        if bench.offered(C.FIND_DEFINED):
            found = bench.call(C.FIND_DEFINED, [Field.NAME], name=name)
            if [r.uuid for r in found] != [ref.uuid]:
                raise broken(f"find-defined: {name!r} is defined, found {list(found)!r}")
        if bench.offered(C.READ_DEFINED):
            held = bench.call(C.READ_DEFINED, ref).name
            if held != name:
                raise broken(f"read-defined: the name {name!r} came back as {held!r}")
        bench.undefine(ref)


def _refused(bench: Bench, capability: Capability, name: str) -> None:
    config = evolve(bench.config(), name=name)
    more = {"paused": True} if capability is C.CREATE else {}
    method = bench.method(capability)
    try:
        watched(capability, lambda: method(config, deadline=bench.deadline(), **more))
    except InvalidInput:
        return
    except XenparleyError as exc:
        raise broken(
            f"{capability.value}: refuses {name!r} with {exc!r}, not InvalidInput"
        ) from exc
    raise broken(f"{capability.value}: took the name {name!r}, declared as one it can't hold")
