"""The simulated XenD beside what real ones answered: status, structure, and what became of the
connection, exchange by exchange, in the order in which they were recorded."""

from __future__ import annotations

import json
import re
import socket
import time
from collections import Counter

import pytest

from support.corpus import corpus_dir
from support.xend_subject import Peer
from xenparley.domain.errors import ParseError
from xenparley_wire.sxp import loads_all

RELEASES = {"3.1.0": "3.1", "4.1.6": "4.1"}
#: How long nothing must be heard of a connection that is said to be left open.
SILENCE_S = 0.01

OF_THE_HOST = "tells what the daemon did on the host of the recording"
HTML = "pages for browsers are not simulated"
SELF = "the recorded daemon migrated to itself by a port of its own; the simulated one has no such"
LAST_LIFE = "a defined guest that ran shows what was left of its last life, which adds nothing"
RACE = "real daemons close it sooner or later, as Python's collector comes: recorded once so"
HALF = "the first copy's end took half of the second's configuration along; not simulated"
QUICKER = "the recording saw the new guest a moment later than usual, with its console"
IOEMU = "the recorded guest's interface had no front end, since it was emulated"
RESTORED = "a restored HVM guest has the ring of its console once more; not simulated"
NO_CDROM = "the recorded guest's CD-ROM drive had no back end under the simulated hypervisor"
MULTIPART = "the daemon's own mistake in reading multipart forms; nobody sends such"

#: (title, what differs): why. A title may stand for several exchanges.
EXCEPTIONS = {
    "3.1.0": {
        ("GET /xend/node/log", "structure"): OF_THE_HOST,
        ("http: browser GET", "structure"): HTML,
        ("http: browser GET node", "structure"): HTML,
        ("http: POST multipart", "structure"): MULTIPART,
        ("http: POST multipart", "status"): MULTIPART,
        ("pv1 migrate to itself", "structure"): SELF,
        ("hvm1 migrate to itself", "structure"): SELF,
        ("pv1 managed, shut down", "structure"): LAST_LIFE,
        ("pv1 managed, destroyed", "structure"): LAST_LIFE,
        ("hvm1 managed, shut down", "structure"): LAST_LIFE,
        ("hvm1 managed, destroyed", "structure"): LAST_LIFE,
        ("pv1 maxmem_set bad", "connection"): RACE,
        ("pv1 device_create vbd dup", "connection"): RACE,
        ("pv1 restore", "connection"): RACE,
        ("hvm1 reboot", "connection"): RACE,
        ("hvm1 shutdown", "connection"): RACE,
        ("pv1 after first destroy", "structure"): HALF,
        ("hvm1 after first destroy", "structure"): HALF,
        ("hvm1 devices vif", "structure"): IOEMU,
        ("hvm1 after restore", "structure"): RESTORED,
        ("hvm1 after failed migrate", "structure"): RESTORED,
        ("hvm1 after migrate", "structure"): RESTORED,
    },
    "4.1.6": {
        ("GET /xend/node/log", "structure"): OF_THE_HOST,
        ("http: browser GET", "structure"): HTML,
        ("http: browser GET node", "structure"): HTML,
        ("http: POST multipart", "structure"): MULTIPART,
        ("http: POST multipart", "status"): MULTIPART,
        ("pv1 migrate to itself", "structure"): SELF,
        ("hvm1 migrate to itself", "structure"): SELF,
        ("pv1 migrate to itself", "connection"): SELF,
        ("hvm1 migrate to itself", "connection"): SELF,
        ("pv1 managed, shut down", "structure"): LAST_LIFE,
        ("pv1 managed, destroyed", "structure"): LAST_LIFE,
        ("hvm1 managed, shut down", "structure"): LAST_LIFE,
        ("hvm1 managed, destroyed", "structure"): LAST_LIFE,
        ("hvm1 reboot", "connection"): RACE,
        ("hvm1 set_vcpus 99", "connection"): RACE,
        ("create pv1 over unix", "structure"): QUICKER,
        ("create: hotplug error", "structure"): QUICKER,
        ("hvm1 devices vif", "structure"): IOEMU,
        ("hvm1 after restore", "structure"): RESTORED,
        ("hvm1 after failed migrate", "structure"): RESTORED,
        ("hvm1 after migrate", "structure"): RESTORED,
        ("hvm1 device_configure", "structure"): NO_CDROM,
        ("hvm1 device_configure", "status"): NO_CDROM,
        ("hvm1 device_configure", "connection"): NO_CDROM,
    },
}


def whole(data):
    """Say whether a reply is complete by its Content-length."""
    head, blank, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(blank) and (length is None or len(body) >= int(length[1]))


def ask(server, connection, request, *, hangs_up):
    """Send a request; return the reply, and whether the server closed the connection (or RST)."""
    data, before = b"", server.left_open
    patience = 0.2 if b"keep-alive" in request else SILENCE_S
    try:
        connection.sendall(request)
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
        while True:
            said = whole(data) and server.left_open > before
            connection.settimeout(patience if said else 5)
            piece = connection.recv(65536)
            if not piece:
                return data, True
            data += piece
    except TimeoutError:
        return data, False
    except ConnectionError:
        return data, "RST"


def structure(node, at="", told=None):
    """Count the paths of a tree's keys. Numbers are values, and so is what XenD says of CPUs."""
    told = Counter() if told is None else told
    if not isinstance(node, list) or at.endswith(("/cpus", "/cpumap")):
        return told
    if not node:
        told[f"{at}/()"] += 1
    elif isinstance(node[0], list):
        for child in node:
            structure(child, f"{at}/*", told)
    else:
        at = f"{at}/{'#' if node[0].isdigit() else node[0]}"
        told[at] += 1
        if node[0] != "xend.err":  # the words are the daemon's own
            for child in node[1:]:
                structure(child, at, told)
    return told


def told_by(reply):
    """Return (status, structure of the body, or the body that is none)."""
    head, _, body = reply.partition(b"\r\n\r\n")
    status = " ".join(head.decode("latin-1").split("\r\n")[0].split(" ")[1:])
    if b"text/plain" in head and b"/log" not in head:
        return status, body if len(body) < 100 else len(body)
    try:
        return status, structure(list(loads_all(body.decode("latin-1"))))
    except ParseError:
        return status, body


@pytest.mark.parametrize("release", RELEASES)
def test_each_recorded_exchange(release, tmp_path):
    file = corpus_dir() / "xend" / f"transcript-{release}.json"
    exchanges = json.loads(file.read_text("utf-8"))["exchanges"]
    left = dict(EXCEPTIONS[release])
    strange = []
    peer = Peer(tmp_path, RELEASES[release], tcp=True)
    try:
        for exchange in exchanges:
            title = exchange["title"]
            request = exchange["request"].encode("latin-1")
            expected = told_by((exchange["response"] or "").encode("latin-1"))
            before = {d.domid for d in peer.host.living()}
            reply, closed = _asked(peer, exchange, request)
            told = told_by(reply)
            for word, same in (
                ("status", told[0] == expected[0]),
                ("structure", told[1] == expected[1]),
                ("connection", closed == exchange["server_closed"]),
            ):
                if same:
                    continue
                if (title, word) in EXCEPTIONS[release]:
                    left.pop((title, word), None)
                else:
                    strange.append(_worded(exchange, word, expected, told, closed))
            if told[0].startswith("2") and re.search(rb"op=(shutdown|destroy)", request):
                _settle(peer, before)
    finally:
        peer.close()
    assert strange == []
    assert left == {}, "these differ no more"
    assert len(exchanges) > 360


def _asked(peer, exchange, request):
    if exchange["via"] == "tcp":
        connection = socket.create_connection(("127.0.0.1", peer.server.port))
    else:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(peer.folder / "http.sock"))
    with connection:
        if not exchange["response"]:
            connection.sendall(request)
            connection.settimeout(SILENCE_S)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            return b"", False
        return ask(peer.server, connection, request, hangs_up="short body" in exchange["title"])


def _settle(peer, before):
    """Wait until a guest that was told to end has ended, as the recording did."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if {d.domid for d in peer.host.living()} != before:
            return
        time.sleep(0.01)


def _worded(exchange, word, expected, told, closed):
    shown = {
        "status": (expected[0], told[0]),
        "structure": (expected[1], told[1]),
        "connection": (exchange["server_closed"], closed),
    }[word]
    if all(isinstance(one, Counter) for one in shown):
        shown = (dict(shown[0] - shown[1]), dict(shown[1] - shown[0]))
    return f"{exchange['n']} {exchange['title']}: {word}: recorded {shown[0]}, simulated {shown[1]}"
