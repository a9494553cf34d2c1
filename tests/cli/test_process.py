"""The program as a process: what it imports, pipes that break, Ctrl-C, poor terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import Run, guest_xml

Program = Callable[..., "subprocess.Popen[str]"]

LISTED = """
import sys
from xenparley_cli.entry import main
code = main(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [["list"], ["list", "--all"], ["state", "Domain-0"]])
def test_a_listing_imports_little(uri: str, words: list[str]) -> None:
    command = [sys.executable, "-c", LISTED, "-c", uri, *words]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(run.stderr.split())
    assert "xenparley_cli.dispatch" in loaded
    assert not loaded & {
        "asyncio", "cattr", "cattrs", "csv", "importlib.metadata", "lxml",
        "xenparley.domain.config", "xenparley_cli.wording",
    }  # fmt: skip
    formats = {name for name in loaded if name.startswith("xenparley_formats.")}
    assert formats <= {"xenparley_formats.plugin"}


def test_a_reader_that_goes_away(program: Program) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        process = program("-c", "sim:", "list", stdout=write)
    finally:
        os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


def test_a_full_disk_is_told(program: Program) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = program("-c", "sim:", "list", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "No space left on device" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed(closed: str, uri: str) -> None:
    words = [sys.executable, "-m", "xenparley_cli", "-c", uri]
    for more, code in ((["list"], 0), (["info", "nobody"], 4), (["validate", "-"], 3)):
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *words, *more]
        run = subprocess.run(shell, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert run.returncode == code, run.stderr
        assert "Traceback" not in run.stderr


def test_ctrl_c(program: Program, uri: str) -> None:
    # Where the tests run in the background of a script, it is ignored, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = program("-c", uri, "events")
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    assert "listening" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert out == ""


def test_events_of_another_process(program: Program, run: Run, uri: str) -> None:
    process = program("-c", uri, "events", "--count", "1", "--format", "json")
    assert process.stderr is not None
    assert "listening" in process.stderr.readline()
    assert run("-c", uri, "define", "-", stdin=guest_xml()).code == 0
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    event = json.loads(out)["event"]
    assert (event["kind"], event["name"]) == ("defined", "web")


def test_a_reboot_is_one_event_where_that_is_asked(program: Program, run: Run, uri: str) -> None:
    for words, text in ((["define", "-"], guest_xml()), (["start", "web"], "")):
        assert run("-c", uri, *words, stdin=text).code == 0
    process = program("-c", uri, "events", "--debounce", "60", "--format", "json")
    assert process.stderr is not None
    assert process.stdout is not None
    assert "listening" in process.stderr.readline()
    assert run("-c", uri, "reboot", "web").code == 0
    told = (json.loads(line)["event"] for line in process.stdout)
    life = next(event for event in told if event["kind"] in ("started", "stopped"))
    process.kill()
    process.communicate(timeout=60)
    assert (life["kind"], life["detail"], life["name"]) == ("started", "reboot", "web")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_terminals_of_any_encoding(program: Program, third_party: Path, encoding: str) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(third_party)}
    process = program("-c", "evil:", "list", env=environ, encoding=encoding)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert ("日本語" in out) == (encoding == "utf-8")
    assert ("\\u65e5" in out) == (encoding != "utf-8")


def test_a_real_terminal(program: Program, third_party: Path) -> None:
    leader, follower = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(third_party), "COLUMNS": "60", "TERM": "xterm"}
    environ.pop("NO_COLOR", None)
    process = program("-c", "evil:", "list", stdout=follower, env=environ)
    os.close(follower)
    data = b""
    try:
        while chunk := os.read(leader, 65536):
            data += chunk
    except OSError:  # Linux says EIO when the other end is closed
        pass
    finally:
        os.close(leader)
    process.communicate(timeout=60)
    assert process.returncode == 0
    text = data.decode()
    assert "..." in text
    assert "x" * 100 not in text
    # The only escapes are our own colours.
    assert "\x1b[32mactive\x1b[0m" in text
    assert "\x1b" not in text.replace("\x1b[32m", "").replace("\x1b[0m", "")


def test_output_is_utf8_for_files(program: Program, run: Run, uri: str) -> None:
    assert run("-c", uri, "define", "-", stdin=guest_xml("käfer")).code == 0
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = program("-c", uri, "dumpxml", "käfer", env=environ)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "<name>käfer</name>" in out
