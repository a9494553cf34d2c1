"""The ground the other tests stand on: guests by xl, seen the same by every independent look."""

from __future__ import annotations

import uuid

import pytest

from real_xen.guests import Guest, Guests, until
from real_xen.looks import (
    command,
    hypervisor,
    parse_list,
    xc_domains,
    xenstore_list,
    xenstore_read,
    xl_list,
)

pytestmark = pytest.mark.real_xen


def assert_seen_by_all(guest: Guest) -> None:
    row = xl_list()[guest.domid]
    assert (row.name, row.uuid) == (guest.name, guest.uuid)
    assert (row.memory, row.vcpus) == (guest.memory, guest.vcpus)

    known = xc_domains()[guest.domid]
    assert uuid.UUID(bytes=bytes(known["handle"])) == uuid.UUID(guest.uuid)
    assert known["max_vcpu_id"] == guest.vcpus - 1
    assert bool(known["hvm"]) == (guest.kind != "pv")

    home = f"/local/domain/{guest.domid}"
    assert str(guest.domid) in xenstore_list("/local/domain")
    assert xenstore_read(f"{home}/name") == guest.name
    assert xenstore_read(f"{home}/vm") == f"/vm/{guest.uuid}"
    assert xenstore_read(f"/libxl/{guest.domid}/type") == guest.kind


def test_every_look_sees_a_running_tiny_guest(tiny: Guest) -> None:
    assert_seen_by_all(tiny)
    assert not xc_domains()[tiny.domid]["paused"]
    until("it said so", lambda: "xenlab-tiny up: idle" in tiny.console())


def test_every_look_sees_a_paused_tiny_guest(paused_tiny: Guest) -> None:
    assert_seen_by_all(paused_tiny)
    assert xc_domains()[paused_tiny.domid]["paused"]
    assert xl_list()[paused_tiny.domid].state[2] == "p"
    assert paused_tiny.console() == ""


@pytest.mark.parametrize("fixture", ["linux_pv", "linux_pvh", "paused_hvm"])
def test_every_look_sees_the_larger_guests(fixture: str, request: pytest.FixtureRequest) -> None:
    assert_seen_by_all(request.getfixturevalue(fixture))


def test_linux_guests_obey_the_toolstack(guests: Guests) -> None:
    guest = guests.linux("pv")
    command("xl", "shutdown", "-w", str(guest.domid))
    until("it is gone", lambda: guest.domid not in xl_list())


def test_a_tiny_guest_reboots_under_a_new_domain_id(guests: Guests) -> None:
    guest = guests.tiny()
    until("it is up", lambda: "up:" in guest.console())
    command("xl", "reboot", str(guest.domid))

    def again() -> list[int]:
        return [row.domid for row in xl_list().values() if row.uuid == guest.uuid]

    # for a moment there may be both, or none
    until("it is back", lambda: [domid for domid in again() if domid != guest.domid] != [])
    assert max(again()) > guest.domid


def test_a_crash_is_kept_where_the_configuration_says_so(guests: Guests) -> None:
    guest = guests.tiny("crash", on_crash="preserve")
    until("it crashed", lambda: bool(xc_domains()[guest.domid]["crashed"]))
    assert xl_list()[guest.domid].state == "---sc-"


def test_guests_are_taken_away_even_renamed_and_rebooted() -> None:
    before = set(xl_list())
    with Guests() as guests:
        renamed = guests.tiny(paused=True)
        command("xl", "rename", str(renamed.domid), "another name")
        assert xl_list()[renamed.domid].name == "another name"
        rebooted = guests.tiny()
        until("it is up", lambda: "up:" in rebooted.console())
        command("xl", "reboot", str(rebooted.domid))
        until("it is gone", lambda: rebooted.domid not in xl_list())
    assert set(xl_list()) == before
    assert set(xc_domains()) == before
    assert not xenstore_list(f"/local/domain/{renamed.domid}")


def test_a_guest_goes_with_a_test_that_fails() -> None:
    guests = Guests()
    with pytest.raises(ZeroDivisionError), guests:
        guest = guests.tiny()
        assert guest.domid in xl_list()
        raise ZeroDivisionError
    assert guest.domid not in xl_list()


def test_the_kernel_and_xl_name_the_same_hypervisor() -> None:
    lines = (line.partition(":") for line in command("xl", "info").splitlines())
    said = {key.strip(): value.strip() for key, _, value in lines}
    told = hypervisor()
    assert told["type"] == "xen"
    assert told["version/major"] == said["xen_major"] == "4"
    assert told["version/minor"] == said["xen_minor"] == "17"
    assert told["version/extra"] == said["xen_extra"]
    assert told["properties/capabilities"] == said["xen_caps"]
    assert told["compilation/compiler"] == said["cc_compiler"]


def test_a_line_that_xl_does_not_print_is_told() -> None:
    with pytest.raises(AssertionError, match="does not parse"):
        parse_list("Name ID\nnonsense\n")
