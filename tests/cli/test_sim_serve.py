"""``sim serve`` as a process: other programs speak to it, and nothing stays when it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.cli import Run, guest_xml
from support.xenstored import need, tool
from xenparley_wire.sxp import loads
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import MessageType

Program = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def served(program: Program, *words: str) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """Serve one; gives what it told, and its process, which has ended afterwards."""
    process = program("sim", "serve", "--format", "json", *words)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=60)
        told = line
        while True:
            try:
                yield json.loads(told)["simulated_xen"], process
                break
            except json.JSONDecodeError:
                told += process.stdout.readline()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def xenparley(uri: str, *words: str, **environment: str) -> Any:
    """Run another process of ours against it."""
    done = subprocess.run(
        [sys.executable, "-m", "xenparley_cli", "--format", "json", "-c", uri, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        input=guest_xml(),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


@pytest.mark.parametrize(
    ("release", "channels"),
    [("3.0.4", ["xend", "xenstore", "xm"]), ("4.17", ["xenstore", "xl", "xm"])],
)
def test_another_process_steers_it(
    program: Program, tmp_path: Path, release: str, channels: list[str]
) -> None:
    place = tmp_path / "x"
    with served(program, "--release", release, "--dir", str(place)) as (told, process):
        assert (told["release"], told["channels"]) == (release, channels)
        xenparley(told["uri"], "create", "-")
        found = xenparley(told["uri"], "channels")["channels"]
        assert [c["name"] for c in found if c["state"] == "available"] == channels
        names = {guest["name"] for guest in xenparley(told["uri"], "list")["guests"]}
        assert names == {"Domain-0", "web"}
        xenparley(told["uri"], "destroy", "web")
        assert process.poll() is None
    assert process.returncode == 0
    assert not [path for path in place.rglob("*") if path.is_socket()]


def test_plain_http_finds_xend(program: Program) -> None:
    with served(program, "--release", "3.1") as (told, process):
        link = http.client.HTTPConnection("127.0.0.1", int(told["http_uri"][17:-1]), timeout=10)
        link.request("GET", "/xend/node/", headers={"Accept": "application/sxp"})
        node = loads(link.getresponse().read().decode())
        link.close()
        assert ["xen_minor", "1"] in node
        assert xenparley(told["http_uri"], "list")["guests"][0]["name"] == "Domain-0"
        place = Path(told["directory"])
        assert place.is_dir()
    assert process.returncode == 0
    assert not place.exists()


def test_a_plain_socket_finds_xenstore(program: Program) -> None:
    with served(program, "--channels", "xenstore") as (told, _):
        assert told["channels"] == ["xenstore"]
        assert told["xenstored"] is None
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(told["environment"]["XENSTORED_PATH"])
            link.sendall(encode(MessageType.READ, 1, 0, b"/local/domain/0/name\0"))
            decoder = Decoder()
            answers = []
            while not answers:
                answers = decoder.feed(link.recv(65536))
        assert answers[0].payload == b"Domain-0"


@pytest.mark.parametrize("kind", ["xenstored", "oxenstored"])
def test_a_real_daemon_keeps_its_xenstore(program: Program, tmp_path: Path, kind: str) -> None:
    need(kind)
    words = ("--xenstored", kind, "--dir", str(tmp_path / "x"))
    with served(program, *words, "--release", "4.14", "--toolstack", "xl") as (told, process):
        assert Path(told["xenstored"]).name == kind
        assert xenparley(told["uri"], "create", "-")
        listed = subprocess.run(
            [tool("xenstore-ls"), "/local/domain/1"],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, **told["environment"]},
        )
        assert 'name = "web"' in listed.stdout, listed.stderr
        names = {guest["name"] for guest in xenparley(told["uri"], "list")["guests"]}
        assert names == {"Domain-0", "web"}
    assert process.returncode == 0
    assert not list((tmp_path / "x").glob("xs-*"))


def test_the_variables_that_it_tells_are_enough(program: Program) -> None:
    with served(program, "--toolstack", "xl", "--release", "4.3") as (told, _):
        done = subprocess.run(
            [sys.executable, "-m", "xenparley_cli", "list"],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **told["environment"]},
        )
    assert done.returncode == 0, done.stderr
    assert "Domain-0" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_people_how_to_connect(program: Program, number: signal.Signals) -> None:
    process = program("sim", "serve", "--release", "3.4")
    assert process.stdout is not None
    lines = []
    while not lines or not lines[-1].startswith("It is served"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate(timeout=60)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    told = "".join(lines)
    assert process.returncode == 0, err
    assert "xenparley -c http://127.0.0.1:" in told
    assert "xend.sock" in told and "export XENPARLEY_URI=" in told
    assert not Path(lines[0].rpartition(" in ")[2].strip()).exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--release", "9.9"), 3, "not a release of Xen"),
        (("--release", "4.17", "--toolstack", "xend"), 3, "no XenD"),
        (("--port", "x"), 2, "not a port"),
        (("--channels", "qmp"), 3, "no channel 'qmp'"),
        (("--xenstored", "qmp"), 3, "no XenStore daemon 'qmp'"),
        (("--xenstored", "/none/xenstored"), 10, "no program"),
    ],
)
def test_what_cannot_be_served_is_told(run: Run, words: Any, code: int, said: str) -> None:
    result = run("sim", "serve", *words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_the_signals_are_given_back(run: Run) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert run("sim", "serve", "--dir", "/" + "d" * 110).code == 3
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
