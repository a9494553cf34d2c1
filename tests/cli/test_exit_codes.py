"""Exit codes by class of error: each class has one, and each is reached."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.cli import OTHER, Run, guest_xml
from xenparley.domain import errors
from xenparley_cli.exit_codes import EXIT_CODES, code_of

CLASSES = sorted(
    (c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)),
    key=lambda c: c.__name__,
)


def test_every_kind_of_error_has_one_code() -> None:
    kinds = [kind for entry in EXIT_CODES for kind in entry.kinds]
    assert sorted(kinds) == sorted({c.kind for c in CLASSES})
    assert len({entry.code for entry in EXIT_CODES}) == len(EXIT_CODES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_each_class_ends_with_its_code(run: Run, third_party: Path, cls: type) -> None:
    entry = next(e for e in EXIT_CODES if cls.kind in e.kinds)  # type: ignore[attr-defined]
    result = run("raise", cls.__name__)
    assert result.code == entry.code
    assert result.out == ""
    assert result.err.startswith("xenparley: error: ")
    assert "\x1b" not in result.err
    assert "\\x1b[2J" in result.err
    told = json.loads(run("--format", "json", "raise", cls.__name__).err)
    assert told["schema_version"] == 1
    assert told["error"]["kind"] == cls.kind  # type: ignore[attr-defined]
    assert told["error"]["exit_code"] == entry.code


def test_a_subclass_of_a_plugin_has_the_code_of_its_class() -> None:
    class Mine(errors.AccessRefused):
        kind = "mine"

    assert code_of(Mine("no")) == 9
    assert code_of(ValueError("no")) == 1


def test_bugs_exits_and_interrupts(run: Run, third_party: Path) -> None:
    result = run("raise", "bug")
    assert result.code == 1
    assert "RuntimeError" in result.err
    assert "bug" in result.err
    assert "Traceback" not in result.err
    assert "\x1b" not in result.err
    assert "Traceback" in run("--debug", "raise", "bug").err
    assert run("raise", "exit").code == 77
    assert run("raise", "interrupt").code == 130
    assert run("raise", "columns") == (21, "hello\n", "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ["list", "--no-such-option"]),
        (2, ["start"]),
        (2, ["no-such-command"]),
        (2, ["--timeout", "nan", "list"]),
        (2, ["--timeout=-1", "list"]),
        (2, ["set-memory", "web", "64"]),
        (2, ["--form", "json", "list"]),
        (3, ["list", "--columns", "nope"]),
        (3, ["--channels", "nope", "list"]),
        (3, ["define", "-"]),
        (3, ["info", "zz", "--by", "uuid"]),
        (3, ["explain", "fly"]),
        (3, ["convert", "--to", "nope", "-"]),
        (3, ["save", "web", "relative/path"]),
        (3, ["validate", "/"]),
        (4, ["info", "nobody"]),
        (4, ["define", "/no/such/file.xml"]),
        (7, ["pause", "web"]),
        (8, ["destroy", "0"]),
        (10, ["--disable", "sim", "list"]),
    ],
)
def test_what_goes_wrong_on_a_real_host(host: Run, code: int, words: list[str]) -> None:
    result = host(*words)
    assert (result.code, result.out) == (code, ""), result.err
    assert result.err


def test_ambiguous_and_taken(host: Run) -> None:
    assert host("define", "-", stdin=guest_xml(uuid=OTHER)).code == 6
    # One guest's name is another's UUID.
    named = guest_xml(name="00c0ffee-0000-4000-8000-000000000001", uuid=OTHER)
    assert host("define", "-", stdin=named).code == 0
    result = host("info", "00c0ffee-0000-4000-8000-000000000001")
    assert result.code == 5
    assert result.err.count("defined") >= 2
    assert host("info", "00c0ffee-0000-4000-8000-000000000001", "--by", "name").code == 0


def test_the_documentation_has_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    expected = [
        (str(e.code), ", ".join(f"`{kind}`" for kind in e.kinds), e.meaning) for e in EXIT_CODES
    ]
    assert [tuple(row) for row in rows] == expected
