"""Bring the project with its dependencies and tests into dom0, which has no network.

The outer machine prepares the installed tree for Debian 12's Python 3.11 and packs it into one
file; dom0 unpacks that into memory. There it is on ``PYTHONPATH`` with its metadata, so that entry
points are found, and its commands are on ``PATH``.
"""

from __future__ import annotations

import email
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

from xenlab.inputs import key_of
from xenlab.locks import wait_lock
from xenlab.machine import Machine
from xenlab.places import PROJECT, LabError, Places

__all__ = ["INSIDE", "push"]

INSIDE = "/run/project"
TEST_PACKAGES = ("pytest>=8", "pytest-timeout>=2.3", "coverage[toml]>=7.6", "hypothesis>=6.100")
DEBIAN_PYTHON = "/usr/bin/python3.11"
# what glibc 2.36 can run
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 16, -1)] + [
    "manylinux2014_x86_64"
]
TARGET = ["--python-version", "3.11", "--implementation", "cp", "--only-binary=:all:"]
COMPILED = [DEBIAN_PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
LEFT_OUT = {"__pycache__", ".pytest_cache", ".hypothesis", "xenlab"}


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise LabError(f"pip {words[0]} failed:\n{done.stdout}{done.stderr}")


def _compile(folder: Path) -> None:
    """Compile ahead, where Debian's Python is at hand: dom0 would take long over it."""
    if Path(DEBIAN_PYTHON).exists():
        subprocess.run([*COMPILED, str(folder)], check=False)


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith("/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    listed: Sequence[str] = metadata.get_all("Requires-Dist") or []
    return sorted(line for line in listed if "extra ==" not in line)


def _packages(places: Places, requirements: list[str]) -> Path:
    """Return the installed dependencies, made once for each set of requirements."""
    words = sorted([*requirements, *TEST_PACKAGES])
    target = places.root / "site" / key_of([*words, *PLATFORMS])
    with wait_lock(places.root / "site.lock", "waiting for another install"):
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            for old in target.parent.iterdir():
                shutil.rmtree(old, ignore_errors=True)
            partial = target.with_name(f".partial-{target.name}")
            platforms = [word for name in PLATFORMS for word in ("--platform", name)]
            _pip("install", "--target", str(partial), *TARGET, *platforms, *words)
            _compile(partial)
            partial.rename(target)
    return target


def _wheel(folder: Path) -> Path:
    ready = ["--no-build-isolation"] if find_spec("hatchling") else []
    _pip("wheel", "--no-deps", *ready, "--wheel-dir", str(folder), str(PROJECT))
    return next(folder.glob("*.whl"))


def _install(wheel: Path, site: Path) -> None:
    """Unpack the project's wheel and write its commands."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site / "project")
    commands = site / "bin"
    commands.mkdir()
    for listing in (site / "project").glob("*.dist-info/entry_points.txt"):
        parser = ConfigParser(delimiters=("=",))
        parser.read(listing, encoding="utf-8")
        if not parser.has_section("console_scripts"):
            continue
        for name, place in parser.items("console_scripts"):
            module, _, function = place.partition(":")
            script = commands / name
            script.write_text(
                f"#!/usr/bin/python3\nimport sys\nfrom {module} import {function}\n"
                f"sys.exit({function}())\n",
                encoding="utf-8",
            )
            script.chmod(0o755)
    _compile(site / "project")


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if Path(entry.name).name in LEFT_OUT else entry


def pack(places: Places) -> bytes:
    """Return the archive: ``site/{project,packages,bin}``, ``tests``, ``pyproject.toml``."""
    data = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wheel = _wheel(work)
        packages = _packages(places, _requirements(wheel))
        _install(wheel, work / "site")
        with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as archive:
            archive.add(work / "site", "site")
            archive.add(packages, "site/packages")
            archive.add(PROJECT / "tests", "tests", filter=_kept)
            archive.add(PROJECT / "pyproject.toml", "pyproject.toml")
    return data.getvalue()


def push(places: Places, machine: Machine) -> None:
    """Put the project as it is now into the running dom0, at ``INSIDE``.

    :raises LabError: pip failed, or dom0 could not unpack.
    """
    bundle = machine.share / "project.tar"
    bundle.write_bytes(pack(places))
    unpack = f"rm -rf {INSIDE} && mkdir -p {INSIDE} && tar -xf /mnt/share/project.tar -C {INSIDE}"
    if machine.run(unpack, limit=120) != 0:
        raise LabError("dom0 could not unpack the project")
