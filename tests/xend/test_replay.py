"""The adapter's commands against what real XenDs answered to them: Xen 3.1.0 and 4.1.6.

Looks are answered by one recorded guest, running or paused; the command under test by the
recorded answer that is named. What the adapter sent is compared with the recorded request.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from support.corpus import corpus_dir
from support.scripted_http import ScriptedHttp
from xenparley.domain.config import Disk, DiskSource, Interface
from xenparley.domain.errors import NotFound, OperationFailed, Unsupported
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_xend.channel import make

GUEST = GuestRef(domid=1, uuid="596a5d21-71f4-8fb2-e068-e2386a5c413e", name="pv1")
LOOKS = {
    ("GET", "op"): "GET /xend/node",
    ("GET", "list"): "list while pv1 running",
    ("GET", "detail"): "list detail",
    ("POST", "vbd"): "pv1 devices vbd",
    ("POST", "vif"): "pv1 devices vif",
    ("POST", "vcpuinfo"): "pv1 vcpuinfo",
    ("POST", "domain_sched_credit_get"): "pv1 sched_credit_get",
}
EXTRA = Disk(target="xvdc", source=DiskSource(type="block", path="/dev/vg/extra2"))
NIC = Interface(source="xenbr0", mac="00:16:3e:aa:bb:cc", script="vif-bridge")


class Replay:
    """A server of recorded answers; ``title`` is the one to the command under test."""

    def __init__(self, release, folder, title, look="pv1 running"):
        file = corpus_dir() / "xend" / f"transcript-{release}.json"
        self.recorded = {}
        for exchange in json.loads(file.read_text("utf-8"))["exchanges"]:
            self.recorded.setdefault(exchange["title"], exchange)
        self.title, self.look, self.sent = title, look, []
        self.server = ScriptedHttp(folder / "s", self.act)
        settings = {"http-socket": str(folder / "s"), "xmlrpc-socket": str(folder / "none")}
        self.channel = make(ChannelContext("xend", parse_uri("xen:///"), False, settings))

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *end):
        self.channel.close()
        self.server.__exit__(*end)

    def port(self, role):
        return self.channel.port(role)

    def act(self, connection, request):
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        form = {name: values[0] for name, values in parse_qs(body.decode(), True).items()}
        title = self.chosen(method, target, form)
        connection.sendall(self.recorded[title]["response"].encode("latin-1"))

    def chosen(self, method, target, form):
        op = form.get("op")
        if method == "GET":
            if "/domain/" in target and not target.endswith("/domain/"):
                return self.look
            if "/node" in target:
                return LOOKS["GET", "op"]
            return LOOKS["GET", "detail" if "detail=1" in target else "list"]
        if op == "devices":
            return LOOKS["POST", form["type"]] if form["type"] in ("vbd", "vif") else "new pv1"
        if ("POST", op) in LOOKS:
            return LOOKS["POST", op]
        self.sent.append(form)
        return self.title

    def asked(self):
        """Return the form of the recorded request."""
        body = self.recorded[self.title]["request"].partition("\r\n\r\n")[2]
        return {name: values[0] for name, values in parse_qs(body, True).items()}


@pytest.fixture(params=["3.1.0", "4.1.6"])
def replay(request, tmp_path):
    return lambda title, **more: Replay(request.param, tmp_path, title, **more)


#: What is called, the recorded answer, what it looks like beforehand, parameters that may differ.
COMMANDS = {
    "pause": (Role.LIFECYCLE, "pause", (), "pv1 pause", "pv1 running"),
    "unpause": (Role.LIFECYCLE, "unpause", (), "pv1 unpause", "pv1 paused"),
    "shutdown": (Role.LIFECYCLE, "shutdown", (), "pv1 shutdown", "pv1 running"),
    "reboot": (Role.LIFECYCLE, "reboot", (), "pv1 reboot", "pv1 running"),
    "destroy": (Role.LIFECYCLE, "destroy", (), "pv1 destroy over unix", "pv1 running"),
    "set-target": (Role.MEMORY, "set_target", (200 * 1024,), "pv1 mem_target_set", "pv1 running"),
    "set-maximum": (Role.MEMORY, "set_maximum", (600 * 1024,), "pv1 maxmem_set", "pv1 running"),
    "set-vcpus": (Role.VCPUS, "set_vcpus", (1,), "pv1 set_vcpus 1", "pv1 running"),
    "schedule": (
        Role.SCHEDULER,
        "set_parameters",
        ({"weight": 512, "cap": 50},),
        "pv1 sched_credit_set",
        "pv1 running",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_sent_as_recorded_and_its_answer_taken(replay, soon, name):
    role, method, arguments, title, look = COMMANDS[name]
    with replay(title, look=look) as host:
        getattr(host.port(role), method)(GUEST, *arguments, deadline=soon())
        (sent,) = host.sent
        assert sent == host.asked()


@pytest.mark.parametrize(
    ("method", "device", "title"),
    [
        ("attach", EXTRA, "pv1 device_create vbd dup"),
        ("attach", NIC, "pv1 device_create vif"),
        ("detach", Disk(target="xvdb"), "pv1 device_destroy vbd"),
    ],
)
def test_devices(replay, soon, method, device, title):
    with replay(title) as host:
        getattr(host.port(Role.DEVICES), method)(GUEST, device, deadline=soon())
        (sent,) = host.sent
        assert sent["op"] == host.asked()["op"]
        if method == "attach":
            node = sent["config"]
            assert device.target in node if isinstance(device, Disk) else device.mac in node


@pytest.mark.parametrize(
    ("role", "method", "arguments", "title", "error", "words"),
    [
        (Role.LIFECYCLE, "destroy", (), "pv1 destroy again", NotFound, ""),
        (Role.LIFECYCLE, "pause", (), "unknown domain", NotFound, ""),
        (Role.LIFECYCLE, "pause", (), "pv1 send nosuch op", Unsupported, "not implemented"),
        (
            Role.DEVICES,
            "attach",
            (EXTRA,),
            "pv1 device_create hotplug error",
            OperationFailed,
            "could not be connected",
        ),
        (
            Role.MEMORY,
            "set_target",
            (200 * 1024,),
            "pv1 mem_target_set 0",
            OperationFailed,
            "must be greater than zero",
        ),
        (Role.VCPUS, "set_vcpus", (2,), "pv1 maxmem_set bad", OperationFailed, "invalid literal"),
    ],
)
def test_recorded_failures(replay, soon, role, method, arguments, title, error, words):
    with replay(title) as host:
        with pytest.raises(error) as caught:
            getattr(host.port(role), method)(GUEST, *arguments, deadline=soon())
        assert words in str(caught.value)
        assert caught.value.guest
        assert len(host.sent) == 1


def test_failures_that_come_with_a_success(replay, soon):
    with replay("pv1 migrate refused, all args") as host:
        with pytest.raises(OperationFailed, match="Connection refused"):
            host.port(Role.MIGRATION).migrate(
                GUEST, "127.0.0.1", live=False, options={}, deadline=soon()
            )
        assert [form["op"] for form in host.sent] == ["migrate"]
        assert host.sent[0].keys() >= host.asked().keys()
    with replay("restore missing file") as host:
        with pytest.raises(NotFound, match="No such file"):
            host.port(Role.IMAGES).restore("/nosuch.sav", paused=False, deadline=soon())


def test_an_image_is_saved_and_dumped(replay, soon):
    with replay("pv1 save") as host:
        host.port(Role.IMAGES).save(GUEST, "/tmp/none/pv1.sav", deadline=soon())
        assert host.sent == [{"op": "save", "file": "/tmp/none/pv1.sav"}]
    with replay("pv1 dump with reset") as host:
        host.port(Role.IMAGES).dump(GUEST, "/tmp/none/pv1.core", live=True, deadline=soon())
        assert host.sent[0].keys() >= host.asked().keys()
