"""Through the public face: URIs, a host of the caller's, events, migration between files."""

import subprocess
import sys
import textwrap
import threading

import pytest

import xenparley
from support.sim_guests import config, ref, soon
from xenparley.application.host import Host
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    XenparleyError,
)
from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.domain.lifecycle import Phase
from xenparley.negotiation.capability import Capability, Role
from xenparley.plugin.registry import Plugins
from xenparley.plugin.uri import parse_uri
from xenparley_sim import Faults, FrozenClock, Hypervisor, SimChannel, plugin_for
from xenparley_sim.scheme import connect as connect_scheme


def test_in_memory_each_connection_is_a_host_of_its_own():
    with xenparley.connect("sim:") as one, xenparley.connect("sim:") as two:
        assert isinstance(one, Host)
        one.create(config())
        assert len(one.list()) == 2
        assert len(two.list()) == 1


def test_in_a_file_all_connections_are_one_host(tmp_path):
    uri = f"sim:{tmp_path}/host.sim"
    with xenparley.connect(uri) as one, xenparley.connect(uri) as two:
        one.define(config())
        two.start("web")
        assert one.find("web").phase is Phase.ACTIVE
    with xenparley.connect(uri) as three:
        assert three.find("web").living


def test_faults_in_the_uri():
    with xenparley.connect("sim:?fault=hang-after:pause") as host:
        host.create(config())
        with pytest.raises(OutcomeUnknown):
            host.pause("web", timeout=0.2)


@pytest.mark.parametrize("uri", ["sim://host/path", "sim:a%00b", "sim:\ud800", "sim:?fault=fly"])
def test_uris_that_are_wrong(uri):
    with pytest.raises(XenparleyError):
        xenparley.connect(uri).list()


def test_the_scheme_makes_paths_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = connect_scheme(parse_uri("sim:here%3F.sim"))
    assert found.settings == {"sim": {"path": f"{tmp_path}/here?.sim"}}
    with pytest.raises(InvalidInput):
        connect_scheme(parse_uri("sim://host/x"))


def test_a_host_of_the_callers():
    clock = FrozenClock()
    hypervisor, faults = Hypervisor(clock=clock), Faults()
    plugins = Plugins(load=False)
    plugins.register(plugin_for(hypervisor, faults=faults))
    with xenparley.connect("sim:", plugins=plugins) as host:
        guest = host.create(config(), wait=False).guest
        assert hypervisor.domain(guest.domid).name == "web"
        clock.advance(10)
        assert host.cpu_time_ns("web") == 5_000_000_000
        faults.inject("refuse", Capability.PAUSE)
        with pytest.raises(xenparley.XenparleyError):
            host.pause("web")
        hypervisor.crash(guest.domid)
        assert host.find(guest.domid).phase is Phase.CRASHED
    assert hypervisor.domain(guest.domid) is not None  # closing the connection leaves it be
    hypervisor.close()


def listen(channel):
    told, come = [], threading.Condition()

    def take(event):
        with come:
            told.append(event)
            come.notify_all()

    def wait_for(kind):
        with come:
            assert come.wait_for(lambda: any(e.kind is kind for e in told), 20), told

    return told, wait_for, channel.port(Role.EVENTS).subscribe(take, deadline=soon())


def test_events_tell_what_time_brings(host, clock):
    channel = SimChannel(host)
    told, wait_for, subscription = listen(channel)
    guest = host.create(config())
    host.request(guest.domid, "poweroff")
    clock.advance(10)  # nobody looks but the subscription
    wait_for(EventKind.STOPPED)
    assert [e.kind for e in told] == [EventKind.STARTED, EventKind.SHUTDOWN, EventKind.STOPPED]
    assert {e.guest.uuid for e in told} == {guest.handle}
    assert told[-1].detail == "poweroff"
    subscription.close()
    subscription.close()
    channel.close()


def test_events_of_another_process(tmp_path):
    path = str(tmp_path / "host.sim")
    here, there = Hypervisor(path), Hypervisor(path)
    channel = SimChannel(here, owns=True)
    told, wait_for, _ = listen(channel)
    there.create(config())
    wait_for(EventKind.STARTED)
    assert told[0].guest.name == "web"
    channel.close()
    there.close()


def test_events_that_were_lost_are_told(host, monkeypatch):
    monkeypatch.setattr("xenparley_sim.transaction.JOURNAL_LENGTH", 3)
    channel = SimChannel(host)
    gate = threading.Event()
    told = []

    def slow(event):
        told.append(event.kind)
        gate.wait(20)

    subscription = channel.port(Role.EVENTS).subscribe(slow, deadline=soon())
    domid = host.create(config()).domid
    while not told:
        host.wait_changed(0.01)
    for _ in range(10):
        host.pause(domid)
        host.unpause(domid)
    gate.set()
    for _ in range(1000):
        if EventKind.RESYNC in told:
            break
        host.wait_changed(0.01)
    assert told[:2] == [EventKind.STARTED, EventKind.RESYNC]
    subscription.close()
    channel.close()


def test_a_subscriber_may_close_from_within_and_fail(host, caplog):
    channel = SimChannel(host)
    done = threading.Event()
    held = []

    def once(event):
        held[0].close()
        done.set()
        raise RuntimeError("subscriber")

    held.append(channel.port(Role.EVENTS).subscribe(once, deadline=soon()))
    host.create(config())
    assert done.wait(20)
    held[0].close()  # waits for the thread
    channel.close()
    assert "subscriber of the simulated host failed" in caplog.text


@pytest.fixture
def two_files(tmp_path, clock):
    hosts = [Hypervisor(str(tmp_path / f"{n}.sim"), clock=clock) for n in "ab"]
    for host in hosts:
        host.settle()
    yield hosts
    for host in hosts:
        host.close()


def migrate(host, guest, destination):
    channel = SimChannel(host)
    try:
        return channel.port(Role.MIGRATION).migrate(
            guest, destination, live=True, options={}, deadline=soon()
        )
    finally:
        channel.close()


def test_migration_to_another_file(two_files, clock):
    here, there = two_files
    guest = here.create(config())
    clock.advance(2)
    spent = here.domain(guest.domid).cpu_ns
    migrate(here, ref(guest), f"sim:{there.path}")
    clock.advance(1)
    assert [d.domid for d in here.domains()] == [0]
    (_, arrived) = there.domains()
    assert (arrived.handle, arrived.name) == (guest.handle, guest.name)
    assert arrived.runs
    assert arrived.cpu_ns > spent
    assert there.config(arrived.domid).disks == config().disks


def test_migration_that_is_refused_leaves_the_guest(two_files, tmp_path):
    here, there = two_files
    guest = here.create(config())
    there.create(config())
    for destination, kind in (
        (f"sim:{there.path}", AlreadyExists),
        (f"sim:{here.path}", InvalidInput),
        (f"sim:{tmp_path}/none.sim", NotFound),
        ("sim:", NotFound),
    ):
        with pytest.raises(kind):
            migrate(here, ref(guest), destination)
        assert here.domain(guest.domid).runs
    assert len(there.domains()) == 2
    assert {p.name for p in tmp_path.iterdir() if p.suffix == ".sim"} == {"a.sim", "b.sim"}


def test_saved_guests_carry_everything(host, clock):
    channel = SimChannel(host)
    images = channel.port(Role.IMAGES)
    guest = host.create(config())
    clock.advance(3)
    images.save(ref(guest), "/var/lib/xen/save/web", deadline=soon())
    clock.advance(3)
    domid = images.restore("/var/lib/xen/save/web", paused=True, deadline=soon()).domid
    back = host.domain(domid)
    assert back.handle == guest.handle
    assert back.pauses == 1
    assert back.cpu_ns == int(3 * 0.5e9)
    assert host.config(domid).disks == config().disks
    with pytest.raises(AlreadyExists):
        images.restore("/var/lib/xen/save/web", paused=True, deadline=soon())
    channel.close()


def test_a_listing_imports_nothing_that_it_does_not_need(tmp_path):
    path = str(tmp_path / "host.sim")
    host = Hypervisor(path)
    host.create(config())
    host.define(config())
    host.close()
    script = """
        import sys, time
        from xenparley.domain.guest import Field
        from xenparley.negotiation.capability import Role
        from xenparley.plugin.spi import ChannelContext
        from xenparley.plugin.uri import parse_uri
        from xenparley_sim.channel import open_channel
        from xenparley_sim.scheme import connect
        uri = parse_uri("sim:" + sys.argv[1])
        settings = connect(uri).settings["sim"]
        context = ChannelContext(adapter="sim", uri=uri, local=True, settings=settings)
        channel = open_channel(context)
        deadline = time.monotonic() + 30
        channel.probe(deadline=deadline)
        port = channel.port(Role.INVENTORY)
        rows = [*port.list_live(list(Field), deadline=deadline),
                *port.list_defined(list(Field), deadline=deadline)]
        channel.close()
        heavy = ("json", "cattrs", "lxml", "asyncio", "uuid", "xenparley.domain.config",
                 "xenparley_formats", "importlib.metadata", "typing_extensions")
        print(len(rows), [name for name in heavy if name in sys.modules])
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "3 []"


def test_fields_that_were_not_asked_for_are_not_told(host):
    channel = SimChannel(host)
    (row,) = channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
    assert row.values == {Field.NAME: "Domain-0"}
    assert row.domid == 0
    channel.close()
