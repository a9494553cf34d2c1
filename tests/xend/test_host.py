"""The adapter over simulated hosts: listings, threads, dangers of releases, whole lives."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from attrs import evolve

from xenparley.domain.config import (
    Boot,
    Disk,
    DiskSource,
    Extra,
    Graphics,
    GuestConfig,
    HostPci,
    PciAddress,
    Vcpus,
)
from xenparley.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability, Role

RELEASES = ["3.0.1", "3.0.3", "3.0.4", "3.1", "3.3", "3.4", "4.0", "4.1"]
#: Requests of one listing of everything over HTTP: the node is read once before.
ONE, TWO = 1, 2


def config(name, **more):
    return GuestConfig(
        name=name,
        memory_kib=65536,
        max_memory_kib=131072,
        vcpus=Vcpus(maximum=2),
        boot=Boot(kernel="/boot/vmlinuz"),
        **more,
    )


def wait_until(true):
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def ref(domain):
    return GuestRef(domid=domain.domid, uuid=domain.handle, name=domain.name)


@pytest.mark.parametrize("release", RELEASES)
def test_500_guests_in_few_requests(hosts, soon, release):
    """Up to 3.0.3 one request; from 3.0.4 on two, whatever the number of running guests."""
    peer, channel = hosts(release, xmlrpc=False)
    for number in range(500):
        peer.hypervisor.create(config(f"guest-{number}"))
    inventory = channel.port(Role.INVENTORY)
    inventory.list_live([Field.NAME], domids=[0], deadline=soon())
    before = peer.host.requests
    rows = inventory.list_live(list(Field), deadline=soon(60))
    assert peer.host.requests - before == (TWO if peer.host.made_as.managed else ONE)
    names = {row.values[Field.NAME] for row in rows}
    assert names == {"Domain-0", *(f"guest-{number}" for number in range(500))}
    assert [row.domid for row in rows] == list(range(501))


@pytest.mark.parametrize("release", ["3.0.4", "4.1"])
def test_paused_guests_are_listed_too(hosts, soon, release):
    """The listing leaves them out: each costs a request, over XML-RPC none."""
    peer, channel = hosts(release, xmlrpc=False)
    for number in range(20):
        peer.hypervisor.create(config(f"guest-{number}"), paused=number % 2 == 0)
    inventory = channel.port(Role.INVENTORY)
    inventory.list_live([], domids=[0], deadline=soon())
    before = peer.host.requests
    rows = inventory.list_live([Field.STATE], deadline=soon())
    assert peer.host.requests - before == TWO + 10
    paused = [r for r in rows if r.values[Field.STATE] & RunFlags.PAUSED]
    assert (len(rows), len(paused)) == (21, 10)
    peer, channel = hosts(release, http=False)
    for number in range(20):
        peer.hypervisor.create(config(f"guest-{number}"), paused=number % 2 == 0)
    inventory = channel.port(Role.INVENTORY)
    inventory.list_live([], domids=[0], deadline=soon())
    before = peer.host.requests
    assert len(inventory.list_live([Field.STATE], deadline=soon())) == 21
    assert peer.host.requests - before == ONE


@pytest.mark.parametrize("release", ["3.1", "4.1"])
def test_32_threads(hosts, soon, release):
    """Each gets the answers to its own questions, and commands reach their own guests."""
    peer, channel = hosts(release)
    guests = [ref(peer.hypervisor.create(config(f"guest-{n}"))) for n in range(32)]
    inventory, lifecycle = channel.port(Role.INVENTORY), channel.port(Role.LIFECYCLE)

    def work(number):
        guest = guests[number]
        for _ in range(3):
            (row,) = inventory.list_live([Field.NAME], domids=[guest.domid], deadline=soon(60))
            assert row.values[Field.NAME] == guest.name
        if number % 2:
            lifecycle.pause(guest, deadline=soon(60))
        return number

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(work, range(32))) == list(range(32))
    paused = {d.name for d in peer.hypervisor.domains() if d.pauses}
    assert paused == {f"guest-{n}" for n in range(32) if n % 2}


@pytest.mark.parametrize("release", ["3.0.1", "3.0.4", "3.1", "4.1"])
def test_a_name_that_is_a_number_hides_an_id(hosts, soon, release):
    """XenD looks for names first: nobody is destroyed in another one's place."""
    peer, channel = hosts(release, xmlrpc=False)
    victim = ref(peer.hypervisor.create(config("victim")))
    decoy = ref(peer.hypervisor.create(config(str(victim.domid))))
    lifecycle = channel.port(Role.LIFECYCLE)
    if peer.host.made_as.managed:
        lifecycle.destroy(victim, deadline=soon())
        assert peer.host.arrived["destroy"] == 1
    else:
        with pytest.raises(Conflict):
            lifecycle.destroy(victim, deadline=soon())
        assert peer.host.arrived["destroy"] == 0
    living = {d.name for d in peer.hypervisor.domains() if not d.dying}
    assert decoy.name in living
    assert ("victim" in living) is not peer.host.made_as.managed


@pytest.mark.parametrize("release", ["3.0.4", "3.1"])
def test_a_second_guest_with_a_uuid_is_not_asked_for(hosts, soon, release):
    """XenD would give the first guest the second one's name."""
    peer, channel = hosts(release)
    first = peer.hypervisor.create(config("first"))
    with pytest.raises(AlreadyExists):
        channel.port(Role.LIFECYCLE).create(
            config("second", uuid=first.handle), paused=False, deadline=soon()
        )
    assert peer.host.arrived["create"] == 0
    assert [d.name for d in peer.hypervisor.domains()] == ["Domain-0", "first"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_guest_whose_devices_fail_is_removed_again(hosts, soon, release):
    """By its domain id; others stay."""
    peer, channel = hosts(release, xmlrpc=False)
    other = peer.hypervisor.create(config("other"))
    broken = Disk(target="xvda", source=DiskSource(type="block", path="/dev/nosuchdev"))
    with pytest.raises(OperationFailed, match="removed again"):
        channel.port(Role.LIFECYCLE).create(
            config("web", disks=(broken,)), paused=False, deadline=soon()
        )
    assert {d.domid for d in peer.hypervisor.domains() if not d.dying} == {0, other.domid}
    assert peer.host.arrived["destroy"] == 1
    assert peer.host.arrived["unpause"] == 0


def test_a_maximum_below_the_memory_is_not_sent(hosts, soon):
    """XenD 3.1 answers nothing any more after it."""
    peer, channel = hosts("3.1")
    guest = ref(peer.hypervisor.create(config("web")))
    with pytest.raises(InvalidInput):
        channel.port(Role.MEMORY).set_maximum(guest, 32768, deadline=soon())
    assert peer.host.arrived["maxmem_set"] == 0
    assert not peer.host.wedged


@pytest.mark.parametrize("release", ["3.0.4", "3.3"])
def test_pinning_over_http_is_refused_where_it_lies(hosts, soon, release):
    """Up to 3.3 it would bind to every CPU; XML-RPC does what it is told."""
    peer, channel = hosts(release, xmlrpc=False)
    guest = ref(peer.hypervisor.create(config("web")))
    offered = {o.capability for o in channel.probe(deadline=soon()).offers}
    assert Capability.PIN_VCPU not in offered
    with pytest.raises(Unsupported):
        channel.port(Role.VCPUS).pin_vcpu(guest, 0, [1], deadline=soon())
    assert peer.host.arrived["pincpu"] == 0
    peer, channel = hosts(release)
    guest = ref(peer.hypervisor.create(config("web")))
    channel.port(Role.VCPUS).pin_vcpu(guest, 0, [1], deadline=soon())
    told = channel.port(Role.VCPUS).vcpus(guest, deadline=soon())
    assert [v.affinity for v in told] == [frozenset({1}), frozenset(range(16))]


@pytest.mark.parametrize("release", ["3.0.4", "4.1"])
def test_over_http_alone_nothing_is_started_paused(hosts, soon, release):
    """XenD would let it run at once, whatever it is told."""
    peer, channel = hosts(release, xmlrpc=False)
    definitions, lifecycle = channel.port(Role.DEFINITIONS), channel.port(Role.LIFECYCLE)
    guest = definitions.define(config("web"), deadline=soon())
    with pytest.raises(Unsupported):
        lifecycle.start(guest, paused=True, deadline=soon())
    with pytest.raises(Unsupported):
        channel.port(Role.IMAGES).restore("/image", paused=True, deadline=soon())
    assert peer.host.arrived["start"] + peer.host.arrived["restore"] == 0
    receipt = lifecycle.start(guest, paused=False, deadline=soon())
    assert peer.hypervisor.domain(receipt.domid).name == "web"


def test_a_configuration_beyond_what_a_form_holds(hosts, soon):
    """Over HTTP alone it is refused before it is sent; XML-RPC takes it."""
    long = config("web", description="x" * 12_000)
    peer, channel = hosts("4.1", xmlrpc=False)
    with pytest.raises(Unsupported, match="10000"):
        channel.port(Role.DEFINITIONS).define(long, deadline=soon())
    assert peer.host.arrived["new"] == 0
    peer, channel = hosts("4.1")
    guest = channel.port(Role.DEFINITIONS).define(long, deadline=soon())
    held = channel.port(Role.DEFINITIONS).read_defined(guest, deadline=soon())
    assert held.description == long.description


@pytest.mark.parametrize("release", ["3.0.4", "3.1", "4.1"])
def test_redefining_keeps_what_is_not_known(hosts, soon, release):
    """Keys that only the old definition holds stay, in redefinitions and with autostart."""
    _, channel = hosts(release)
    definitions = channel.port(Role.DEFINITIONS)
    odd = Extra("sxp", "vendor_key", "(vendor_key (a 1) (b 'two words'))")
    guest = definitions.define(config("web", extras=(odd,)), deadline=soon())
    definitions.define(config("web", uuid=guest.uuid, on_crash="destroy"), deadline=soon())
    held = definitions.read_defined(guest, deadline=soon())
    assert held.on_crash == "destroy"
    assert odd in held.extras
    definitions.set_autostart(guest, True, deadline=soon())
    after = definitions.read_defined(guest, deadline=soon())
    assert after.autostart is True
    assert evolve(after, autostart=held.autostart) == held


def test_a_password_is_in_no_message(hosts, soon):
    """Should a host echo it."""
    peer, channel = hosts("4.1")
    secret = "s3cret-enough"
    display = Graphics(type="vnc", password=secret)
    peer.host.check_free = _echo(secret)
    with pytest.raises(OperationFailed) as caught:
        channel.port(Role.DEFINITIONS).define(config("web", graphics=(display,)), deadline=soon())
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value)
    assert "***" in str(caught.value)


def _echo(secret):
    from xenparley_sim.xend_errors import XendFailure

    def fail(name, uuid):
        raise XendFailure(f"bad (vncpasswd {secret})")

    return fail


@pytest.mark.parametrize("release", ["3.0.1", "3.0.2", *RELEASES[1:]])
def test_a_bootloader_is_for_xends_that_run_it(hosts, soon, release):
    """Up to 3.0.2 xm did: with a kernel beside it nothing is missing."""
    peer, channel = hosts(release)
    lifecycle = channel.port(Role.LIFECYCLE)
    loaded = evolve(config("web"), boot=Boot(bootloader="/usr/bin/pygrub"))
    if release in ("3.0.1", "3.0.2"):
        with pytest.raises(Unsupported, match=r"up to Xen 3\.0\.2 XenD runs no bootloader"):
            lifecycle.create(loaded, paused=False, deadline=soon())
        assert peer.host.arrived["create"] == 0
        loaded = evolve(loaded, boot=evolve(loaded.boot, kernel="/boot/vmlinuz"))
    assert lifecycle.create(loaded, paused=False, deadline=soon()).domid


@pytest.mark.parametrize("release", ["3.0.1", "3.0.2", *RELEASES[1:]])
def test_what_only_some_doors_and_releases_do(hosts, soon, release):
    """Renaming, migrating, SysRq keys, the hypervisor's messages, scheduling, definitions."""
    peer, channel = hosts(release)
    lifecycle = channel.port(Role.LIFECYCLE)
    made = lifecycle.create(config("web"), paused=False, deadline=soon())
    domain = peer.hypervisor.domain(made.domid)
    guest = ref(domain)

    channel.port(Role.LIFECYCLE).rename(guest, "shop", deadline=soon())
    (row,) = channel.port(Role.INVENTORY).find_live([Field.NAME], name="shop", deadline=soon())
    assert row.domid == guest.domid
    with pytest.raises(NotFound):
        lifecycle.rename(evolve(guest, uuid=str(uuid4())), "other", deadline=soon())

    lifecycle.trigger(guest, "sysrq-s", deadline=soon())
    assert peer.host.arrived["sysrq"] == 1
    ring = channel.port(Role.HOST).console_ring(deadline=soon())
    assert "Xen version" in ring

    scheduler = channel.port(Role.SCHEDULER)
    name = "sedf" if release in ("3.0.1", "3.0.2") else "credit"
    assert scheduler.scheduler_name(deadline=soon()) == name
    scheduler.set_parameters(guest, {"weight": 512}, deadline=soon())
    assert scheduler.parameters(guest, deadline=soon())["weight"] == 512

    migration = channel.port(Role.MIGRATION)
    with pytest.raises(OperationFailed, match="Connection refused"):
        migration.migrate(guest, "nowhere", live=True, options={}, deadline=soon())
    assert peer.host.arrived["migrate"] == 1
    migration.migrate(guest, "there", live=True, options={}, deadline=soon())
    wait_until(lambda: any(d.name == "shop" for d in peer.there.domains()))
    with pytest.raises(NotFound):
        lifecycle.pause(guest, deadline=soon())


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("only", ["http", "xmlrpc"])
def test_pci_functions_are_plugged(hosts, soon, release, only):
    """From 3.3 on; all functions of a guest are one device of XenD's."""
    if only == "xmlrpc" and release == "3.0.1":
        release = "3.0.2"
    peer, channel = hosts(release, http=only == "http", xmlrpc=only == "xmlrpc")
    made = channel.port(Role.LIFECYCLE).create(config("web"), paused=False, deadline=soon())
    guest = ref(peer.hypervisor.domain(made.domid))
    devices = channel.port(Role.DEVICES)
    one, two = (HostPci(address=PciAddress(0, 3, 0x1F, function)) for function in (0, 7))
    if release in RELEASES[:4] or release == "3.0.2":
        with pytest.raises(Unsupported, match=r"before Xen 3\.3"):
            devices.attach(guest, one, deadline=soon())
        assert peer.host.arrived["device_create"] == 0
        return

    def plugged():
        return [d.name for d in peer.hypervisor.hardware(guest.domid).devices if d.kind == "pci"]

    devices.attach(guest, one, deadline=soon())
    devices.attach(guest, two, deadline=soon())
    assert plugged() == [str(one.address), str(two.address)]
    listed = [(d.kind, d.devid, d.name) for d in devices.devices(guest, deadline=soon())]
    assert ("pci", 0, str(one.address)) in listed
    with pytest.raises(AlreadyExists):
        devices.attach(guest, one, deadline=soon())
    devices.detach(guest, one, deadline=soon())
    assert plugged() == [str(two.address)]
    with pytest.raises(NotFound):
        devices.detach(guest, one, deadline=soon())
    devices.detach(guest, two, deadline=soon())
    assert plugged() == []
    assert (peer.host.arrived["device_create"], peer.host.arrived["device_configure"]) == (1, 3)


@pytest.mark.parametrize("release", ["3.0.4", "3.1", "3.3", "3.4", "4.0", "4.1"])
def test_a_definition_of_a_living_guest_is_kept(hosts, soon, release):
    """XenD refuses to forget it; the guest and its definition stay as they were."""
    peer, channel = hosts(release)
    definitions, lifecycle = channel.port(Role.DEFINITIONS), channel.port(Role.LIFECYCLE)
    defined = definitions.define(config("web"), deadline=soon())
    made = lifecycle.start(defined, paused=False, deadline=soon())
    with pytest.raises(InvalidState):
        definitions.undefine(defined, deadline=soon())
    assert peer.hypervisor.domain(made.domid) is not None
    assert definitions.read_defined(defined, deadline=soon()).name == "web"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("only", ["http", "xmlrpc"])
def test_a_life(hosts, soon, release, only):
    """Created, paused, resized, saved, restored, destroyed."""
    if only == "xmlrpc" and release == "3.0.1":
        release = "3.0.2"
    peer, channel = hosts(release, http=only == "http", xmlrpc=only == "xmlrpc")
    lifecycle, memory = channel.port(Role.LIFECYCLE), channel.port(Role.MEMORY)
    images, devices = channel.port(Role.IMAGES), channel.port(Role.DEVICES)
    disk = Disk(target="xvda", source=DiskSource(path="/images/web.img"))
    made = lifecycle.create(config("web", disks=(disk,)), paused=False, deadline=soon())
    (row,) = channel.port(Role.INVENTORY).find_live(
        [Field.UUID, Field.STATE], name="web", deadline=soon()
    )
    guest = GuestRef(domid=made.domid, uuid=row.uuid, name="web")
    assert row.domid == made.domid
    lifecycle.pause(guest, deadline=soon())
    lifecycle.pause(guest, deadline=soon())
    assert peer.hypervisor.domain(guest.domid).pauses == 1
    lifecycle.unpause(guest, deadline=soon())
    memory.set_target(guest, 50_000, deadline=soon())
    assert peer.hypervisor.domain(guest.domid).target_kib == 49 * 1024
    listed = [(d.kind, d.devid, d.name) for d in devices.devices(guest, deadline=soon())]
    assert ("vbd", 51712, "xvda") in listed
    lifecycle.trigger(guest, "sysrq-s", deadline=soon())
    path = str(peer.folder / "files" / "web.image")
    images.save(guest, path, deadline=soon())
    with pytest.raises(NotFound):
        lifecycle.pause(guest, deadline=soon())
    back = images.restore(path, paused=False, deadline=soon())
    assert back.domid not in (None, guest.domid)
    again = evolve(guest, domid=back.domid)
    with pytest.raises(NotFound):
        lifecycle.destroy(guest, deadline=soon())
    lifecycle.destroy(again, deadline=soon())
    with pytest.raises(NotFound):
        lifecycle.destroy(again, deadline=soon())
    assert peer.host.arrived["destroy"] == 1
