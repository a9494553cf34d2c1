"""``convert`` and ``validate`` between XML, XM files, xl.cfg, S-expressions and JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import SECRET, Run, guest_xml
from xenparley_formats.xl_format import parse_xlcfg
from xenparley_formats.xm_format import parse_xm

XM = """\
# a guest of 2006
name = 'web' + '1'
memory = 256
kernel = "/boot/vmlinuz"
vcpus = 4
vcpu_avail = 3
disk = [ 'phy:/dev/vg/web,xvda,w' ]
"""
FORMATS = ["xml", "sxp", "xm", "xl", "json"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web.xm"
    path.write_text(XM)
    return path


@pytest.mark.parametrize("to", FORMATS)
def test_an_xm_file_goes_to_every_format_and_comes_back(run: Run, file: Path, to: str) -> None:
    there = run("convert", "--to", to, str(file))
    assert (there.code, there.err) == (0, "")
    back = run("convert", "--from", to, "--to", "xm", "-", stdin=there.out)
    assert (back.code, back.err) == (0, "")
    values = parse_xm(back.out).values()
    assert (values["name"], values["memory"], values["maxvcpus"]) == ("web1", 256, 4)
    assert values["vcpus"] == 2 and values["disk"] == ["phy:/dev/vg/web,xvda,w"]


@pytest.mark.parametrize(("version", "key"), [("1", "vcpu_avail"), ("4", "maxvcpus")])
def test_the_version_of_xend_decides_how_it_is_said(
    run: Run, file: Path, version: str, key: str
) -> None:
    xml = run("convert", "--to", "xml", str(file)).out
    result = run("convert", "--to", "xm", "--xend-config-version", version, "-", stdin=xml)
    assert result.code == 0 and key in parse_xm(result.out)


def test_a_version_that_means_nothing_is_refused(run: Run, file: Path) -> None:
    for words in (
        ("convert", "--from", "xml", "--to", "xl", "--xend-config-version", "2", "-"),
        ("validate", "--from", "xl", "--xend-config-version", "2", "-"),
        ("convert", "--to", "xml", "--xend-config-version", "7", str(file)),
    ):
        result = run(*words, stdin="name = 'a'\n")
        assert result.code != 0 and "xend-config-version" in result.err


def test_what_a_format_cannot_say_is_an_error_or_with_lossy_a_warning(run: Run) -> None:
    xml = guest_xml().replace("<devices>", "<title>a title</title><devices>", 1)
    words = ("convert", "--to", "xl", "-")
    refused = run(*words, stdin=xml)
    assert refused.code != 0 and refused.out == "" and "title" in refused.err
    lossy = run(*words, "--lossy", stdin=xml)
    assert lossy.code == 0 and "title" in lossy.err
    assert parse_xlcfg(lossy.out).get("name") == "web"


def test_passwords_are_left_out_when_asked(run: Run) -> None:
    for to in ("xm", "xl"):
        with_it = run("convert", "--to", to, "-", stdin=guest_xml())
        without = run("convert", "--to", to, "--no-secrets", "-", stdin=guest_xml())
        assert SECRET in with_it.out and SECRET not in without.out + without.err
        assert without.code == 0


def test_validate_names_file_line_and_key(run: Run, file: Path) -> None:
    assert run("validate", str(file)).code == 0
    assert run("validate", "--xend-config-version", "2", str(file)).code == 0
    file.write_text(XM + "future = 1\n")
    assert run("validate", str(file)).code == 0
    strict = run("validate", "--strict", str(file))
    assert strict.code != 0 and "line 8: future" in strict.out
    file.write_text(XM + "import os\n")
    broken = run("validate", str(file))
    assert broken.code != 0 and "web.xm:8" in broken.out


def test_the_architecture_is_an_option_of_the_reader(run: Run, file: Path) -> None:
    result = run("convert", "--to", "xml", "--from-option", "arch=x86_64", str(file))
    assert "arch='x86_64'" in result.out
