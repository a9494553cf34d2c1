"""Run the project's tests in a dom0 of their own: ``lab test``."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from support.require import required
from xenlab import client
from xenlab.builder import build
from xenlab.keeper import Settings
from xenlab.machine import Machine
from xenlab.places import Missing, Places
from xenlab.project import INSIDE, push

__all__ = ["booted", "pytest_in_dom0", "test"]

DEFAULT = ["-v", "tests/real_xen"]
RESULTS = "/mnt/share/results"
Result = TypeVar("Result")


def timed(step: str, action: Callable[[], Result]) -> Result:
    """Do something and print how long it took."""
    begun = time.monotonic()
    try:
        return action()
    finally:
        print(f"lab: {step}: {time.monotonic() - begun:.1f} s", flush=True)


@contextmanager
def booted(places: Places, settings: Settings) -> Iterator[Machine]:
    """A machine for one purpose, gone afterwards whatever happens."""
    for old in (places.root / "run").glob("test-*"):
        # what a killed run left; one that runs stays
        Machine(places, old.name).remove()
    machine = Machine(places, f"test-{os.getpid()}")
    try:
        timed("boot", lambda: machine.start(settings, owned=True))
        yield machine
    finally:
        timed("stop", machine.stop)
        machine.remove()


def pytest_in_dom0(
    machine: Machine,
    words: Sequence[str],
    *,
    limit: float,
    sink: client.Sink = client.to_streams,
    silence: float = client.SILENCE,
) -> int:
    """Run pytest under coverage on the project in dom0 and return its exit status.

    :raises xenlab.client.Hung: dom0 is silent.
    """
    passed = {
        name: os.environ[name]
        for name in ("XENPARLEY_TESTS", "HYPOTHESIS_PROFILE")
        if name in os.environ
    }
    passed |= {
        "PYTHONUNBUFFERED": "1",
        "COVERAGE_FILE": f"{RESULTS}/.coverage",
        "XENPARLEY_DOM0": "1",
    }
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in passed.items())
    program = f"python3 -m coverage run --rcfile={INSIDE}/pyproject.toml -m pytest"
    options = f"-p no:cacheprovider --junitxml={RESULTS}/junit.xml --timeout=480"
    chosen = " ".join(shlex.quote(word) for word in words)
    command = f"mkdir -p {RESULTS} && cd {INSIDE} && {settings} {program} {options} {chosen}"
    return machine.run(command, limit=limit, sink=sink, silence=silence)


def _keep_results(machine: Machine, results: Path) -> None:
    """Copy junit, coverage data and logs out of the share."""
    results.mkdir(parents=True, exist_ok=True)
    for file in [
        *(machine.share / "results").glob("*"),
        *(machine.share / "results").glob(".cov*"),
    ]:
        if file.is_file():
            shutil.copy(file, results / file.name)
    if machine.console.exists():
        shutil.copy(machine.console, results / "console.log")


def _in_dom0(
    places: Places, settings: Settings, words: Sequence[str], limit: float, results: Path
) -> int:
    with booted(places, settings) as machine:
        try:
            timed("project into dom0", lambda: push(places, machine))
            status = timed("tests", lambda: pytest_in_dom0(machine, words, limit=limit))
            if status == 124:
                print(f"lab: the tests did not end within {limit:.0f} s\n{machine.why()}")
            machine.run(f"cp -r /var/log/xen {RESULTS}/ 2>/dev/null; true", limit=30)
        except client.Hung as exc:
            print(f"lab: dom0 hangs: {exc}\n{machine.why()}", flush=True)
            status = 1
        finally:
            _keep_results(machine, results)
    return status


def _stop_on_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def test(
    places: Places,
    words: Sequence[str],
    *,
    results: Path,
    limit: float,
    xenstored: str = "ocaml",
) -> int:
    """Build if needed, boot, run the tests inside, bring back what they left, stop.

    Where this machine lacks what the lab needs that is a skip (status 0, with the reason), or a
    failure if ``XENPARLEY_REQUIRE`` lists ``lab``.
    """
    _stop_on_signals()
    try:
        image = timed("build", lambda: build(places))
    except Missing as exc:
        if required("lab"):
            print(f"FAILED: XENPARLEY_REQUIRE lists 'lab', but: {exc}")
            return 1
        print(f"SKIPPED: lab: {exc}")
        return 0
    shutil.rmtree(results, ignore_errors=True)
    settings = Settings(str(image), xenstored=xenstored, lifetime=limit + 600)
    return _in_dom0(places, settings, words or DEFAULT, limit, results)
