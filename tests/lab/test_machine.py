"""The lab at work: failures come through, hangs end, nothing is left running.

Boots real machines: `XENLAB_SELFTEST=1 tox -e xen` runs it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.require import missing
from xenlab.builder import build
from xenlab.client import Hung
from xenlab.keeper import Settings
from xenlab.machine import Machine
from xenlab.needs import missing_for_build
from xenlab.places import HERE, Places
from xenlab.project import push
from xenlab.runner import booted, pytest_in_dom0

pytestmark = [
    pytest.mark.skipif(
        "XENLAB_SELFTEST" not in os.environ,
        reason="boots machines to break them: XENLAB_SELFTEST=1 tox -e xen",
    ),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def image() -> Path:
    lacks = missing_for_build()
    if lacks:
        missing("lab", ", ".join(lacks))
    return build(Places.from_environment())


@pytest.fixture(scope="module")
def machine(image: Path) -> Iterator[Machine]:
    places = Places.from_environment()
    with booted(places, Settings(str(image), lifetime=900)) as one:
        push(places, one)
        yield one


def write_test(machine: Machine, name: str, body: str) -> str:
    (machine.share / name).write_text(body, encoding="utf-8")
    return f"/mnt/share/{name}"


def test_a_failing_test_in_dom0_fails_with_its_traceback(machine: Machine) -> None:
    body = "def test_it():\n    answer = 6 * 7\n    assert answer == 43\n"
    place = write_test(machine, "test_failing.py", body)
    said = bytearray()
    status = pytest_in_dom0(machine, [place], limit=300, sink=lambda _e, data: said.extend(data))
    assert status == 1
    assert b"assert 42 == 43" in said
    assert re.search(rb"test_failing\.py:3: AssertionError", said)
    junit = (machine.share / "results" / "junit.xml").read_text(encoding="utf-8")
    assert 'failures="1"' in junit


def test_a_dom0_that_dies_ends_the_run_with_its_console(machine: Machine) -> None:
    with pytest.raises(Hung):
        machine.run("sync; echo c > /proc/sysrq-trigger", limit=60, silence=20)
    assert "sysrq" in machine.why().lower()


@pytest.mark.parametrize("number", ["KILL", "TERM", "INT"])
def test_nothing_is_left_when_the_run_is_killed(image: Path, number: str) -> None:
    places = Places.from_environment()
    words = [sys.executable, str(HERE / "lab"), "test", "--results", str(places.root / "killed")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        one = Machine(places, f"test-{run.pid}")
        end = time.monotonic() + 120
        while "qemu" not in one.state() and time.monotonic() < end:
            time.sleep(0.1)
        qemu = one.state()["qemu"]
        subprocess.run(["kill", f"-{number}", str(run.pid)], check=True)
        run.wait(60)
    end = time.monotonic() + 30
    while (one.running() or Path(f"/proc/{qemu}").exists()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not one.running()
    assert not Path(f"/proc/{qemu}").exists()
    one.remove()
