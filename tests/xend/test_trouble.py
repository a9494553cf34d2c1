"""What becomes of a call when the answer is cut, stalls, lies about its length or is garbage."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from support.scripted_http import ScriptedHttp, sxp_answer
from support.xend_subject import Peer
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_xend.doors import Op
from xenparley_xend.endpoint import Endpoint
from xenparley_xend.exchange import MAX_RESPONSE
from xenparley_xend.http_door import HttpDoor
from xenparley_xend.xmlrpc_door import XmlRpcDoor

NODE = sxp_answer(b"(node (host h) (xen_major 3) (xen_minor 1) (xend_config_format 4))")
ACCEPTED = sxp_answer(b"", "202 Accepted", "Location: ..")
RPC = (
    b"<?xml version='1.0'?><methodResponse><params><param><value><array><data><value><string>node"
    b"</string></value></data></array></value></param></params></methodResponse>"
)


def soon(seconds=5.0):
    return time.monotonic() + seconds


def scripted(tmp_path, act):
    return ScriptedHttp(tmp_path / "s", act)


def door(server):
    return HttpDoor(Endpoint(path=str(server.path)))


@pytest.mark.parametrize("command", [False, True])
def test_an_answer_cut_at_every_byte(tmp_path, command):
    """A read is lost or makes no sense; a command's outcome is unknown. Each is sent once."""
    whole = ACCEPTED if command else NODE
    cut = [0]

    def act(connection, request):
        connection.sendall(whole[: cut[0]])

    for length in range(len(whole)):
        cut[0] = length
        path = tmp_path / "s"
        with ScriptedHttp(path, act) as server:
            made = door(server)
            try:
                with pytest.raises(XenparleyError) as caught:
                    if command:
                        made.command("5", Op("destroy"), soon())
                    else:
                        made.node(soon())
            finally:
                made.close()
        assert len(server.requests) == 1
        kinds = OutcomeUnknown if command else (ChannelLost, ProtocolError)
        assert isinstance(caught.value, kinds), (length, caught.value)
        assert caught.value.retry_safe is not command


@pytest.mark.parametrize("at", [0, 9, 40, len(NODE) - 3])
def test_an_answer_that_stalls(tmp_path, at):
    """The deadline ends it, wherever it stalls."""

    def act(connection, request):
        connection.sendall(NODE[:at])
        server.over.wait(30)

    with scripted(tmp_path, act) as server:
        made = door(server)
        with pytest.raises(DeadlineExceeded):
            made.node(soon(0.1))
        with pytest.raises(OutcomeUnknown):
            made.command("5", Op("destroy"), soon(0.1))
        made.close()
        server.over.set()
    assert len(server.requests) == 2


def test_an_answer_that_trickles(tmp_path):
    """A byte now and then does not move the deadline."""

    def act(connection, request):
        for byte in sxp_answer(b"(" + b"a " * 1000 + b")"):
            connection.sendall(bytes([byte]))
            if server.over.wait(0.01):
                return

    with scripted(tmp_path, act) as server:
        made = door(server)
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            made.node(soon(0.3))
        assert time.monotonic() - began < 5
        made.close()
        server.over.set()


OK = b"HTTP/1.1 200 OK\r\n"
BAD = {
    "garbage": b"\xde\xad\xbe\xef" * 50,
    "no length": b"HTTP/1.1 200 OK\r\n\r\n(node (host h))",
    "two lengths": OK + b"Content-length: 3\r\nContent-length: 15\r\n\r\n(node (host h))",
    "negative": b"HTTP/1.1 200 OK\r\nContent-length: -5\r\n\r\n(node (host h))",
    "too short a length": b"HTTP/1.1 200 OK\r\nContent-length: 4\r\n\r\n(node (host h))",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\nf\r\n(node (host h))\r\n0\r\n\r\n",
    "a gigabyte": b"HTTP/1.1 200 OK\r\nContent-length: 1073741824\r\n\r\n(node",
    "a long number": b"HTTP/1.1 200 OK\r\nContent-length: " + b"9" * 4000 + b"\r\n\r\n(node",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "another tree": sxp_answer(b"(domain (domid 0))"),
    "an atom": sxp_answer(b"hello"),
    "nothing": sxp_answer(b""),
    "an open list": sxp_answer(b"(node (host h)"),
    "a redirect": sxp_answer(b"", "302 Found", "Location: http://example.org/"),
    "deep": sxp_answer(b"(" * 100_000),
    "html": sxp_answer(b"<html><body>not found</body></html>"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_to_a_read(tmp_path, name):
    with scripted(tmp_path, lambda c, r: c.sendall(BAD[name])) as server:
        made = door(server)
        with pytest.raises((ProtocolError, ChannelLost)):
            made.node(soon())
        made.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "name", [name for name in BAD if name not in ("another tree", "an atom", "nothing")]
)
def test_a_bad_answer_to_a_command(tmp_path, name):
    """A command whose answer makes no sense may have been carried out."""
    with scripted(tmp_path, lambda c, r: c.sendall(BAD[name])) as server:
        made = door(server)
        with pytest.raises(OutcomeUnknown):
            made.command("5", Op("destroy"), soon())
        made.close()
    assert len(server.requests) == 1


def test_an_answer_that_is_too_long(tmp_path):
    head = f"HTTP/1.1 200 OK\r\nContent-length: {MAX_RESPONSE + 1}\r\n\r\n".encode()
    with scripted(tmp_path, lambda c, r: c.sendall(head)) as server:
        made = door(server)
        with pytest.raises(ProtocolError, match="more than"):
            made.node(soon())
        made.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"\xff\xfe",
        b"<methodResponse/>",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse><params><param><value>"
        b"<string>&a;</string></value></param></params></methodResponse>",
        RPC.replace(b"string", b"int"),
        RPC.replace(b"<string>node</string>", b"<double>x</double>"),
        RPC.replace(b"<string>node</string>", b"<base64>!</base64>"),
        RPC.replace(b"<string>node</string>", b"<dateTime.iso8601>x</dateTime.iso8601>"),
        RPC.replace(b"node", b"domain"),
        RPC[:-20],
        b"<methodResponse><params><param><value>" + b"<array><data><value>" * 5000,
    ],
)
def test_bad_xmlrpc(tmp_path, body):
    answer = b"HTTP/1.0 200 OK\r\nContent-length: %d\r\n\r\n" % len(body) + body
    with scripted(tmp_path, lambda c, r: c.sendall(answer)) as server:
        made = XmlRpcDoor(Endpoint(path=str(server.path)))
        with pytest.raises(ProtocolError):
            made.node(soon())
        made.close()


def test_xmlrpc_nested_beyond_measure(tmp_path):
    deep = b"<value><array><data>" * 3000 + b"</data></array></value>" * 3000
    body = b"<methodResponse><params><param>" + deep + b"</param></params></methodResponse>"
    answer = b"HTTP/1.0 200 OK\r\nContent-length: %d\r\n\r\n" % len(body) + body
    with scripted(tmp_path, lambda c, r: c.sendall(answer)) as server:
        made = XmlRpcDoor(Endpoint(path=str(server.path)))
        with pytest.raises(ProtocolError):
            made.node(soon())
        made.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"(xend.err 'it broke')", "it broke"),
        (b"(xend.err 'it broke')''", "it broke"),
        (b"(xend.err it broke)", "it broke"),
        (b"(xend.err)", "no reason"),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "500 Request failed: destroy"])
def test_a_failure_is_told_whatever_the_status(tmp_path, status, body, words):
    with scripted(tmp_path, lambda c, r: c.sendall(sxp_answer(body, status))) as server:
        made = door(server)
        with pytest.raises(OperationFailed, match=words):
            made.command("5", Op("destroy"), soon())
        made.close()


def test_an_idle_connection_that_died_is_replaced_once(tmp_path):
    """The server keeps the first connection, and is gone when it is used again."""
    turns = []

    def act(connection, request):
        turns.append(request)
        connection.sendall(sxp_answer(b"(node (host h))", "200 OK", "Connection: keep-alive"))

    with scripted(tmp_path, act) as server:
        made = door(server)
        for _ in range(3):
            assert made.node(soon()) == ["node", ["host", "h"]]
        made.close()
    assert len(turns) == 3


def living(peer, name="web"):
    config = GuestConfig(name=name, memory_kib=65536, boot=Boot(kernel="/k"))
    made = peer.hypervisor.create(config)
    return GuestRef(domid=made.domid, uuid=made.handle, name=name)


def test_xend_dies_between_a_destroy_and_its_answer(tmp_path):
    """The outcome is unknown, and the command was sent once."""
    from xenparley.plugin.spi import ChannelContext
    from xenparley.plugin.uri import parse_uri
    from xenparley_xend.channel import make

    peer = Peer(tmp_path, "4.1", xmlrpc=False)
    try:
        guest = living(peer)
        channel = make(ChannelContext("xend", parse_uri("xen:///"), True, peer.settings))
        killed = []
        ends, go = [], threading.Event()

        def kill(request, connection):
            if not request.body.endswith(b"op=destroy"):
                return False
            killed.append(request.body)
            end = threading.Thread(target=lambda: go.wait(10) and peer.server.close())
            end.start()
            ends.append(end)
            go.set()
            connection.shutdown(socket.SHUT_RDWR)
            return True

        peer.server.meddle = kill
        with pytest.raises(OutcomeUnknown) as caught:
            channel.port(Role.LIFECYCLE).destroy(guest, deadline=soon())
        assert caught.value.channel == "xend"
        assert caught.value.operation == "destroy"
        assert not caught.value.retry_safe
        ends[0].join()
        with pytest.raises(Unavailable):
            channel.port(Role.INVENTORY).list_live([], deadline=soon())
        assert killed == [b"op=destroy"]
        channel.close()
    finally:
        peer.close()
