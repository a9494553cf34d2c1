"""`xenparley list` as a whole process against `python -c pass`: CPU time, side by side.

Run it with ``python benchmarks/bench_cli.py``. Both are run in turns, so that whatever else the
machine does meets both; the least of each counts.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 25
LIMIT = 10.0


def cpu_ms(command: list[str], environ: dict[str, str]) -> float:
    """Run a command; return the CPU time that it took, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    """Print the table; return 1 when the ratio is over the limit."""
    program = Path(sys.executable).with_name("xenparley")
    cli = [str(program)] if program.exists() else [sys.executable, "-m", "xenparley_cli"]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "xenparley -c sim: list": [*cli, "-c", "sim:", "list"],
            "xenparley -c sim:PATH list --all": [*cli, "-c", f"sim:{folder}/h", "list", "--all"],
            "xenparley -c sim: list --format json": [*cli, "-c", "sim:", "--format=json", "list"],
        }
        environ = {k: v for k, v in os.environ.items() if not k.startswith("XENPARLEY_")}
        # As installed: compiled once, by the first round.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        best = dict.fromkeys(commands, float("inf"))
        for _ in range(ROUNDS):
            for name, command in commands.items():
                best[name] = min(best[name], cpu_ms(command, environ))
    base = best["python -c pass"]
    for name, value in best.items():
        print(f"{name:<40} {value:7.1f} ms CPU  {value / base:5.1f} x")
    ratio = best["xenparley -c sim: list"] / base
    print(f"limit: {LIMIT:g} x; {'met' if ratio <= LIMIT else 'MISSED'}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
