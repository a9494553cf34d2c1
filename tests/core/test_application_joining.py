"""Definitions without a UUID: joined to living guests, and to other definitions, by name."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.hosts import LIVE, U1, U2, U3, FakeChannel, World, _Plugin, fake_host, offer, row
from xenparley import AmbiguousGuest, Capability, NotFound, Plugins, connect
from xenparley.application.joining import Definition, join, merge
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import ProtocolError
from xenparley.domain.guest import Field, GuestInfo
from xenparley.domain.identity import DOM0_HANDLE, GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.offer import Authority

MADE = "dddddddd-1111-5111-8111-111111111111"
NAMED = (*LIVE, Field.NAME)


class Files:
    """A keeper of definitions whose guests may have no UUID of their own."""

    def __init__(self, *guests, loose=True):
        self.guests = list(guests)
        self.loose = loose
        self.seen: list[tuple[str, GuestRef]] = []

    def rows(self, **criteria):
        absent = {Field.UUID: "made from the path"} if self.loose else None
        for uuid, name in self.guests:
            if criteria.get("uuid") in (None, uuid) and criteria.get("name") in (None, name):
                yield row(None, uuid, absent, name=name, autostart=True)

    def named(self, operation, guest):
        self.seen.append((operation, guest))
        for uuid, name in self.guests:
            if uuid == guest.uuid:
                return uuid, name
        raise NotFound(f"no file of {guest.uuid}")

    def channel(self, name="files", authority=Authority.SECONDARY, **rest):
        def find_defined(fields, *, uuid=None, name=None, deadline):
            return list(self.rows(uuid=uuid, name=name))

        def read_defined(guest, *, deadline):
            uuid, its = self.named("read", guest)
            return GuestConfig(name=its, uuid=uuid, memory_kib=65536, boot=Boot(kernel="/k"))

        def undefine(guest, *, deadline):
            self.guests.remove(self.named("undefine", guest))

        fields = (Field.UUID, Field.NAME, Field.AUTOSTART)
        return FakeChannel(
            name,
            {
                "list_defined": lambda fields, *, deadline: list(self.rows()),
                "find_defined": find_defined,
                "read_defined": read_defined,
                "undefine": undefine,
                "set_autostart": lambda guest, on, *, deadline: self.named("autostart", guest),
            },
            (
                offer(Capability.LIST_DEFINED, 1, authority, fields=fields),
                offer(Capability.FIND_DEFINED, 1, authority, fields=fields),
                offer(Capability.READ_DEFINED, 1, authority),
                offer(Capability.UNDEFINE, 1, authority),
                offer(Capability.SET_AUTOSTART, 1, authority),
            ),
            **rest,
        )


def living(world, fields=NAMED):
    def list_live(asked, *, domids=None, deadline):
        rows = world.list_live(asked, domids=domids, deadline=deadline)
        for each in rows:
            each.values = {f: v for f, v in each.values.items() if f in asked}
        return rows

    return FakeChannel(
        "hyper",
        {"list_live": list_live, "find_live": world.find_live},
        (
            offer(Capability.LIST_LIVE, fields=fields),
            offer(Capability.FIND_LIVE, fields=(Field.UUID, Field.NAME)),
        ),
    )


@pytest.fixture
def world():
    return World()  # fc8 lives with U1


@pytest.mark.parametrize("fields", [None, (Field.STATE,), (Field.UUID,), (Field.NAME,)])
def test_a_guest_and_the_file_it_was_started_from_are_one(world, fields):
    with fake_host(living(world), Files((MADE, "fc8"), (U3, "spare")).channel()) as host:
        listing = host.list(fields, all=True)
    assert [(g.domid, g.uuid) for g in listing][1:] == [(5, U1), (None, U3)]
    guest = listing.guests[1]
    assert (guest.defined, guest.definition, guest.sources[Field.DEFINED]) == (True, MADE, "files")
    assert listing.conflicts == ()
    assert listing.guests[0].defined is False


@pytest.mark.parametrize(
    "guest",
    ["fc8", 5, U1, MADE, GuestRef(uuid=MADE), GuestRef(domid=5, uuid=U1), GuestRef(uuid=U1)],
)
def test_it_is_found_whole_by_whatever_names_it(world, guest):
    with fake_host(living(world), Files((MADE, "fc8")).channel()) as host:
        found = host.find(guest)
    assert (found.domid, found.uuid, found.definition) == (5, U1, MADE)
    assert (found.defined, found.autostart) == (True, True)


def test_what_aims_at_the_definition_names_it_as_its_keeper_does(world):
    files = Files((MADE, "fc8"))
    with fake_host(living(world), files.channel()) as host:
        assert host.config("fc8", live=False).uuid == MADE
        host.set_autostart(5, False)
        assert host.start("fc8").already
        host.undefine(U1)
        assert host.find("fc8").defined is False
    assert [(what, ref.uuid, ref.domid) for what, ref in files.seen if what != "read"] == [
        ("autostart", MADE, None),
        ("undefine", MADE, None),
    ]


def test_a_file_with_a_uuid_is_another_guest_than_one_of_its_name(world):
    with fake_host(living(world), Files((U2, "fc8"), loose=False).channel()) as host:
        listing = host.list(all=True)
        assert [(g.domid, g.uuid, g.defined) for g in listing][1:] == [
            (5, U1, False),
            (None, U2, True),
        ]
        with pytest.raises(AmbiguousGuest):
            host.find("fc8")
        assert host.find(5).defined is False


def test_started_with_the_uuid_that_was_made_it_is_joined_by_that(world):
    world.guests[7] = ("other-name", MADE, RunFlags.BLOCKED)
    with fake_host(living(world), Files((MADE, "fc8")).channel()) as host:
        told = {g.domid: (g.defined, g.definition) for g in host.list(all=True)}
    assert told == {0: (False, None), 5: (False, None), 7: (True, None)}


def test_an_owner_who_defines_the_name_is_joined_with_the_file(world):
    owner = Files((U2, "spare"), loose=False).channel("owner", Authority.OWNER)
    for prefer in ((), ("files",)):
        files = Files((MADE, "spare")).channel()
        with fake_host(living(world), owner, files, prefer=prefer) as host:
            listing = host.list(all=True)
            assert [(g.domid, g.uuid) for g in listing][2:] == [(None, U2)]
            assert listing.conflicts == ()
            assert host.find("spare").sources[Field.DEFINED] == "owner"
            assert host.find(U2).uuid == host.find(MADE).uuid == U2


def test_two_files_of_one_name_are_a_conflict_and_none_is_chosen(world):
    with fake_host(living(world), Files((MADE, "fc8"), (U3, "fc8")).channel()) as host:
        listing = host.list(all=True)
        assert len(listing) == 4
        assert any("'fc8' is defined twice" in text for text in listing.conflicts)
        with pytest.raises(AmbiguousGuest):
            host.find("fc8")


def test_two_guests_of_one_name_are_told(world):
    world.guests[6] = ("fc8", U2, RunFlags.BLOCKED)
    with fake_host(living(world), Files((MADE, "fc8")).channel()) as host:
        listing = host.list(all=True)
    assert [g.domid for g in listing] == [0, 5, 6]
    assert listing.conflicts == (
        "name 'fc8' is defined without a UUID, and living guests 5, 6 have it",
    )


def test_where_nobody_tells_handles_names_join(world):
    channel = FakeChannel(
        "names",
        {
            "list_live": lambda fields, *, domids=None, deadline: [
                row(d, name=n)
                for d, (n, _, _) in world.guests.items()
                if domids is None or d in domids
            ]
        },
        (offer(Capability.LIST_LIVE, fields=(Field.DOMID, Field.NAME)),),
    )
    with fake_host(channel, Files((U1, "fc8"), loose=False).channel()) as host:
        for guest in (host.list(all=True).guests[1], host.find("fc8"), host.find(5)):
            assert (guest.domid, guest.uuid, guest.defined) == (5, None, True)
            assert guest.definition == U1


def test_a_name_that_can_not_be_looked_up_leaves_two(world):
    channel = living(world)
    real = channel.methods["list_live"]

    def list_live(fields, *, domids=None, deadline):
        if domids is not None:
            raise ProtocolError("garbage")
        return real(fields, domids=domids, deadline=deadline)

    channel.methods["list_live"] = list_live
    with fake_host(channel, Files((MADE, "fc8")).channel()) as host:
        assert len(host.list((Field.STATE,), all=True)) == 3


def test_starts_from_a_file_are_no_end_of_the_definition(world):
    gone = world.guests.pop(5)
    with fake_host(living(world), Files((MADE, "fc8")).channel()) as host:
        with host.events(poll=0.02) as events:
            world.guests[5] = gone
            event = events.get(5)
            assert (event.kind.value, event.guest.domid) == ("started", 5)
            assert events.get(0.2) is None


def test_with_the_files_of_etc_xen(world, tmp_path):
    (tmp_path / "fc8").write_text("name = 'fc8'\nmemory = 64\nkernel = '/k'\n")
    (tmp_path / "spare").write_text(f"name = 'spare'\nmemory = 64\nuuid = '{U2}'\n")
    plugins = Plugins(environ={}, allow=["xm"])
    plugins.register(_Plugin(living(world), True, False), "hyper")
    uri = f"xen:///?xm.folder={tmp_path}&xm.toolstack=xm&xm.notify=poll"
    with connect(uri, plugins=plugins) as host:
        listing = host.list(all=True)
        assert [(g.domid, g.name) for g in listing] == [
            (0, "Domain-0"),
            (5, "fc8"),
            (None, "spare"),
        ]
        host.undefine("fc8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spare"]


# -- any listing -----------------------------------------------------------------------------

IDS = st.sampled_from([None, U1, U2, U3, MADE])
NAMES = st.sampled_from([None, "a", "b", "c"])
DEFINITIONS = st.lists(
    st.builds(
        lambda channel, uuid, name, loose: Definition(
            channel,
            row(
                None,
                uuid,
                {Field.UUID: "none"} if loose else None,
                **({"name": name} if name else {}),
            ),
        ),
        st.sampled_from(["x", "y"]),
        IDS,
        NAMES,
        st.booleans(),
    ),
    max_size=6,
)
GUESTS = st.lists(
    st.builds(
        lambda domid, uuid, name: GuestInfo(domid=domid, uuid=uuid, name=name),
        st.integers(1, 9),
        IDS,
        NAMES,
    ),
    max_size=5,
    unique_by=lambda g: g.domid,
)


@settings(max_examples=300, deadline=None)
@given(DEFINITIONS, GUESTS, st.booleans())
def test_any_inventories_are_joined_without_loss_or_doubles(found, guests, known):
    dom0 = GuestInfo(domid=0, uuid=DOM0_HANDLE, name="a")
    kept, _ = merge(found)
    joined = join([dom0, *guests], kept, known, "why")

    # Each living guest is there once, in its place, with its own identity.
    assert [(g.domid, g.uuid, g.name) for g in joined.living] == [
        (g.domid, g.uuid, g.name) for g in (dom0, *guests)
    ]
    assert not joined.living[0].defined
    # Each definition is somebody's, or nobody lives by it, or it was merged into one that is.
    assert len({id(d) for d in joined.shut_off}) == len(joined.shut_off)
    assert {id(d) for d in joined.shut_off} <= {id(d) for d in kept} <= {id(d) for d in found}
    used = Counter((g.definition or g.uuid) for g in joined.living if g.defined)
    assert len(kept) <= len(joined.shut_off) + sum(used.values())
    # No UUID is told twice.
    uuids = [d.uuid for d in kept if d.uuid is not None]
    assert len(uuids) == len(set(uuids))
    alive = {g.uuid for g in guests if g.uuid is not None}
    assert not alive & {d.uuid for d in joined.shut_off}
    # One without a UUID stands beside a living guest of its name only where more than one file
    # has that name, or that guest has a definition of its own.
    by_name = Counter(d.name for d in kept)
    for d in joined.shut_off:
        for g in joined.living[1:]:
            if d.loose and d.name is not None and g.name == d.name and by_name[d.name] == 1:
                assert g.defined
    for g in joined.living:
        assert g.defined or (g.defined is False) == known
        if g.defined and g.definition is not None:
            match = [d for d in kept if d.uuid == g.definition]
            assert len(match) == 1
            assert match[0].name == g.name
            assert match[0].loose or g.uuid is None

    # The order of rows within a channel changes nothing but which of two equals is first.
    again, _ = merge(sorted(found, key=lambda d: d.channel))
    assert {d.uuid for d in again if not d.loose} == {d.uuid for d in kept if not d.loose}
