"""Each command, on a simulated host in a file: one process of the program after the other."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from support.cli import SECRET, UUID, Run, guest_xml
from xenparley_cli.builtin import ALIASES, COMMANDS


def state(host: Run, guest: str = "web") -> str:
    return host("state", guest).out.strip()


def test_a_whole_life(host: Run, tmp_path: Path) -> None:
    assert state(host) == "shut off"
    assert "running" in host("start", "web").err
    assert state(host) == "active"
    assert "already" in host("start", "web").err
    assert host("suspend", "web").code == 0
    assert state(host) == "paused"
    assert "paused already" in host("pause", "web").err
    assert host("resume", "web").code == 0
    before = host("info", "web", "--format", "json").json()["guest"]["domid"]
    assert host("reboot", "web").code == 0
    after = host("info", "web", "--format", "json").json()["guest"]["domid"]
    assert after > before
    image = f"{tmp_path}/web.save"
    assert host("save", "web", image).code == 0
    assert state(host) == "shut off"
    assert host("restore", image).code == 0
    assert state(host) == "active"
    assert host("destroy", "web").code == 0
    assert state(host) == "shut off"
    assert host("undefine", "web").code == 0
    assert host("state", "web").code == 4


def test_shutdown_waits_or_not(host: Run) -> None:
    host("start", "web")
    result = host("shutdown", "web", "--format", "json")
    assert result.json()["outcome"]["accepted"] is True
    assert result.json()["outcome"]["reached"] is True
    host("destroy", "web")
    host("start", "web")
    told = host("shutdown", "web", "--no-wait", "--format", "json").json()["outcome"]
    assert (told["accepted"], told["reached"]) == (True, False)


def test_create_needs_no_definition(run: Run, uri: str) -> None:
    result = run("-c", uri, "create", "-", "--paused", stdin=guest_xml("tmp"))
    assert (result.code, "paused" in result.err) == (0, True)
    assert state(lambda *w: run("-c", uri, *w), "tmp") == "paused"
    run("-c", uri, "destroy", "tmp")
    assert run("-c", uri, "info", "tmp").code == 4


def test_changing(host: Run) -> None:
    host("start", "web")
    assert host("set-memory", "web", "64MiB").code == 0
    assert host("set-max-memory", "web", "1G").code == 0
    assert host("set-vcpus", "web", "1").code == 0
    told = host("info", "web", "--format", "json").json()["guest"]
    assert (told["max_memory_kib"], told["vcpus"]) == (1 << 20, 1)
    rows = list(csv.DictReader(io.StringIO(host("vcpus", "web", "--format", "csv").out)))
    assert [row["number"] for row in rows] == ["0", "1"]
    kinds = [d["kind"] for d in host("devices", "web", "--format", "json").json()["devices"]]
    assert "vbd" in kinds
    assert host("autostart", "web").code == 0
    assert host("info", "web", "--format", "json").json()["guest"]["autostart"] is True
    assert host("autostart", "web", "--off").code == 0
    assert host("info", "web", "--format", "json").json()["guest"]["autostart"] is False
    host("destroy", "web")
    assert host("rename", "web", "shop").code == 0
    assert state(host, "shop") == "shut off"


def test_a_core_dump(host: Run, tmp_path: Path) -> None:
    host("start", "web")
    assert host("dump", "web", f"{tmp_path}/core").code == 0
    assert state(host) == "active"


def test_guests_by_what_the_caller_says(host: Run) -> None:
    host("start", "web")
    domid = str(host("info", "web", "--format", "json").json()["guest"]["domid"])
    for word, by in (("web", "name"), (UUID, "uuid"), (UUID.replace("-", "").upper(), "uuid"),
                     (domid, "id"), (domid, "any")):  # fmt: skip
        assert host("pause", word, "--by", by).code == 0
        assert host("unpause", word, "--by", by).code == 0
    assert host("pause", "web", "--by", "id").code == 3
    assert host("pause", UUID, "--by", "name").code == 4


def test_info_shows_each_field_and_source(host: Run) -> None:
    told = host("info", "web", "--format", "json").json()["guest"]
    assert told["sources"]["name"] == "sim"
    assert told["observed_at"] > 1e9
    text = host("info", "web").out
    assert re.search(r"^Memory \(MiB\): +128$", text, re.MULTILINE)


def test_secrets_are_hidden_unless_asked_for(host: Run) -> None:
    hidden = host("dumpxml", "web")
    assert hidden.code == 0
    assert SECRET not in hidden.out
    assert "5901" in hidden.out
    assert SECRET in host("dumpxml", "web", "--secrets").out
    assert SECRET not in host("dumpxml", "web", "--to", "json").out
    assert SECRET in host("dumpxml", "web", "--to", "json", "--secrets").out


def test_what_is_dumped_defines_the_same(host: Run) -> None:
    text = host("dumpxml", "web", "--secrets").out
    host("undefine", "web")
    assert host("define", "-", stdin=text).code == 0
    assert host("dumpxml", "web", "--secrets").out == text


def test_convert_and_back(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "web.xml"
    file.write_text(guest_xml())
    xml = run("convert", "--from", "xml", "--to", "xml", str(file)).out
    as_json = run("convert", "--to", "json", str(file)).out
    assert json.loads(as_json)
    assert SECRET in as_json
    assert run("convert", "--from", "json", "--to", "xml", "-", stdin=as_json).out == xml
    assert SECRET not in run("convert", "--to", "xml", "--no-secrets", str(file)).out
    assert run("convert", "--to", "xml", "--to-option", "fly=1", str(file)).code == 3


def test_validate_tells_all_problems_at_once(run: Run, tmp_path: Path) -> None:
    good = tmp_path / "good.xml"
    good.write_text(guest_xml())
    assert run("validate", str(good)) == (0, "", f"{good}: valid\n")
    bad = guest_xml(name="a/b", uuid="zz").replace("'MiB'", "'parsec'")
    result = run("validate", "-", stdin=bad)
    assert result.code == 3
    assert "parsec" in result.out
    assert "zz" in result.out
    told = run("validate", "-", "--format", "json", stdin=bad).json()
    assert told["valid"] is False
    assert [problem["place"].split(": ")[-1] for problem in told["problems"]] == [
        "uuid", "memory", "name",
    ]  # fmt: skip
    assert all(problem["place"].startswith("stdin:") for problem in told["problems"])
    defined = run("-c", "sim:", "define", "-", stdin=guest_xml(name="a/b"))
    assert defined.code == 3
    assert re.search(r"stdin:\d+: name: ", defined.err)
    assert run("validate", "-", stdin="<domain").code == 3
    assert run("validate", "-", stdin=b"\xff\xfe\0").code == 3
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(20 << 20)
    assert "more than 16 MiB" in run("validate", str(huge)).err


def test_the_host_and_its_channels(host: Run) -> None:
    assert host("host", "--format", "json").json()["host"]["sources"]
    assert re.search(r"^CPUs: +\d+$", host("host").out, re.MULTILINE)
    [channel] = host("channels", "--format", "json").json()["channels"]
    assert (channel["name"], channel["state"]) == ("sim", "available")
    assert "list-live" in channel["offers"]
    told = host("explain", "destroy", "--format", "json").json()
    assert told["chosen"] == ["sim"]
    assert told["verdicts"][0]["reason"]
    assert host("explain", "list-live", "--fields", "name,state").code == 0
    assert host("explain", "list-live", "--fields", "nope").code == 3


def test_channels_are_listed_when_none_is_there(host: Run) -> None:
    result = host("--disable", "sim", "channels")
    assert result.code == 10
    assert "disabled by configuration" in result.out


def test_plugins_tell_what_is_broken(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.distributions import install

    source = {"broken_for_cli": "raise RuntimeError('a\\x1b[2Jb')"}
    install(tmp_path / "site", "bad-dist", {"bad": "broken_for_cli"}, sources=source)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    result = run("plugins")
    assert result.code == 0
    assert "bad-dist" in result.out
    assert "failed" in result.out
    assert "\x1b" not in result.out + result.err
    assert run("plugins", "--check").code == 14
    assert run("--strict-plugins", "-c", "sim:", "list").code == 14
    assert run("-c", "sim:", "list").code == 0


def test_the_demo(run: Run) -> None:
    result = run("demo", "--format", "json")
    assert result.code == 0
    guests = result.json()["guests"]
    assert len(guests) == 5
    assert all(guest["defined"] and guest["phase"] == "active" for guest in guests[1:])
    assert {guest["virt"] for guest in guests[1:]} == {"pv", "hvm"}
    story = run("demo").out
    assert re.search(r"^pause \w+: paused$", story, re.MULTILINE)
    assert re.search(r"^shutdown \w+: shut off", story, re.MULTILINE)


def test_events_end_when_told(host: Run) -> None:
    result = host("events", "--for", "0.05", "--format", "json")
    assert (result.code, result.out) == (0, "")
    assert host("events", "--count", "0").code == 0


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_each_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.code == 0
    assert result.out.startswith("usage: xenparley ")
    assert "--format" in result.out


def test_help_without_a_command(run: Run) -> None:
    assert run().code == 2
    overview = run("--help").out
    assert all(name in overview for name in [*COMMANDS, *ALIASES])
    assert re.fullmatch(r"xenparley \d\S+\n", run("--version").out)
    assert "did you mean list?" in run("lst").err


def test_each_command_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        assert re.search(rf"^\| `{name}\b.*` \|.*{re.escape(command.summary)}", text, re.MULTILINE)
    assert all(f"`{alias}`" in text for alias in ALIASES)
