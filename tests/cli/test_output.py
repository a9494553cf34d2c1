"""Tables, JSON and CSV; and names that would steer a terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from support.cli import NASTY, UUID, Run
from xenparley.domain.errors import InvalidInput
from xenparley_cli.columns import Column, chosen
from xenparley_cli.output import Output
from xenparley_cli.safe_text import document_for_terminal, fitted, width

CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self) -> bool:
        return True


def test_a_table(host: Run) -> None:
    lines = host("list", "--all").out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATE", "MEM(MiB)", "VCPUS", "TIME(s)"]
    assert lines[1].split()[:3] == ["0", "Domain-0", "active"]
    assert lines[2].split() == ["-", "web", "shut", "off", "128", "2", "-"]
    assert len(lines) == 3
    assert len(host("list").out.splitlines()) == 2
    bare = host("list", "--all", "--no-headers").out.splitlines()
    assert [line.split()[:3] for line in bare] == [line.split()[:3] for line in lines[1:]]


def test_json_has_every_column_and_a_version(host: Run) -> None:
    told = host("list", "--all", "--format", "json").json()
    assert told["schema_version"] == 1
    assert set(told) == {"schema_version", "guests", "observed_at", "conflicts", "incomplete"}
    web = told["guests"][1]
    assert web == {
        "domid": None, "name": "web", "uuid": UUID, "phase": "shut off", "state": None,
        "reason": None, "memory_kib": 131072, "max_memory_kib": 131072, "vcpus": 2,
        "max_vcpus": 2, "cpu_time_ns": None, "virt": "pv", "defined": True, "autostart": False,
    }  # fmt: skip
    assert set(told["guests"][0]) - {"missing"} == set(web)


def test_csv_has_the_same_keys(host: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(host("list", "-a", "--format", "csv").out)))
    assert [row["name"] for row in rows] == ["Domain-0", "web"]
    assert rows[1]["memory_kib"] == "131072"
    assert rows[1]["domid"] == ""
    assert rows[0]["max_memory_kib"] == "-1"


def test_columns_are_chosen_and_ordered(host: Run) -> None:
    out = host("list", "-a", "--columns", "uuid,name", "--format", "csv").out
    assert out.splitlines()[0] == "uuid,name"
    assert out.splitlines()[2] == f"{UUID},web"
    assert "REASON" in host("list", "--columns", "all").out
    result = host("list", "--columns", "name,nope")
    assert "unknown columns: nope; known: domid, name" in result.err


def test_options_stand_before_or_after_the_command(run: Run, uri: str) -> None:
    before = run("-c", uri, "--format", "csv", "--columns", "name", "list")
    after = run("list", "-c", uri, "--format", "csv", "--columns", "name")
    assert before == after == (0, "name\nDomain-0\n", "")


def test_messages_go_to_stderr_and_quiet_silences_them(host: Run) -> None:
    loud = host("start", "web")
    assert (loud.out, "web" in loud.err) == ("", True)
    assert host("-q", "pause", "web") == (0, "", "")
    assert host("-q", "pause", "nobody").err != ""


def test_third_parties_extend_it(run: Run, third_party: Path) -> None:
    overview = run("--help").out
    assert "raise" in overview
    result = run("plugins")
    assert "third-party" in result.out
    assert "'list' is hidden by xenparley's own" in result.err
    assert run("plugins", "--check").code == 0
    assert "Raises." in run("raise", "--help").out


@pytest.mark.parametrize("format_", ["table", "csv", "json"])
def test_names_cannot_steer_a_terminal(run: Run, third_party: Path, format_: str) -> None:
    result = run("-c", "evil:", "list", "--format", format_)
    assert result.code == 0
    assert CONTROLS.findall(result.out) == []
    assert CONTROLS.findall(result.err) == []
    if format_ == "json":
        assert tuple(guest["name"] for guest in result.json()["guests"]) == NASTY
        assert result.out.isascii()
    else:
        assert "\\x1b[2Jcleared" in result.out
        assert "x" * 3000 in result.out
        assert len(result.out.splitlines()) == len(NASTY) + 1


def test_csv_holds_no_formula(run: Run, third_party: Path) -> None:
    out = run("-c", "evil:", "list", "--format", "csv", "--columns", "name,state").out
    rows = list(csv.reader(io.StringIO(out)))
    names = [name for name, _ in rows[1:]]
    assert [name for name in names if name[0] in "=+-@"] == []
    assert "'-1+1" in names
    assert 'quo"te,comma' in names
    assert rows[1][1] == "-b----"


def test_json_errors_are_one_line(host: Run) -> None:
    result = host("--format", "json", "info", "no\x1bbody")
    told = json.loads(result.err)
    assert told["error"]["kind"] == "not-found"
    assert "\x1b" not in result.err


# -- terminals ---------------------------------------------------------------------------------

COLUMNS = (
    Column("id", "ID", right=True),
    Column("name", "NAME", shrink=True),
    Column("state", "STATE", style=lambda s: "32" if s == "active" else ""),
)
ROWS = [{"id": 1, "name": "n" * 200, "state": "active"}, {"id": 22, "name": "日本", "state": "x"}]


def shown(terminal: bool, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal() if terminal else io.StringIO()
    Output(stdout=stream, environ=environ).rows("guests", COLUMNS, ROWS)
    return stream.getvalue().splitlines()


def test_only_a_terminal_truncates_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = shown(False, {}, monkeypatch)
    assert "n" * 200 in piped[1]
    assert "\x1b" not in "".join(piped)
    seen = shown(True, {"TERM": "xterm"}, monkeypatch)
    assert seen[1].endswith("\x1b[32mactive\x1b[0m")
    assert "..." in seen[1]
    plain = shown(True, {"NO_COLOR": "1"}, monkeypatch)
    assert "\x1b" not in "".join(plain)
    assert all(width(line) <= 40 for line in plain)
    # Columns line up, wide characters included.
    assert {line.index("STATE") for line in plain[:1]} == {plain[1].index("active")}
    assert width(plain[2].split("x")[0]) == plain[1].index("active")
    assert "\x1b" not in "".join(shown(True, {"TERM": "dumb"}, monkeypatch))


def test_fitted() -> None:
    assert fitted("short", 10, "...") == "short"
    assert fitted("a" * 20, 10, "...") == "aaaaaaa..."
    assert width(fitted("日" * 20, 10, "...")) <= 10
    assert fitted("abcdef", 2, "...") == ".."


def test_documents_on_terminals_are_escaped() -> None:
    text = "<name>a\x9b31m\u202eb</name>\n\t<x/>\n"
    shown_text = document_for_terminal(text, references=True)
    assert shown_text == "<name>a&#x9b;31m&#x202e;b</name>\n\t<x/>\n"
    assert document_for_terminal("a\x1bb\n", references=False) == "a\\x1bb\n"
    stream = Terminal()
    Output(stdout=stream, environ={}).document("<name>日\x9b</name>", references=True)
    assert stream.getvalue() == "<name>&#26085;&#x9b;</name>\n"


def test_columns_by_name() -> None:
    assert [c.key for c in chosen(COLUMNS, "name,id,name", ())] == ["name", "id"]
    assert [c.key for c in chosen(COLUMNS, None, ("state",))] == ["state"]
    with pytest.raises(InvalidInput, match="none given"):
        chosen(COLUMNS, " , ", ())
