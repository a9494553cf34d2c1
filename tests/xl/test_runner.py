"""Running xl: deadlines, processes that don't want to end, descriptors, threads."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
)
from xenparley_xl import runner as running
from xenparley_xl.runner import Runner, find_xl

STUBBORN = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
folder = {folder!r}
def note(name):
    with open(os.path.join(folder, name), "w") as file:
        file.write(str(os.getpid()))
if os.fork() == 0:
    note("child")
    time.sleep(60)
    os._exit(0)
if os.fork() == 0:
    os.setsid()
    note("strayed")
    while not os.path.exists(os.path.join(folder, "end")):
        time.sleep(0.02)
    os._exit(0)
print("half of an answ", end="", flush=True)
note("parent")
while not os.path.exists(os.path.join(folder, "end")):
    time.sleep(0.02)
with open(os.path.join(folder, "done"), "w") as file:
    file.write("done")
print("er", flush=True)
"""


def script(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def until(what: str, check: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Say whether the process runs; a zombie doesn't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children() -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[1]) == os.getpid():
            found.add(int(stat.parent.name))
    return found


def descriptors() -> set[str]:
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{each.name} {each.readlink()}")
        except FileNotFoundError:
            continue
    return found


@pytest.fixture
def stubborn(tmp_path):
    path = script(tmp_path / "xl", STUBBORN.format(folder=str(tmp_path)))
    yield Runner(path)
    (tmp_path / "end").touch()
    strayed = tmp_path / "strayed"
    if strayed.exists() and strayed.read_text():
        pid = int(strayed.read_text())
        until("the stray child ends", lambda: not alive(pid))


def pid_of(folder: Path, name: str) -> int:
    until(name, lambda: (folder / name).exists() and (folder / name).read_text())
    return int((folder / name).read_text())


def test_a_reading_command_ends_at_its_deadline_with_its_group(stubborn, tmp_path):
    before, kids = descriptors(), children()
    with pytest.raises(DeadlineExceeded):
        stubborn.read(["list"], deadline=time.monotonic() + 3)
    parent, child = pid_of(tmp_path, "parent"), pid_of(tmp_path, "child")
    until("parent and child are gone", lambda: not alive(parent) and not alive(child))
    assert children() == kids
    assert descriptors() == before


def test_a_changing_command_is_left_running(stubborn, tmp_path):
    before, kids = descriptors(), children()
    called = threading.Event()
    with pytest.raises(OutcomeUnknown) as caught:
        stubborn.change(["create", "/x"], deadline=time.monotonic() + 3, afterwards=called.set)
    parent = pid_of(tmp_path, "parent")
    assert str(parent) in str(caught.value)
    assert str(parent) in caught.value.last_seen
    assert not caught.value.retry_safe
    assert alive(parent)
    assert alive(pid_of(tmp_path, "child"))
    assert descriptors() == before
    assert not called.is_set()
    (tmp_path / "end").touch()
    until("it was reaped", lambda: children() == kids)
    assert (tmp_path / "done").read_text() == "done"  # it could still write, and went on
    assert called.wait(10)
    os.kill(pid_of(tmp_path, "child"), signal.SIGKILL)


def test_closing_ends_reads_and_leaves_changes(stubborn, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        read = pool.submit(stubborn.read, ["list"], deadline=time.monotonic() + 60)
        change = pool.submit(stubborn.change, ["save"], deadline=time.monotonic() + 60)
        until("both run", lambda: len(children()) >= 2)
        stubborn.close()
        with pytest.raises(ChannelLost):
            read.result(30)
        with pytest.raises(OutcomeUnknown, match=r"process \d+"):
            change.result(30)
    with pytest.raises(Unavailable):
        stubborn.read(["list"], deadline=time.monotonic() + 5)
    child = tmp_path / "child"
    (tmp_path / "end").touch()
    if child.exists() and child.read_text() and alive(int(child.read_text())):
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_grandchildren_that_hold_the_output_delay_nobody(tmp_path):
    path = script(
        tmp_path / "xl",
        "import os, sys, time\nprint('whole answer', flush=True)\n"
        "if os.fork() == 0:\n    time.sleep(60)\n",
    )
    kids = children()
    result = Runner(path).read(["list"], deadline=time.monotonic() + 30)
    assert (result.status, result.out) == (0, "whole answer\n")
    # Those of tests before this one may end meanwhile.
    assert children() <= kids


def test_a_flood_of_output_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "OUTPUT_LIMIT", 1 << 20)
    path = script(tmp_path / "xl", "import os\nwhile True:\n    os.write(1, b'x' * 65536)\n")
    with pytest.raises(ProtocolError):
        Runner(path).read(["list"], deadline=time.monotonic() + 30)


def test_its_death_is_told(tmp_path):
    path = script(tmp_path / "xl", "import os\nprint('a', flush=True)\nos.kill(os.getpid(), 11)\n")
    with pytest.raises(ChannelLost, match="signal 11"):
        Runner(path).read(["list"], deadline=time.monotonic() + 30)
    with pytest.raises(OutcomeUnknown, match="signal 11"):
        Runner(path).change(["pause", "1"], deadline=time.monotonic() + 30)


def test_what_cannot_be_started_did_nothing(tmp_path):
    runner = Runner(str(tmp_path / "none"))
    with pytest.raises(Unavailable):
        runner.change(["pause", "1"], deadline=time.monotonic() + 5)
    plain = tmp_path / "xl"
    plain.write_text("no program")
    with pytest.raises((AccessRefused, Unavailable)):
        Runner(str(plain)).read(["list"], deadline=time.monotonic() + 5)
    with pytest.raises(DeadlineExceeded):
        Runner(sys.executable).change(["-V"], deadline=time.monotonic() - 1)
    with pytest.raises(Unavailable, match="NUL"):
        Runner(sys.executable).change(["a\0b"], deadline=time.monotonic() + 5)


def test_what_follows_is_called_in_every_case(tmp_path):
    for runner in (Runner(str(tmp_path / "none")), Runner("/bin/true")):
        called = []
        with contextlib.suppress(Unavailable):
            runner.change(
                ["x"], deadline=time.monotonic() + 30, afterwards=lambda c=called: c.append(1)
            )
        assert called == [1]


def test_arguments_go_as_they_are_in_the_c_language(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    path = script(
        tmp_path / "xl",
        "import os, sys\nprint(sys.argv[1:], os.environ['LC_ALL'], os.environ.get('LANGUAGE'))\n"
        "print(sys.stdin.read() == '', os.getpgrp() == os.getpid(), os.getcwd())\n",
    )
    words = ["rename", "--", "3", "$(reboot) `id` ; * \n 'x"]
    result = Runner(path).change(words, deadline=time.monotonic() + 30)
    assert result.out == f"{words} C None\nTrue True /\n"


def test_bytes_that_are_no_text_become_escapes(tmp_path):
    path = script(tmp_path / "xl", "import os\nos.write(1, b'a\\xff\\xc3\\xa4')\n")
    assert Runner(path).read(["list"], deadline=time.monotonic() + 30).out == "a\\xffä"


def test_many_threads_get_each_their_own_answer(tmp_path):
    path = script(tmp_path / "xl", "import sys\nprint(sys.argv[1])\n")
    runner, before = Runner(path), descriptors()

    def ask(number: int) -> str:
        return runner.read([str(number)], deadline=time.monotonic() + 60).out

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [f"{n}\n" for n in range(24)]
    assert descriptors() == before


def test_xl_is_searched_where_distributions_put_it(tmp_path, monkeypatch):
    path = script(tmp_path / "xl", "")
    monkeypatch.setenv("PATH", f".:{tmp_path}")
    assert find_xl() == path
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(running, "FOLDERS", (str(tmp_path),))
    assert find_xl() == path
    monkeypatch.setattr(running, "FOLDERS", ())
    assert find_xl() is None
    with pytest.raises(Unavailable, match="path"):
        _ = Runner().xl
    assert find_xl("/opt/xen/xl") == "/opt/xen/xl"


def test_an_error_says_no_more_than_is_safe(tmp_path):
    path = script(
        tmp_path / "xl",
        "import sys\nsys.stderr.write('\\x1b[31mred ' + 'x' * 100000)\nsys.exit(1)\n",
    )
    said = Runner(path).read(["list"], deadline=time.monotonic() + 30).said
    assert re.match(r"\\x1b\[31mred x+\Z", said)
    assert len(said) < 2100
