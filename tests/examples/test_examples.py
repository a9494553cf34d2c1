"""The examples, as their users have them: wheels in a fresh virtual environment."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sysconfig
from pathlib import Path

import pytest

from support.fresh import build, fresh, linked, run
from support.require import missing

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
#: What xenparley needs, and its kit.
NEEDS = ("pluggy", "attrs", "cattrs", "lxml", "pytest")
#: Where Debian's python3-libvirt is.
DEBIAN = Path("/usr/lib/python3/dist-packages")

# Each Python would build the same wheels: once is enough.
pytestmark = pytest.mark.skipif(
    os.environ.get("XENPARLEY_TESTS") == "quick", reason="built and installed by the default run"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    for name in ("hatchling", "pip"):
        if importlib.util.find_spec(name) is None:
            missing(name, "the examples are built and installed with it")
    folder = tmp_path_factory.mktemp("wheels")
    names = {"xenparley": ROOT, **{path.name: path for path in EXAMPLES.iterdir()}}
    return {name: build(path, folder) for name, path in sorted(names.items())}


def libvirt_files() -> list[Path]:
    """Find libvirt's Python binding for this interpreter. Skips, naming it, where it is missing."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for folder in (DEBIAN, Path(sysconfig.get_path("platlib"))):
        if (folder / f"libvirtmod{suffix}").is_file():
            return list(folder.glob("libvirt*"))
    return missing("libvirt", f"no libvirtmod{suffix} in {DEBIAN}: apt-get install python3-libvirt")


def passing(example: str, python: Path, folder: Path) -> int:
    """Run an example's own tests there; return how many passed."""
    words = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / example / "tests"]
    told = run(words, folder, PYTHONDONTWRITEBYTECODE="1")
    return int(re.findall(r"(\d+) passed", told)[-1])


def test_there_are_the_examples_that_are_tested():
    assert {path.name for path in EXAMPLES.iterdir()} == {"orchestrator", "xenparley-libvirt"}


def test_an_environment_is_fresh(built, tmp_path):
    python = fresh(tmp_path / "env", [built["xenparley"]], NEEDS)
    told = run([python, "-c", "import xenparley; print(xenparley.__file__)"], tmp_path)
    assert told.startswith(str(tmp_path))
    assert "sim" in run([python, "-m", "xenparley_cli", "plugins"], tmp_path)


def test_the_orchestrator(built, tmp_path):
    python = fresh(tmp_path / "env", [built["xenparley"], built["orchestrator"]], NEEDS)
    assert passing("orchestrator", python, tmp_path) >= 10
    plan = tmp_path / "plan.json"
    guests = {"web": {"memory_mib": 64, "kernel": "/k"}}
    plan.write_text(json.dumps({f"sim:{tmp_path}/host": guests}))
    program = python.parent / "orchestrator"
    assert "web: defined, started" in run([program, plan], tmp_path)
    assert run([program, plan], tmp_path) == ""


def test_the_adapter_for_libvirt(built, tmp_path):
    files = libvirt_files()
    python = fresh(tmp_path / "env", [built["xenparley"], built["xenparley-libvirt"]], NEEDS)
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    for path in files:
        (packages / path.name).symlink_to(path)
    assert passing("xenparley-libvirt", python, tmp_path) >= 300
    program = python.parent / "xenparley"
    assert "xenparley-libvirt" in run([program, "plugins"], tmp_path)
    listed = run([program, "-c", "libvirt:test:///default", "list", "--columns", "name"], tmp_path)
    assert "test" in listed.split()


def test_what_a_distribution_needs_is_linked(tmp_path):
    linked(tmp_path, ["cattrs", "no-such-distribution"])
    assert {"attrs", "attr", "cattrs", "cattr"} <= {path.name for path in tmp_path.iterdir()}
