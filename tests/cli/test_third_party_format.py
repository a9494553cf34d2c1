"""A notation that a third party's distribution adds is one of ``convert`` and ``validate``."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Run, guest_xml
from support.distributions import install

PLUGIN = """
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import ParseError
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import FormatSpec, Reading, Writing

xenparley_spi = (1, 0)


def read(data, *, source, strict, options):
    name, _, memory = data.decode().partition(":")
    if not memory.strip().isdigit():
        raise ParseError("NAME:MIB is expected", place=f"{source}:1", line=1)
    boot = Boot(virt="pv", kernel=options.get("kernel", "/boot/vmlinuz"))
    return Reading(GuestConfig(name=name, memory_kib=int(memory) * 1024, boot=boot))


def write(config, *, lossy, options):
    return Writing(f"{config.name}:{config.memory_kib // 1024}\\n", ("devices are left out",))


@hookimpl
def xenparley_register(registrar):
    registrar.format(
        FormatSpec(
            name="short",
            summary="name and memory",
            reader=read,
            writer=f"{__name__}:write",
            options={"kernel": "path of the kernel"},
        )
    )
"""


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"third_party_format_{abs(hash(str(tmp_path)))}"
    install(tmp_path / "site", "third-party-format", {"short": name}, sources={name: PLUGIN})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.usefixtures("short")
def test_it_is_read_and_written_beside_the_others(run: Run) -> None:
    words = ("convert", "--from", "short", "--from-option", "kernel=/k", "--to", "xml", "-")
    result = run(*words, stdin="web:64")
    assert result.code == 0, result.err
    assert "<name>web</name>" in result.out and "<kernel>/k</kernel>" in result.out
    result = run("convert", "--from", "xml", "--to", "short", "-", stdin=guest_xml())
    assert result.code == 0, result.err
    assert result.out == "web:128\n"
    assert "devices are left out" in result.err


@pytest.mark.usefixtures("short")
def test_its_errors_and_options_are_those_of_the_command(run: Run) -> None:
    result = run("validate", "--from", "short", "-", stdin="web")
    assert result.code != 0 and "stdin:1: NAME:MIB is expected" in result.out
    assert run("validate", "--from", "short", "-", stdin="web:1").code == 0
    unknown = run("convert", "--from", "none-such", "--to", "xml", "-", stdin="web:1")
    assert unknown.code != 0 and "short" in unknown.err
