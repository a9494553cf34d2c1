"""A command line that runs in this process, on a simulated host in a file."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.cli import NASTY, PLUGIN, Result, Run, guest_xml
from support.distributions import install
from xenparley_cli.entry import main


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sim:{tmp_path}/host.db"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``xenparley`` with these words; ``stdin`` is what it reads for ``-``."""

    def run_it(*words: str, stdin: str | bytes = "") -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        capsys.readouterr()
        code = main(words)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run_it


@pytest.fixture
def host(run: Run, uri: str) -> Run:
    """Run on a simulated host that has one defined guest, ``web``."""

    def on_host(*words: str, stdin: str | bytes = "") -> Result:
        return run("-c", uri, *words, stdin=stdin)

    assert on_host("define", "-", stdin=guest_xml()).code == 0
    return on_host


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``xenparley`` as a process of its own."""

    def start(*words: str, **arguments: Any) -> subprocess.Popen[str]:
        settings = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL,
            "encoding": "utf-8",
            **arguments,
        }
        return subprocess.Popen([sys.executable, "-m", "xenparley_cli", *words], **settings)

    return start


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution with an adapter, a scheme and commands; return its folder."""
    folder = tmp_path / "site"
    name = f"third_party_{abs(hash(str(tmp_path)))}"
    install(folder, "third-party", {"evil": name}, sources={name: PLUGIN.format(names=NASTY)})
    monkeypatch.syspath_prepend(str(folder))
    return folder
