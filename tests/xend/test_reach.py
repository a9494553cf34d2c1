"""Where XenD is looked for, and what is refused."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys

import pytest

import xenparley
from support.scripted_http import ScriptedHttp, sxp_answer
from support.xend_subject import Peer
from xenparley.domain.errors import InvalidInput, NoChannel
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available, Refused, Unavailable
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_xend import plugin
from xenparley_xend.channel import make
from xenparley_xend.doors import Op
from xenparley_xend.endpoint import Endpoint
from xenparley_xend.http_door import HttpDoor, form
from xenparley_xend.scheme import connect_http, connect_unix


def channel_for(uri, **settings):
    parsed = parse_uri(uri)
    connect = connect_http if parsed.scheme == "http" else connect_unix
    told = connect(parsed)
    return make(ChannelContext("xend", parsed, told.local, {**told.settings["xend"], **settings}))


@pytest.fixture
def peer(tmp_path):
    made = Peer(tmp_path, "4.1", tcp=True)
    yield made
    made.close()


def test_the_schemes_name_where():
    told = connect_http(parse_uri("http://xen.example.org:8001/?insecure=1"))
    assert told.settings == {"xend": {"host": "xen.example.org", "port": "8001", "insecure": "1"}}
    assert told.local is False
    told = connect_http(parse_uri("http:"))
    assert told.settings == {"xend": {"host": "localhost", "port": "8000"}}
    told = connect_unix(parse_uri("xend+unix:///tmp/a%20b"))
    assert told.settings == {"xend": {"path": "/tmp/a b"}}
    told = connect_unix(parse_uri("xend+unix:///var/run/xend/xmlrpc.sock"))
    assert told.local is True
    assert told.settings["xend"]["protocol"] == "xmlrpc"


@pytest.mark.parametrize(
    "uri", ["http://h/path", "xend+unix:", "xend+unix://h/p", "xend+unix:///" + "x" * 200]
)
def test_bad_uris(uri):
    parsed = parse_uri(uri)
    with pytest.raises(InvalidInput):
        (connect_http if parsed.scheme == "http" else connect_unix)(parsed)


@pytest.mark.parametrize(
    "settings", [{"nosuch": "1"}, {"protocol": "ftp"}, {"host": "h", "port": "0"}]
)
def test_bad_settings(settings):
    with pytest.raises(InvalidInput):
        make(ChannelContext("xend", parse_uri("xen:///"), True, settings))


def test_plain_http_to_another_machine_is_refused(soon):
    """Nothing is sent, not even a look-up of its name."""
    channel = channel_for("http://xen.invalid:8000/")
    result = channel.probe(deadline=soon())
    assert isinstance(result, Refused)
    assert "insecure=1" in result.reason
    with pytest.raises(xenparley.AccessRefused):
        channel.port(Role.LIFECYCLE).destroy(xenparley.GuestRef(domid=1), deadline=soon())
    channel.close()


def test_plain_http_that_is_allowed_warns(peer, soon, monkeypatch, caplog):
    monkeypatch.setattr("xenparley_xend.channel._is_loopback", lambda host: False)
    channel = channel_for(f"http://127.0.0.1:{peer.server.port}/?insecure=1")
    with caplog.at_level(logging.WARNING, "xenparley"):
        result = channel.probe(deadline=soon())
        channel.probe(deadline=soon())
    assert isinstance(result, Available)
    assert "plain HTTP" in result.facts["warning"]
    assert len([r for r in caplog.records if "plain HTTP" in r.message]) == 1
    channel.close()


@pytest.mark.parametrize("name", ["http.sock", "xmlrpc.sock"])
@pytest.mark.parametrize("query", ["", "?protocol=auto"])
def test_a_socket_tells_what_it_speaks(peer, soon, name, query):
    channel = channel_for(f"xend+unix://{peer.folder}/{name}{query}")
    result = channel.probe(deadline=soon())
    assert isinstance(result, Available)
    assert result.facts["door"] == name.removesuffix(".sock")
    rows = channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())
    assert [row.values for row in rows] == [{Field.NAME: "Domain-0"}]
    channel.close()


def test_nobody_there(tmp_path, soon):
    channel = make(
        ChannelContext(
            "xend",
            parse_uri("xen:///"),
            True,
            {"http-socket": str(tmp_path / "a"), "xmlrpc-socket": str(tmp_path / "b")},
        )
    )
    result = channel.probe(deadline=soon())
    assert isinstance(result, Unavailable)
    assert str(tmp_path / "a") in result.reason
    assert str(tmp_path / "b") in result.reason
    channel.close()


def test_no_proxy_is_used(peer, soon, monkeypatch):
    """What the environment says of proxies is not for XenD."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    channel = channel_for(f"http://127.0.0.1:{peer.server.port}/")
    assert isinstance(channel.probe(deadline=soon()), Available)
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()
    channel.close()


def test_another_hosts_files_are_not_looked_for_here(peer, soon):
    """A TCP port may be forwarded: what is on this machine's disk says nothing."""
    channel = channel_for(f"http://127.0.0.1:{peer.server.port}/")
    offers = {o.capability: o for o in channel.probe(deadline=soon()).offers}
    assert Field.DEFINED not in offers[xenparley.Capability.LIST_LIVE].fields
    assert not channel.calls.places.local_files
    channel.close()


def test_the_form_ends_with_its_operation():
    body = form("mem_target_set", (("target", 48), ("odd", "a b&c=d%é\n'"), ("list", ["x", "y z"])))
    assert body == (
        b"target=48&odd=a%20b%26c%3Dd%25%C3%A9%0A%27&list=%28x%20%27y%20z%27%29&op=mem_target_set"
    )


@pytest.mark.parametrize("cut", range(1, 26))
def test_a_command_that_is_cut_does_nothing(peer, cut):
    """XenD carries out what it got: without the operation's last letter there is none."""
    body = b"target=48&op=mem_target_set"
    guest = peer.hypervisor.create(
        xenparley.GuestConfig(name="web", memory_kib=65536, boot=xenparley_boot())
    )
    head = f"POST /xend/domain/{guest.domid} HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with socket.create_connection(("127.0.0.1", peer.server.port)) as raw:
        raw.sendall(head.encode() + body[:-cut])
        raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(65536)
    assert answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 406", b"HTTP/1.1 500"))
    assert peer.hypervisor.domain(guest.domid).target_kib == 65536


def xenparley_boot():
    from xenparley.domain.config import Boot

    return Boot(kernel="/k")


def test_names_in_paths_are_encoded(tmp_path, soon):
    def act(connection, request):
        connection.sendall(sxp_answer(b"", "202 Accepted"))

    with ScriptedHttp(tmp_path / "s", act) as server:
        door = HttpDoor(Endpoint(path=str(server.path)))
        door.command("../node é\r\nX: y?op=destroy#", Op("pause"), soon())
        door.close()
    line = server.requests[0].split(b"\r\n")[0]
    assert line == (
        b"POST /xend/domain/..%2Fnode%20%C3%A9%0D%0AX%3A%20y%3Fop%3Ddestroy%23 HTTP/1.1"
    )


def test_reads_keep_their_connection_and_commands_have_their_own(peer, soon):
    guest = peer.hypervisor.create(
        xenparley.GuestConfig(name="web", memory_kib=65536, boot=xenparley_boot())
    )
    seen = []
    peer.server.meddle = lambda request, connection: seen.append(
        (request.method, request.headers.get("connection"), connection.fileno())
    )
    door = HttpDoor(Endpoint(host="127.0.0.1", port=peer.server.port))
    for _ in range(3):
        door.domain(str(guest.domid), soon())
    door.command(str(guest.domid), Op("pause"), soon())
    door.domain(str(guest.domid), soon())
    door.close()
    reads = [entry for entry in seen if entry[0] == "GET"]
    assert {entry[1:] for entry in reads} == {("keep-alive", reads[0][2])}
    assert [entry[1] for entry in seen if entry[0] == "POST"] == ["close"]


def test_after_a_fork_the_child_has_its_own_connection(peer, soon):
    door = HttpDoor(Endpoint(host="127.0.0.1", port=peer.server.port))
    door.node(soon())
    parents = door.line._idle[0].timed.raw
    door.line._pid -= 1
    door.node(soon())
    assert door.line._idle[0].timed.raw is not parents
    assert door.line._pid == os.getpid()
    parents.close()
    door.close()


def test_by_its_uri(peer):
    """As users reach it."""
    plugins = xenparley.Plugins(load=False)
    plugins.register(plugin)
    with xenparley.connect(f"http://127.0.0.1:{peer.server.port}/", plugins=plugins) as host:
        made = host.create(
            xenparley.GuestConfig(name="web", memory_kib=65536, boot=xenparley_boot()), paused=True
        )
        assert host.find("web").phase is xenparley.Phase.PAUSED
        assert host.host_info().xend_config_format == 4
        host.destroy(made.guest)
        assert [guest.name for guest in host.list()] == ["Domain-0"]
    with pytest.raises(NoChannel, match="insecure=1"):
        xenparley.connect("http://xen.invalid/", plugins=plugins)


def test_a_host_without_xend_loads_neither_http_nor_xmlrpc(tmp_path):
    """Most hosts of today: what would speak to XenD is a third of what a short command loads."""
    program = (
        "import sys, time; import xenparley; from xenparley.plugin.uri import parse_uri;"
        "from xenparley.plugin.spi import ChannelContext;"
        "from xenparley_xend.channel import make;"
        "folder = sys.argv[1];"
        "settings = {'http-socket': folder + '/h', 'xmlrpc-socket': folder + '/x'};"
        "context = ChannelContext('xend', parse_uri('xen:///'), True, settings);"
        "print(make(context).probe(deadline=time.monotonic() + 60).reason);"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    reason, loaded = run.stdout.splitlines()
    assert str(tmp_path / "h") in reason
    assert str(tmp_path / "x") in reason
    assert "No such file or directory" in reason
    assert "xenparley_xend.calls" in loaded.split()
    assert not {"http.client", "ssl", "xmlrpc.client"} & set(loaded.split())
