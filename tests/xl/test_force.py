"""Guests that somebody else owns: changed only when that is forced, through every layer."""

from __future__ import annotations

import pytest

import xenparley
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import InvalidState, NotFound
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_cli.entry import main

CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))
FORCED = GuestRef(name="web", force=True)


@pytest.fixture
def domain(fake):
    """A guest that libvirt made."""
    made = fake.hypervisor.create(CONFIG)
    mark = fake.root / f"var/lib/xen/userdata-d.{made.domid}.{made.handle}.libvirt-xml"
    mark.parent.mkdir(parents=True)
    mark.write_text("<domain/>")
    return made


@pytest.fixture
def host(fake):
    settings = {"xl": {"path": str(fake.path), "root": str(fake.root)}}
    with xenparley.connect("xen:///", channels=["xl"], settings=settings) as connected:
        yield connected


def phase(fake, domain):
    found = fake.hypervisor.domain(domain.domid)
    return "gone" if found is None else found.phase.value


def test_force_is_no_part_of_who_a_guest_is():
    plain = GuestRef(domid=3, name="web")
    forced = GuestRef(domid=3, name="web", force=True)
    assert (plain, hash(plain), str(plain)) == (forced, hash(forced), str(forced))


def test_a_port_is_forced_by_its_target(fake, channel, domain, soon):
    life, memory = channel.port(Role.LIFECYCLE), channel.port(Role.MEMORY)
    plain = GuestRef(domid=domain.domid, uuid=domain.handle)
    forced = GuestRef(domid=domain.domid, uuid=domain.handle, force=True)
    with pytest.raises(InvalidState, match="libvirt"):
        life.pause(plain, deadline=soon())
    life.pause(forced, deadline=soon())
    assert phase(fake, domain) == "paused"
    memory.set_target(forced, 32768, deadline=soon())
    assert fake.hypervisor.domain(domain.domid).target_kib == 32768
    # Force makes nobody else of a guest: the handle is looked at all the same.
    other = GuestRef(domid=domain.domid, uuid="0" * 8 + "-0000-0000-0000-000000000001", force=True)
    with pytest.raises(NotFound):
        life.destroy(other, deadline=soon())
    assert phase(fake, domain) == "paused"


def test_destroy_by_force(fake, host, domain):
    with pytest.raises(InvalidState, match="force"):
        host.destroy("web")
    assert not fake.carried_out("destroy")
    outcome = host.destroy("web", force=True)
    assert (outcome.reached, outcome.channel) == (True, "xl")
    assert fake.carried_out("destroy") == 1


def test_any_command_by_a_forced_target(fake, host, domain):
    for command in (
        lambda guest: host.pause(guest),
        lambda guest: host.set_memory(guest, 32768),
        lambda guest: host.ensure_stopped(guest, destroy_after=0.0),
    ):
        before = len(fake.calls())
        with pytest.raises(InvalidState, match="libvirt"):
            command("web")
        read = ("list", "info", "uptime", "claims")
        assert all(call[0] in read for call in fake.calls()[before:])
        command(FORCED)
    assert [c[0] for c in fake.calls() if c[0] not in ("list", "info", "claims")] == [
        "pause",
        "mem-set",
        "destroy",
    ]


def test_the_command_line_forces_too(fake, domain, capsys):
    uri = f"xen:///?channels=xl&xl.path={fake.path}&xl.root={fake.root}"
    assert main(["-c", uri, "destroy", "web"]) != 0
    assert "libvirt" in capsys.readouterr().err
    assert phase(fake, domain) == "active"
    assert main(["-c", uri, "destroy", "web", "--force"]) == 0
    assert fake.carried_out("destroy") == 1
