"""Fresh virtual environments, as a user makes them, but without the network.

What a distribution needs is linked from the environment that runs the tests; what is under test
is built as a wheel and installed by pip. Nothing else is seen there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

__all__ = ["build", "fresh", "linked", "run"]

LIMIT = 240


def run(words: Sequence[str | Path], folder: Path, **variables: str) -> str:
    """Run a command to its end; return what it printed. AssertionError when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def build(source: Path, folder: Path) -> Path:
    """Build a source folder's wheel, with the build back end that is here."""
    before = set(folder.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run([*pip, "-w", folder, source], folder)
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


def fresh(folder: Path, wheels: Iterable[Path], needs: Iterable[str]) -> Path:
    """Make an environment with these wheels and distributions; return its Python."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    linked(packages, needs)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    run([*pip, *wheels], folder)
    return python


def linked(packages: Path, needs: Iterable[str]) -> None:
    """Link distributions of this environment, and what they need, into another."""
    done: set[str] = set()
    left = list(needs)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in done:
            continue
        done.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # needed on other Pythons or platforms only
        left += [re.split(r"[ ;<>=!~\[(]", r)[0] for r in found.requires or () if "extra" not in r]
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            target = packages / top
            if top != "__pycache__" and not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))).resolve())
