"""The ports over a fake xl: what endangers a host, and what goes wrong on real ones."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from attrs import evolve

import xenparley
from support.xl_subject import fake_xl, settings_of
from xenparley import Capability
from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface
from xenparley.domain.errors import (
    AccessRefused,
    AlreadyExists,
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    Unrepresentable,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available
from xenparley.negotiation.offer import Unavailable as NotThere
from xenparley.plugin.spi import AdapterSpec, ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_sim.xl_fake import RELEASES
from xenparley_xl.channel import XlChannel, make
from xenparley_xl.plugin import SPEC

CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))


def open_channel(fake, **settings):
    return make(
        ChannelContext(
            adapter="xl",
            uri=parse_uri("xen:///"),
            local=True,
            settings={**settings_of(fake), **settings},
        )
    )


def living(fake, config=CONFIG, **more):
    domain = fake.hypervisor.create(config, **more)
    return GuestRef(domid=domain.domid, uuid=domain.handle, name=domain.name)


def phase(fake, ref):
    domain = fake.hypervisor.domain(ref.domid)
    return None if domain is None else domain.phase.value


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_probe_runs_nothing_where_the_kernel_tells_the_release(tmp_path, release, soon):
    with fake_xl(tmp_path / "fake", release) as fake:
        result = open_channel(fake).probe(deadline=soon())
        assert isinstance(result, Available)
        assert result.version == f"{release[0]}.{release[1]}"
        assert fake.calls() == []
        (fake.root / "sys/hypervisor/version/major").unlink()
        assert open_channel(fake).probe(deadline=soon()) == result
        assert fake.calls() == [["info"]]


def test_the_probe_asks_an_xl_that_could_not_begin(fake, soon):
    """Files don't show that xl reaches the hypervisor; a listing must not try in vain each time."""
    ref = living(fake)
    channel = open_channel(fake)
    fake.tell(xend=True)
    with pytest.raises(Unavailable):
        channel.port(Role.LIFECYCLE).pause(ref, deadline=soon())
    before = len(fake.calls())
    with fake.fault("crash"):
        result = channel.probe(deadline=soon())
        assert isinstance(result, NotThere)
        assert "xl info" in result.reason
    assert isinstance(channel.probe(deadline=soon()), Available)
    assert fake.calls()[before:] == [["info"], ["info"]]
    assert isinstance(channel.probe(deadline=soon()), Available)
    assert len(fake.calls()) == before + 2


def test_no_control_domain_no_xl(fake, soon):
    (fake.root / "proc/xen/capabilities").write_text("")
    result = open_channel(fake).probe(deadline=soon())
    assert isinstance(result, NotThere)
    assert "control domain" in result.reason
    result = open_channel(fake, path="/nowhere/xl").probe(deadline=soon())
    assert isinstance(result, NotThere)
    assert "/nowhere/xl" in result.reason


def test_settings_are_checked(fake):
    for settings in ({"nonsense": "1"}, {"others": "maybe"}, {"path": "xl"}):
        with pytest.raises(InvalidInput):
            open_channel(fake, **settings)


def test_where_xend_runs_nothing_is_changed(fake, soon):
    ref = living(fake)
    before = open_channel(fake)
    lock = fake.root / "var/lock/subsys/xend"
    lock.parent.mkdir(parents=True)
    lock.touch()
    fake.tell(xend=True)
    result = open_channel(fake).probe(deadline=soon())
    assert isinstance(result, Available)
    withheld = {w.capability: w.reason for w in result.withheld}
    assert "xend" in withheld[Capability.CREATE]
    assert Capability.LIST_LIVE in {offer.capability for offer in result.offers}
    # XenD may come once the channel is open.
    with pytest.raises(Unavailable, match="xend"):
        before.port(Role.LIFECYCLE).pause(ref, deadline=soon())
    assert phase(fake, ref) == "active"


def test_guests_of_libvirt_are_shown_and_left_alone(fake, soon):
    ref = living(fake)
    mark = fake.root / f"var/lib/xen/userdata-d.{ref.domid}.{ref.uuid}.libvirt-xml"
    mark.parent.mkdir(parents=True)
    mark.write_text("<domain/>")
    channel = open_channel(fake)
    rows = channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
    assert "web" in [row.values[Field.NAME] for row in rows]
    for call in (
        lambda: channel.port(Role.LIFECYCLE).destroy(ref, deadline=soon()),
        lambda: channel.port(Role.MEMORY).set_target(ref, 32768, deadline=soon()),
        lambda: channel.port(Role.IMAGES).save(ref, "/tmp/never", deadline=soon()),
    ):
        with pytest.raises(InvalidState, match="libvirt"):
            call()
    assert not fake.carried_out("destroy")
    open_channel(fake, others="change").port(Role.LIFECYCLE).destroy(ref, deadline=soon())
    assert fake.carried_out("destroy") == 1


@pytest.mark.parametrize(
    ("file", "owner"), [("xensource-inventory", "XAPI"), ("qubes-release", "Qubes")]
)
def test_hosts_of_others_are_left_alone(fake, soon, file, owner):
    ref = living(fake)
    (fake.root / "etc").mkdir()
    (fake.root / "etc" / file).touch()
    channel = open_channel(fake)
    assert owner in channel.probe(deadline=soon()).facts["owner"]
    with pytest.raises(InvalidState, match=owner):
        channel.port(Role.LIFECYCLE).pause(ref, deadline=soon())


def test_a_guest_named_like_another_ones_id(fake, channel, soon):
    victim = living(fake)
    named = living(fake, evolve(CONFIG, name=str(victim.domid)))
    life = channel.port(Role.LIFECYCLE)
    life.pause(named, deadline=soon())
    assert (phase(fake, victim), phase(fake, named)) == ("active", "paused")
    (row,) = channel.port(Role.INVENTORY).find_live([], name=named.name, deadline=soon())
    assert row.domid == named.domid


def test_names_that_look_like_options(fake, channel, soon):
    ref = living(fake)
    channel.port(Role.LIFECYCLE).rename(ref, "-rf", deadline=soon())
    assert fake.hypervisor.domain(ref.domid).name == "-rf"


def test_guests_without_a_name_and_with_odd_ones(fake, channel, soon):
    half, odd = living(fake), living(fake, evolve(CONFIG, name="odd"))
    fake.tell(null_names=[half.domid], raw_names={str(odd.domid): b"\xff\xfe\x1b[2J".hex()})
    rows = channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
    by_id = {row.domid: row for row in rows}
    assert Field.NAME not in by_id[half.domid].values
    assert "half built" in by_id[half.domid].absent[Field.NAME]
    assert by_id[odd.domid].values[Field.NAME] == "\\xff\\xfe\x1b[2J"


def test_a_half_built_guest_is_not_let_run(fake, channel, soon):
    half = living(fake, paused=True)
    fake.tell(null_names=[half.domid])
    with pytest.raises(InvalidState, match="half built"):
        channel.port(Role.LIFECYCLE).unpause(half, deadline=soon())
    assert not fake.carried_out("unpause")
    channel.port(Role.LIFECYCLE).destroy(half, deadline=soon())
    assert fake.carried_out("destroy") == 1


@pytest.mark.parametrize("name", ["web--incoming", "web--migratedaway"])
def test_guests_on_their_way_are_left_alone(fake, channel, soon, name):
    ref = living(fake, evolve(CONFIG, name=name), paused=True)
    with pytest.raises(InvalidState, match="destroy"):
        channel.port(Role.LIFECYCLE).unpause(ref, deadline=soon())
    with pytest.raises(InvalidState):
        channel.port(Role.IMAGES).save(ref, "/tmp/never", deadline=soon())
    assert phase(fake, ref) == "paused"


def test_a_guest_paused_twice_is_paused_still(fake, channel, soon):
    ref = living(fake)
    fake.hypervisor.pause(ref.domid)
    fake.hypervisor.pause(ref.domid)
    with pytest.raises(OperationFailed, match="counted"):
        channel.port(Role.LIFECYCLE).unpause(ref, deadline=soon())
    channel.port(Role.LIFECYCLE).unpause(ref, deadline=soon())
    assert phase(fake, ref) == "active"


@pytest.mark.parametrize("word", ["pause", "unpause", "rename"])
def test_the_effect_is_looked_at(fake, channel, soon, word):
    ref = living(fake, paused=word == "unpause")
    life = channel.port(Role.LIFECYCLE)
    with fake.fault("silent", word), pytest.raises(OperationFailed):
        if word == "rename":
            life.rename(ref, "other", deadline=soon())
        else:
            getattr(life, word)(ref, deadline=soon())


def test_a_create_that_did_nothing_is_told(fake, channel, soon):
    with fake.fault("silent", "create"), pytest.raises(OperationFailed):
        channel.port(Role.LIFECYCLE).create(CONFIG, paused=False, deadline=soon())


def test_a_create_takes_that_the_boot_starts_it_not(fake, channel, soon):
    """An xl.cfg has no word for it; of what has no definition it is true anyhow."""
    life = channel.port(Role.LIFECYCLE)
    made = life.create(evolve(CONFIG, autostart=False), paused=False, deadline=soon())
    assert fake.hypervisor.domain(made.domid) is not None
    with pytest.raises(Unrepresentable, match="autostart"):
        life.create(evolve(CONFIG, name="b", autostart=True), paused=False, deadline=soon())
    assert fake.carried_out("create") == 1


def test_xl_asks_by_acpi_where_there_are_no_drivers(fake, channel, soon):
    ref = living(fake, evolve(CONFIG, boot=Boot(virt="hvm", devices=("hd",))))
    fake.tell(no_pv=[ref.domid])
    receipt = channel.port(Role.LIFECYCLE).shutdown(ref, deadline=soon())
    assert receipt.how == "acpi"
    assert [call[:2] for call in fake.calls() if call[0] == "shutdown"] == [
        ["shutdown", str(ref.domid)],
        ["shutdown", "-F"],
    ]


def test_the_first_xl_has_no_button(tmp_path, soon):
    with fake_xl(tmp_path / "fake", (4, 1)) as fake:
        ref = living(fake)
        fake.tell(no_pv=[ref.domid])
        with pytest.raises(Unsupported, match="destroy"):
            open_channel(fake).port(Role.LIFECYCLE).shutdown(ref, deadline=soon())


def test_a_command_that_hangs_runs_on_and_is_sent_once(fake, channel, soon):
    ref = living(fake)
    with fake.fault("hang", "pause"):
        with pytest.raises(OutcomeUnknown) as caught:
            channel.port(Role.LIFECYCLE).pause(ref, deadline=time.monotonic() + 3)
        pid = int(re.search(r"process (\d+)", str(caught.value))[1])
        os.kill(pid, 0)
        assert "blocked" in caught.value.last_seen
        assert caught.value.operation == "pause"
        assert phase(fake, ref) == "active"
    end = time.monotonic() + 30
    while phase(fake, ref) != "paused":
        assert time.monotonic() < end, "left alone, xl carries it out"
        time.sleep(0.02)
    assert fake.carried_out("pause") == 1


def test_a_create_that_hangs_leaves_its_file_until_it_has_read_it(fake, channel):
    def files():
        return set(Path("/tmp").glob("xenparley-*.cfg"))

    before = files()
    with fake.fault("hang", "create"):
        with pytest.raises(OutcomeUnknown) as caught:
            channel.port(Role.LIFECYCLE).create(CONFIG, paused=False, deadline=time.monotonic() + 4)
        (path,) = files() - before
        assert path.stat().st_mode & 0o777 == 0o600
        assert "no guest has UUID" in caught.value.last_seen
    end = time.monotonic() + 30
    while files() - before:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert [d.name for d in fake.hypervisor.domains()] == ["Domain-0", "web"]


def test_stubborn_reads_end(fake, channel):
    with fake.fault("stubborn"), pytest.raises(DeadlineExceeded):
        channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=time.monotonic() + 2)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("crash", ChannelLost),
        ("half", ChannelLost),
        ("garble", ProtocolError),
        ("refuse", AccessRefused),
        ("silent", ProtocolError),
    ],
)
def test_what_reads_say(fake, channel, soon, fault, error):
    with fake.fault(fault), pytest.raises(error) as caught:
        channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
    assert (caught.value.channel, caught.value.operation) == ("xl", "list-live")


@pytest.mark.parametrize("fault", ["crash", "crash-after", "half"])
def test_a_command_that_dies_is_unknown(fake, channel, soon, fault):
    ref = living(fake)
    with fake.fault(fault, "destroy"), pytest.raises(OutcomeUnknown, match="signal"):
        channel.port(Role.LIFECYCLE).destroy(ref, deadline=soon())
    assert fake.carried_out("destroy") == 1


def test_a_password_is_in_no_message(fake, channel, soon):
    from xenparley.domain.config import Graphics

    config = evolve(CONFIG, graphics=(Graphics(type="vnc", password="s3cret-word"),))
    with fake.fault("crash", "create"), pytest.raises(OutcomeUnknown) as caught:
        channel.port(Role.LIFECYCLE).create(config, paused=False, deadline=soon())
    assert "s3cret" not in repr(caught.value) + str(caught.value) + str(caught.value.last_seen)
    assert not any("s3cret" in word for call in fake.calls() for word in call)


def test_not_enough_memory_is_told_before_xl_tries(fake, channel, soon):
    config = evolve(CONFIG, memory_kib=1 << 32)
    with pytest.raises(OperationFailed, match="MiB are free"):
        channel.port(Role.LIFECYCLE).create(config, paused=False, deadline=soon())
    assert not fake.carried_out("create")


def test_dry_run_makes_nothing(fake, channel, soon):
    channel.port(Role.LIFECYCLE).dry_run(CONFIG, deadline=soon())
    assert [call[:3] for call in fake.calls()] == [["create", "-q", "-n"]]
    assert len(fake.hypervisor.domains()) == 1


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_read_live_in_every_generation(tmp_path, release, soon):
    config = evolve(
        CONFIG,
        max_memory_kib=131072,
        disks=(Disk(target="xvda", source=DiskSource(path="/images/web.img")),),
        interfaces=(Interface(source="xenbr0", mac="00:16:3e:00:00:07"),),
    )
    with fake_xl(tmp_path / "fake", release) as fake:
        ref = living(fake, config)
        port = open_channel(fake).port(Role.DEFINITIONS)
        held = port.read_live(ref, deadline=soon())
        assert (held.name, held.uuid, held.domid) == ("web", ref.uuid, ref.domid)
        assert (held.memory_kib, held.maximum_kib) == (65536, 131072)
        assert (held.virt, held.boot.kernel) == ("pv", "/boot/vmlinuz")
        assert [(d.target, d.source.path, d.readonly) for d in held.disks] == [
            ("xvda", "/images/web.img", False)
        ]
        assert [i.mac for i in held.interfaces] == ["00:16:3e:00:00:07"]
        fake.tell(no_config=[ref.domid])
        with pytest.raises((NotFound, ProtocolError)):
            port.read_live(ref, deadline=soon())


@pytest.mark.parametrize("release", [(4, 1), (4, 22)], ids=str)
def test_saved_guests_come_back(tmp_path, release, soon):
    with fake_xl(tmp_path / "fake", release) as fake:
        images = open_channel(fake).port(Role.IMAGES)
        ref, path = living(fake), str(tmp_path / "web.save")
        images.save(ref, path, deadline=soon())
        again = living(fake)
        with pytest.raises(AlreadyExists, match="web"):
            images.restore(path, paused=True, deadline=soon())
        fake.hypervisor.destroy(again.domid)
        end = time.monotonic() + 20
        while fake.hypervisor.domain(again.domid) is not None:
            assert time.monotonic() < end
        receipt = images.restore(path, paused=True, deadline=soon())
        assert fake.hypervisor.domain(receipt.domid).handle == ref.uuid
        (tmp_path / "other").write_bytes(b"no guest")
        with pytest.raises(OperationFailed, match="not a guest"):
            images.restore(str(tmp_path / "other"), paused=True, deadline=soon())


def test_migration_quotes_what_a_shell_will_read(fake, channel, soon):
    ref = living(fake)
    port = channel.port(Role.MIGRATION)
    for bad in ("a;reboot", "$(reboot)", "`id`", "a b", "-oX", "a\nb", "", "a'b"):
        with pytest.raises(InvalidInput):
            port.migrate(ref, bad, live=True, options={}, deadline=soon())
    with pytest.raises(OperationFailed, match="resuming at sender"):
        port.migrate(
            ref,
            "root@[2001:db8::1]",
            live=True,
            options={"ssh": "ssh -p 2222 -i '/root/a key;x'"},
            deadline=soon(),
        )
    (call,) = (call for call in fake.calls() if call[0] == "migrate")
    assert call[1:3] == ["-s", "ssh -p 2222 -i '/root/a key;x'"]
    receipt = port.migrate(ref, "localhost", live=True, options={"ssh": ""}, deadline=soon())
    assert receipt.warnings == ()
    (moved,) = (d for d in fake.hypervisor.domains() if d.name == "web" and not d.dying)
    assert (moved.handle, moved.domid == ref.domid) == (ref.uuid, False)


def test_memory_always_goes_with_its_unit(fake, channel, soon):
    ref = living(fake)
    channel.port(Role.MEMORY).set_target(ref, 32769, deadline=soon())
    assert ["mem-set", str(ref.domid), "32769k"] in fake.calls()
    assert fake.hypervisor.domain(ref.domid).target_kib == 32769


def test_a_cpu_pool_may_have_another_scheduler(fake, channel, soon):
    ref = living(fake)
    fake.tell(pool_scheduler="credit")
    port = channel.port(Role.SCHEDULER)
    assert port.scheduler_name(deadline=soon()) == "credit2"
    port.set_parameters(ref, {"weight": 512}, deadline=soon())
    assert port.parameters(ref, deadline=soon()) == {"weight": 512, "cap": 0}
    assert ["sched-credit", "-d", str(ref.domid), "-w", "512"] in fake.calls()
    fake.tell(pool_scheduler="null")
    assert port.parameters(ref, deadline=soon()) == {}
    with pytest.raises(InvalidInput):
        port.set_parameters(ref, {"weight": 512}, deadline=soon())


def test_a_listing_that_others_serve_starts_no_process(fake, soon):
    """With a channel beside it that tells the living, xl is asked for commands only."""
    from xenparley_sim.embed import plugin_for

    living(fake)
    plugins = xenparley.Plugins(load=False)
    plugins.register(plugin_for(fake.hypervisor, name="nearby"))

    class Beside:
        xenparley_spi = (1, 0)

        def xenparley_register(self, registrar):
            registrar.adapter(
                AdapterSpec(
                    name="xl",
                    factory=lambda context: open_channel(fake),
                    offers=SPEC.offers,
                    schemes=frozenset({"nearby"}),
                    summary="xl",
                )
            )

    from xenparley.plugin.hooks import hookimpl

    Beside.xenparley_register = hookimpl(Beside.xenparley_register)
    plugins.register(Beside(), name="beside")
    with xenparley.connect("nearby:", plugins=plugins) as host:
        assert {c.name: c.state for c in host.channels()} == {
            "nearby": "available",
            "xl": "available",
        }
        assert "web" in [guest.name for guest in host.list()]
        assert host.find("web").state & ~RunFlags.RUNNING == RunFlags.BLOCKED
        assert {name for name, _ in host.explain(Capability.LIST_LIVE).chosen} == {"nearby"}
    assert fake.calls() == []


def test_the_channel_has_no_more_ports_than_it_says(channel: XlChannel):
    with pytest.raises(Unsupported):
        channel.port(Role.EVENTS)
