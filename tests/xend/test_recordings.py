"""What a real XenD answered, given to the adapter: bytes of Xen 3.1.0 and 4.1.6."""

from __future__ import annotations

import json
import re

import pytest

from support.corpus import corpus_dir
from support.scripted_http import ScriptedHttp
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.guest import UNLIMITED_KIB, Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_formats.sxp_read import config_from_sxp
from xenparley_xend.answers import value, words
from xenparley_xend.channel import make
from xenparley_xend.exchange import Answer
from xenparley_xend.host import HostPort
from xenparley_xend.release import release_of
from xenparley_xend.rows import seen

RELEASES = ["3.1.0", "4.1.6"]


@pytest.fixture(scope="module", params=RELEASES)
def recorded(request):
    """Return the release, and its exchanges."""
    file = corpus_dir() / "xend" / f"transcript-{request.param}.json"
    return request.param, json.loads(file.read_text("utf-8"))["exchanges"]


def split(exchange):
    """Return (method, target, form, answer); the answer None where none came."""
    head, _, body = exchange["request"].encode("latin-1").partition(b"\r\n\r\n")
    method, _, rest = head.decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    raw = (exchange["response"] or "").encode("latin-1")
    top, _, content = raw.partition(b"\r\n\r\n")
    match = re.match(rb"HTTP/1.1 (\d{3}) ([^\r]*)", top)
    if match is None:
        return method, target, body, None
    answer = Answer(int(match[1]), match[2].decode("latin-1"), content)
    return method, target, body, answer


def test_every_answer_is_understood(recorded):
    """Each is a value, or an error of xenparley's; none makes no sense."""
    _, exchanges = recorded
    count = 0
    for exchange in exchanges:
        if exchange["title"].startswith("http:"):
            continue
        method, target, body, answer = split(exchange)
        if answer is None or answer.status == 413 or target.endswith(("/log", "/dmesg")):
            continue
        command = method == "POST" and body != b"op=domain_sched_credit_get"
        guest = "/xend/domain/" in target and not target.endswith("/")
        try:
            value(answer, exchange["title"], command=command, guest=guest)
        except OutcomeUnknown as exc:
            raise AssertionError(f"{exchange['title']}: {exc}") from exc
        except XenparleyError:
            assert answer.status >= 400 or b"xend.err" in answer.body, exchange["title"]
        else:
            assert answer.status < 300, exchange["title"]
            assert b"xend.err" not in answer.body, exchange["title"]
        count += 1
    assert count > 300


#: What the recorded failures are to a caller.
KINDS = {
    "unknown domain": NotFound,
    "unknown domain id": NotFound,
    "POST /xend/domain op=nosuch": Unsupported,
    "pv1 device_destroy nosuch": NotFound,
    "pv1 device_configure": NotFound,
    "restore missing file": NotFound,
    "pv1 migrate refused, all args": OperationFailed,
    "pv1 destroy while halted": InvalidState,
    "pv1 shutdown while halted": InvalidState,
    "pv1 start when running": AlreadyExists,
    "pv1 delete when running": InvalidState,
    "pv1 delete again": NotFound,
    "new pv1 other uuid": AlreadyExists,
    "create: bad name": InvalidInput,
    "create: bad memory": OperationFailed,
    "pv1 mem_target_set 0": OperationFailed,
    "pv1 device_create hotplug error": OperationFailed,
}


@pytest.mark.parametrize("title", KINDS)
def test_failures_by_kind(recorded, title):
    _, exchanges = recorded
    found = [exchange for exchange in exchanges if exchange["title"] == title]
    assert found
    for exchange in found:
        _, target, _, answer = split(exchange)
        guest = "/xend/domain/" in target
        with pytest.raises(KINDS[title]) as caught:
            value(answer, title, command=True, guest=guest)
        assert type(caught.value) is KINDS[title]


def test_the_node(recorded):
    release, exchanges = recorded
    answer = next(split(e)[3] for e in exchanges if e["title"] == "GET /xend/node")
    told = release_of(value(answer, "node", command=False, guest=False))
    assert (told.format, str(told.version)) == (4, release)
    assert (told.cpus, told.scheduler) == (4, "credit")
    assert told.pins_over_http is (release == "4.1.6")


def test_guests(recorded):
    """Rows and configurations of every guest that was asked for."""
    _, exchanges = recorded
    count = 0
    for exchange in exchanges:
        _, target, _, answer = split(exchange)
        if "?detail=1" not in target or answer is None or answer.status != 200:
            continue
        trees = value(answer, "domain", command=False, guest=True)
        for tree in [trees] if trees[0] == "domain" else trees:
            told = seen(tree)
            assert told.uuid is not None
            assert told.memory_kib
            if told.domid is None:
                assert told.flags is None
            else:
                assert told.flags is not None
                assert told.vcpus in (1, 2, 4)
            if told.domid == 0:
                assert told.max_kib == UNLIMITED_KIB
                assert told.flags == RunFlags.RUNNING
            elif told.name != "bi":  # made of a kind of image that there isn't
                assert config_from_sxp(tree, version=4).name == told.name
            count += 1
    assert count > 50


def test_states(recorded):
    _, exchanges = recorded
    wanted = {
        "pv1 after create (paused)": RunFlags.PAUSED,
        "pv1 paused": RunFlags.PAUSED,
        "pv1 running": RunFlags.BLOCKED,
        "pv1 defined": None,
    }
    for exchange in exchanges:
        if exchange["title"] in wanted:
            tree = value(split(exchange)[3], "domain", command=False, guest=True)
            assert seen(tree).flags == wanted.pop(exchange["title"])
    assert not wanted


def test_the_adapter_over_recorded_answers(recorded, tmp_path, soon):
    """A server that says what was recorded: listing, looking at a guest, its devices, the host."""
    _, exchanges = recorded
    answers = {}
    for exchange in exchanges:
        title = exchange["title"]
        if title in ANSWERS:
            answers.setdefault(ANSWERS[title], exchange["response"].encode("latin-1"))

    def act(connection, request):
        line, _, rest = request.partition(b"\r\n")
        body = rest.partition(b"\r\n\r\n")[2].decode()
        method, target, _ = line.decode().split(" ")
        connection.sendall(answers.get((method, target.replace("/1?", "/pv1?"), body), _NONE))

    with ScriptedHttp(tmp_path / "s", act) as server:
        settings = {"http-socket": str(server.path), "xmlrpc-socket": str(tmp_path / "none")}
        channel = make(ChannelContext("xend", parse_uri("xen:///"), False, settings))
        inventory = channel.port(Role.INVENTORY)
        (row,) = inventory.list_live([Field.NAME, Field.VIRT], domids=[1], deadline=soon())
        assert row.values == {Field.NAME: "pv1", Field.VIRT: "pv"}
        rows = inventory.list_live([Field.NAME], deadline=soon())
        assert [r.values[Field.NAME] for r in rows] == ["Domain-0", "pv1"]
        guest = GuestRef(domid=1, uuid="596a5d21-71f4-8fb2-e068-e2386a5c413e")
        config = channel.port(Role.DEFINITIONS).read_live(guest, deadline=soon())
        assert [disk.target for disk in config.disks] == ["xvda", "xvdb"]
        told = channel.port(Role.VCPUS).vcpus(guest, deadline=soon())
        assert [v.affinity for v in told] == [frozenset(range(4))] * 2
        scheduler = channel.port(Role.SCHEDULER)
        assert scheduler.parameters(guest, deadline=soon()) == {"cap": 0, "weight": 256}
        devices = channel.port(Role.DEVICES).devices(guest, deadline=soon())
        assert ("vbd", 51712, "xvda") in [(d.kind, d.devid, d.name) for d in devices]
        assert ("vif", 0, "00:16:3e:5d:c7:9e") in [(d.kind, d.devid, d.name) for d in devices]
        info = HostPort(channel.calls).host_info(deadline=soon())
        assert (info.cpus, info.cpu_khz, info.memory_kib) == (4, 2_400_000, 16 << 20)
        assert (info.sockets, info.cores, info.threads) == (2, 2, 1)
        kinds = {
            (g.virt, g.arch)
            for g in HostPort(channel.calls).host_capabilities(deadline=soon()).guests
        }
        assert kinds == {("pv", "x86_64"), ("pv", "i686"), ("hvm", "i686"), ("hvm", "x86_64")}
        channel.close()
    assert words(b"\xff") == "\\xff"


_NONE = b"HTTP/1.1 200 OK\r\nContent-length: 2\r\n\r\n()"
#: Recorded exchanges, and the requests of ours that they answer.
ANSWERS = {
    "GET /xend/node": ("GET", "/xend/node", ""),
    "list detail": ("GET", "/xend/domain?detail=1", ""),
    "list while pv1 running": ("GET", "/xend/domain?state=all", ""),
    "pv1 running": ("GET", "/xend/domain/pv1?detail=1", ""),
    "pv1 vcpuinfo": ("POST", "/xend/domain/1", "op=vcpuinfo"),
    "pv1 sched_credit_get": ("POST", "/xend/domain/1", "op=domain_sched_credit_get"),
    "pv1 devices vbd": ("POST", "/xend/domain/1", "type=vbd&op=devices"),
    "pv1 devices vif": ("POST", "/xend/domain/1", "type=vif&op=devices"),
}
