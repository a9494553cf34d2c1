"""What is done through one channel of a simulated host shows in all the others."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from attrs import evolve

from support.simulated_hosts import CONFIG, eventually, only, simulated
from support.xenstored import need
from xenparley.domain import errors as e
from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.domain.lifecycle import Phase
from xenparley_sim import SimulatedXen
from xenparley_sim.releases import CHANNELS, RELEASES, release_of
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import MessageType

#: A release of each era: XenD without definitions, with them, beside xl; xl old and new.
ERAS = ["3.0.1", "3.0.4", "3.4", "4.1", "4.5", "4.17", "4.22"]


#: Where a real daemon keeps the host's XenStore.
REAL = [
    ("3.0.4", "xenstored"),
    ("4.17", "xenstored"),
    pytest.param(("4.4", "xenstored"), marks=pytest.mark.heavy),
    pytest.param(("3.4", "oxenstored"), marks=pytest.mark.heavy),
    pytest.param(("4.22", "oxenstored"), marks=pytest.mark.heavy),
]


@pytest.fixture(params=[*((each, "in-process") for each in ERAS), *REAL], ids="-".join)
def xen(request):
    release, keeper = request.param
    need(keeper)
    with simulated(release, xenstored=keeper) as made:
        yield made


@pytest.fixture
def host(xen):
    with xen.connect() as made:
        yield made


def ask(path, *requests):
    """Speak to a XenStore socket with nothing but the wire's own codec; return the answers."""
    decoder, answers = Decoder(), []
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(path))
        for number, (kind, payload) in enumerate(requests, 1):
            link.sendall(encode(kind, number, 0, payload))
        while len(answers) < len(requests):
            answers += decoder.feed(link.recv(65536))
    return [(MessageType(each.type), each.payload) for each in answers]


def test_a_started_guest_is_in_every_channel(xen, host):
    guest = host.create(CONFIG).guest
    seen = {}
    for channel in ("hypercall", "xenstore", *({xen.toolstack} - {None})):
        with only(xen, channel) as one:
            seen[channel] = next(g for g in one.list() if g.domid == guest.domid)
    assert {g.uuid for g in seen.values()} == {CONFIG.uuid}
    assert {g.name for g in seen.values() if g.name is not None} == {"web"}
    assert seen["hypercall"].memory_kib == CONFIG.memory_kib
    home = f"/local/domain/{guest.domid}"
    assert xen.store.read(f"{home}/name") == b"web"
    assert xen.store.read(f"{home}/vm") == f"/vm/{CONFIG.uuid}".encode()
    assert xen.store.read(f"{home}/memory/target") == b"65536"
    assert xen.store.introduced(guest.domid)


def test_control_shutdown_in_xenstore_ends_a_guest(xen, host):
    guest = host.create(CONFIG).guest
    path = f"/local/domain/{guest.domid}/control/shutdown"
    answer = ask(
        xen.directory / "xenstored.sock", (MessageType.WRITE, f"{path}\0poweroff".encode())
    )
    assert answer == [(MessageType.WRITE, b"OK\0")]
    assert host.wait_for("web", [Phase.ABSENT, Phase.SHUT_OFF]).domid is None
    xen.settle()
    assert not xen.store.exists(f"/local/domain/{guest.domid}")
    assert not xen.store.introduced(guest.domid)


def test_a_crash_fires_the_watches(xen, host):
    guest = host.create(CONFIG).guest
    fired = []
    xen.store.watch("@releaseDomain", "t", "test", lambda path, token: fired.append(path))
    before = len(fired)
    xen.hypervisor.crash(guest.domid)
    # A real daemon looks at the domains once the hypervisor's interrupt has come.
    assert eventually(lambda: len(fired) > before)
    xen.store.forget("test")


def test_events_tell_what_another_channel_did(xen, host):
    with only(xen, "xenstore") as watcher, watcher.events() as events:
        guest = host.create(CONFIG).guest
        host.destroy(guest)
        kinds = []
        while EventKind.STOPPED not in kinds:
            event = events.get(10)
            assert event is not None, kinds
            if event.guest is not None and event.guest.domid == guest.domid:
                kinds.append(event.kind)
    assert kinds[0] is EventKind.STARTED


@pytest.mark.parametrize("release", ["3.0.4", "4.17"])
def test_events_tell_pauses_and_why_a_guest_ended(release):
    """XenStore tells who comes and goes; the hypervisor, pauses and reasons."""
    with simulated(release) as xen, xen.connect() as host, host.events() as events:
        assert {"hypercall", "xenstore"} <= set(events.source.split(", "))
        guest = host.create(evolve(CONFIG, on_crash="preserve")).guest

        def until(*kinds):
            """Return the kind and the reason of the first event of these kinds."""
            while True:
                event = events.get(10)
                assert event is not None, f"none of {kinds}"
                if event.kind in kinds and event.guest.uuid == guest.uuid:
                    assert event.guest.name == "web"
                    return event.kind, event.detail

        until(EventKind.STARTED)
        host.pause(guest)
        assert until(EventKind.PAUSED, EventKind.STOPPED)[0] is EventKind.PAUSED
        host.unpause(guest)
        assert until(EventKind.UNPAUSED, EventKind.STOPPED)[0] is EventKind.UNPAUSED
        xen.hypervisor.crash(guest.domid)
        assert until(EventKind.CRASHED, EventKind.STOPPED) == (EventKind.CRASHED, "crash")
        host.destroy(guest)
        assert until(EventKind.STOPPED) == (EventKind.STOPPED, "crash")


def test_states_are_not_looked_at_where_each_look_starts_a_process():
    with SimulatedXen("4.17", channels={"xenstore", "xl"}) as xen:
        with xen.connect() as host, host.events() as events:
            assert events.source == "xenstore"
            guest = host.create(CONFIG).guest
            assert events.get(10).kind is EventKind.STARTED
            host.destroy(guest)
            assert (ended := events.get(10)).kind is EventKind.STOPPED
            assert ended.detail == "unknown"


def test_destroying_removes_the_keys(xen, host):
    guest = host.create(CONFIG).guest
    host.destroy(guest)
    assert not xen.store.exists(f"/local/domain/{guest.domid}")
    assert not xen.store.exists(f"/local/domain/0/backend/vbd/{guest.domid}")
    assert not xen.store.exists(f"/libxl/{guest.domid}")
    net = xen.root / "sys" / "class" / "net"
    assert eventually(lambda: not list(net.glob(f"vif{guest.domid}.*")))


@pytest.mark.parametrize(("release", "stay"), [("3.4", False), ("4.17", True)])
def test_what_a_hypercall_destroys_nobody_clears_up_but_xend(release, stay):
    with simulated(release) as xen, xen.connect() as host, only(xen, "hypercall") as bare:
        guest = host.create(CONFIG).guest
        bare.destroy(guest.domid, force=True)
        home = f"/local/domain/{guest.domid}"
        assert xen.store.exists(home) == stay
        # Whatever was left behind: it is no guest any more.
        assert not xen.store.introduced(guest.domid)
        assert [g.domid for g in host.list()] == [0]


def test_a_target_in_xenstore_moves_the_balloon(xen, host):
    guest = host.create(CONFIG).guest
    with only(xen, "xenstore") as store, only(xen, "hypercall") as bare:
        store.set_memory(guest.domid, 32 * 1024)
        assert eventually(lambda: bare.memory(guest.domid).current_kib == 32 * 1024)
    assert host.find("web").memory_kib == 32 * 1024


def test_vcpus_in_xenstore_go_offline(xen, host):
    guest = host.create(CONFIG).guest
    with only(xen, "xenstore") as store, only(xen, "hypercall") as bare:
        store.set_vcpus(guest.domid, 1)
        xen.settle()
        assert [v.online for v in bare.vcpus(guest.domid)] == [True, False]


def test_devices_connect_and_are_counted(xen, host):
    guest = host.create(CONFIG).guest
    with only(xen, "xenstore") as store:
        found = {d.kind: d for d in store.devices(guest.domid)}
        assert (found["vbd"].name, found["vif"].name) == ("xvda", "00:16:3e:00:00:07")
        assert found["vbd"].frontend_state == found["vbd"].backend_state == 4
        (disk,) = store.block_stats(guest.domid)
        (interface,) = store.interface_stats(guest.domid)
        assert disk.target == "xvda" and disk.read_bytes == 56 * 512
        assert interface.target == f"vif{guest.domid}.0" and interface.rx_bytes == 12800
        (console,) = store.consoles(guest.domid)
        assert console.tty == f"/dev/pts/{guest.domid}"


@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_a_device_plugged_in_by_the_toolstack_is_in_xenstore(release):
    from xenparley.domain.config import Disk, DiskSource

    more = Disk(target="xvdb", source=DiskSource(path="/var/lib/xen/images/more.img"))
    with simulated(release) as xen, xen.connect() as host, only(xen, "xenstore") as store:
        guest = host.create(CONFIG).guest
        host.attach_device(guest, more)
        assert {d.name for d in store.devices(guest.domid) if d.kind == "vbd"} == {"xvda", "xvdb"}
        host.detach_device(guest, more)
        assert {d.name for d in store.devices(guest.domid) if d.kind == "vbd"} == {"xvda"}


@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_a_new_name_is_in_xenstore(release):
    with simulated(release) as xen, xen.connect() as host, only(xen, "xenstore") as store:
        guest = host.create(CONFIG).guest
        if release == "3.1":
            host.pause(guest)
        host.rename(guest, "mail")
        assert store.find("mail").domid == guest.domid
        with pytest.raises(e.NotFound):
            store.find("web")


def test_a_rebooted_guest_has_new_keys(xen, host):
    guest = host.create(CONFIG).guest
    host.reboot(guest, wait=False)
    fresh = eventually(
        lambda: next((g for g in host.list() if g.name == "web" and g.domid != guest.domid), None)
    )
    assert fresh.uuid == CONFIG.uuid
    xen.settle()
    assert not xen.store.exists(f"/local/domain/{guest.domid}")
    assert xen.store.read(f"/local/domain/{fresh.domid}/name") == b"web"
    assert xen.store.read(f"/vm/{CONFIG.uuid}/name") == b"web"


def test_a_paused_guest_takes_a_request_when_it_goes_on(xen, host):
    guest = host.create(CONFIG, paused=True).guest
    path = f"/local/domain/{guest.domid}/control/shutdown"
    xen.store.write(path, b"poweroff")
    assert xen.store.read(path) == b"poweroff"
    assert xen.hypervisor.domain(guest.domid).request == "poweroff"
    xen.hypervisor.unpause(guest.domid)
    assert host.wait_for("web", [Phase.ABSENT, Phase.SHUT_OFF]).domid is None


def test_a_withdrawn_request_is_forgotten(xen):
    with xen.connect() as host:
        guest = host.create(CONFIG, paused=True).guest
        path = f"/local/domain/{guest.domid}/control/shutdown"
        xen.store.write(path, b"poweroff")
        xen.store.write(path, b"")
        host.unpause(guest)
        assert xen.hypervisor.domain(guest.domid).request is None


@pytest.mark.parametrize(
    ("release", "keeper"),
    [
        ("3.0.4", "in-process"),
        ("4.14", "in-process"),
        ("4.17", "in-process"),
        ("4.14", "xenstored"),
        ("3.0.4", "oxenstored"),
    ],
)
def test_a_user_without_rights(release, keeper):
    need(keeper)
    with simulated(release, xenstored=keeper) as xen, xen.connect() as host:
        host.create(CONFIG)
        if xen.port is None and not xen.release.has_read_only_socket:
            with xen.connect(user="user") as user:
                states = {c.name: (c.state, c.reason) for c in user.channels()}
                with pytest.raises(e.NoChannel):
                    user.list()
                with pytest.raises(e.AccessRefused, match="Permission denied"):
                    user.host_capabilities()
            assert "ermission denied" in states["xenstore"][1]
            assert "ermission denied" in states["xm"][1]
            assert "need root" in states["hypercall"][1]
            return
        with xen.connect(user="user") as user:
            states = {c.name: c.state for c in user.channels()}
            assert states["hypercall"] == states["xm"] == "unavailable"
            assert "web" in {g.name for g in user.list(fields=[Field.NAME])}
            chosen = user.explain(xen_capability("set-vcpus")).chosen
            assert "xenstore" not in {channel for channel, _ in chosen}
        with only(xen, "xenstore", user="user") as user, pytest.raises(e.XenparleyError):
            user.set_vcpus("web", 1)
        answer = ask(
            xen.directory / "socket_ro",
            (MessageType.WRITE, b"/local/domain/1/control/shutdown\0poweroff"),
            (MessageType.READ, b"/local/domain/1/name\0"),
        )
        assert answer == [(MessageType.ERROR, b"EROFS\0"), (MessageType.READ, b"web")]


def xen_capability(word):
    from xenparley.negotiation.capability import Capability

    return Capability(word)


def test_xenD_over_tcp_as_from_another_machine():
    with simulated("3.3") as xen:
        assert xen.http_uri == f"http://127.0.0.1:{xen.port}/"
        with xen.connect(uri=xen.http_uri) as host:
            host.create(CONFIG)
            assert host.find("web").sources[Field.NAME] == "xend"
            refused = {c.name for c in host.channels() if c.state == "refused"}
            assert "xend" not in refused
        with only(xen, "hypercall") as bare:
            assert [g.domid for g in bare.list()] == [0, 1]


def test_definitions_in_etc_xen_are_started_by_xend():
    with simulated("3.0.3") as xen, xen.connect() as host:
        host.define(CONFIG)
        assert (xen.folder / "web").is_file()
        outcome = host.start("web")
        assert outcome.channel == "xend"
        assert host.find("web").phase is Phase.ACTIVE
        host.destroy("web")
        assert host.find("web").phase is Phase.SHUT_OFF


def test_xl_beside_xend_changes_nothing():
    with simulated("4.2") as xen, xen.connect() as host:
        xl = next(c for c in host.channels() if c.name == "xl")
        assert "xend runs" in next(iter(xl.withheld)).reason
        assert host.create(CONFIG).channel == "xend"
        with only(xen, "xl") as beside:
            assert beside.find("web").name == "web"


def test_another_process_finds_it_by_its_uri():
    code = (
        "import sys, xenparley\n"
        "with xenparley.connect(sys.argv[1]) as host:\n"
        "    print(sorted(c.name for c in host.channels() if c.state == 'available'))\n"
        "    print([g.name for g in host.list()])\n"
    )
    with simulated("4.17") as xen, xen.connect() as host:
        host.create(CONFIG)
        done = subprocess.run(
            [sys.executable, "-c", code, xen.uri], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['xenstore', 'xl', 'xm']\n['Domain-0', 'web']\n"


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_starts_with_what_is_usual(release):
    made = release_of(release)
    with simulated(release) as xen, xen.connect() as host:
        found = {c.name: c for c in host.channels()}
        assert {n for n, c in found.items() if c.state == "available"} == xen.channels
        assert found["hypercall"].version.startswith(release)
        assert str(host.host_info().version).startswith(release)
        assert ("xend" in xen.channels) == (made.version <= (4, 4))
        assert ("xl" in xen.channels) == (made.version >= (4, 1))


def test_channels_that_are_left_out_are_not_there():
    with simulated("3.4", channels={"xenstore"}) as xen:
        assert xen.channels == {"xenstore"}
        with xen.connect() as host:
            assert {c.name for c in host.channels() if c.state == "available"} == {"xenstore"}
        assert xen.port is None
    with simulated("4.17", channels=()) as xen, pytest.raises(e.NoChannel):
        xen.connect()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"release": "2.0"}, "not a release"),
        ({"release": "4.17\n"}, "not a release"),
        ({"release": "4.99"}, "not a release"),
        ({"release": "3.4", "arch": "arm64"}, "did not run on arm64"),
        ({"release": "4.17", "arch": "vax"}, "not an architecture"),
        ({"release": "4.17", "toolstack": "xend"}, "no XenD"),
        ({"release": "3.4", "toolstack": "xl"}, "no xl"),
        ({"release": "4.17", "toolstack": "libvirt"}, "toolstack is"),
        ({"release": "4.17", "channels": {"qmp"}}, "no channel 'qmp'"),
    ],
)
def test_what_never_was_is_refused(arguments, words):
    with pytest.raises(e.InvalidInput, match=words):
        SimulatedXen(**arguments)


def test_a_directory_that_is_too_deep_is_refused(tmp_path):
    with pytest.raises(e.InvalidInput, match="too long"):
        SimulatedXen(directory=tmp_path / ("d" * 100)).start()


def test_nothing_stays_behind(tmp_path):
    with simulated("4.17", toolstack=None) as xen:
        place = xen.directory
        assert place.is_dir() and xen.channels == {"xenstore", "hypercall", "xm"}
    assert not place.exists()
    given = tmp_path / "x"
    with simulated("3.4", directory=given) as xen:
        assert (given / "xend.sock").is_socket()
    assert not [path for path in given.rglob("*") if path.is_socket()]
    xen.close()


@pytest.mark.parametrize("arch", ["x86_32", "arm64"])
def test_other_architectures(arch):
    with simulated("4.17", arch=arch) as xen, only(xen, "hypercall") as host:
        assert host.host_info().machine in ("i686", "aarch64", None)
        assert [g.domid for g in host.list()] == [0]


def test_channels_are_those_that_are_documented():
    assert set(CHANNELS) == {"xend", "xenstore", "hypercall", "xm", "xl"}
