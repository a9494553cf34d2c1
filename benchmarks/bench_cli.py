"""``xenparley list`` as a whole process beside ``python -c pass``: CPU time, not time by the clock.

Run with ``pytest benchmarks/bench_cli.py``: the ratios are in brackets. The limit is 10 times.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROUNDS = 25


def spent() -> float:
    """Return the CPU time of all processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which all is compiled once, as it is where it's installed."""
    found = {k: v for k, v in os.environ.items() if not k.startswith("XENPARLEY_")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    found["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))
    return found


@pytest.mark.benchmark(group="a whole process, CPU time", timer=spent)
@pytest.mark.parametrize(
    "words",
    ["pass", "-c sim: list", "-c sim:PATH list --all", "-c sim: --format=json list"],
)
def test_process(benchmark: Any, environ: dict[str, str], tmp_path: Path, words: str) -> None:
    program = Path(sys.executable).with_name("xenparley")
    cli = [str(program)] if program.exists() else [sys.executable, "-m", "xenparley_cli"]
    ours = [*cli, *words.replace("PATH", str(tmp_path / "host")).split()]
    command = [sys.executable, "-c", "pass"] if words == "pass" else ours

    def run() -> bytes:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environ).stdout

    printed = benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1)
    assert (b"Domain-0" in printed) == (words != "pass")
