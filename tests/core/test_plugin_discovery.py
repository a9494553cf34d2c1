"""Discovery: reads what installers write, sees what importlib.metadata sees, costs little."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.distributions import install
from xenparley.plugin.discovery import PLUGIN_GROUP, SCHEME_GROUP, discover, normalised


def found(path: list[str]) -> list[tuple[str, str, str, str, str]]:
    return [tuple(entry) for entry in discover(path)[0]]


def test_both_groups_are_found_in_a_total_order(tmp_path: Path) -> None:
    install(tmp_path / "b", "Zeta_Dist", {"one": "zeta"}, schemes={"z": "zeta:connect"})
    install(tmp_path / "a", "alpha", {"two": "alpha.plugin:obj", "one": "alpha"}, version="2.1b3")
    expected = [
        (PLUGIN_GROUP, "one", "alpha", "alpha", "2.1b3"),
        (PLUGIN_GROUP, "two", "alpha.plugin:obj", "alpha", "2.1b3"),
        (PLUGIN_GROUP, "one", "zeta", "zeta-dist", "1.0"),
        (SCHEME_GROUP, "z", "zeta:connect", "zeta-dist", "1.0"),
    ]
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert found(folders) == expected
    assert found(folders[::-1]) == expected


def test_agrees_with_importlib_metadata_on_this_environment() -> None:
    theirs = {
        (group, point.name, point.value)
        for group in (PLUGIN_GROUP, SCHEME_GROUP)
        for point in importlib.metadata.entry_points(group=group)
    }
    ours = {(entry.group, entry.name, entry.value) for entry in discover()[0]}
    assert ours == theirs
    assert any(name == "sim" for _, name, _ in ours)


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    install(tmp_path / "new", "some-dist", {"p": "new"}, version="2.0")
    install(tmp_path / "old", "Some.Dist", {"p": "old"}, version="1.0")
    entries, findings = discover([str(tmp_path / "new"), str(tmp_path / "old")])
    assert [(e.value, e.version) for e in entries] == [("new", "2.0")]
    assert findings == []


def test_comments_extras_blanks_and_other_groups(tmp_path: Path) -> None:
    text = """
        # a comment
        [console_scripts]
        foo = foo:main
        not a line at all
        [ xenparley.plugins ]
        ; another
        p =  foo.bar : x
        q = foo.bar:x.y [extra1, extra2]
        r=foo
    """
    install(tmp_path, "dist", raw=text.replace(" : ", ":"))
    entries, findings = discover([str(tmp_path)])
    assert [(e.name, e.value) for e in entries] == [
        ("p", "foo.bar:x"),
        ("q", "foo.bar:x.y"),
        ("r", "foo"),
    ]
    assert findings == []


@pytest.mark.parametrize(
    "line", ["p", "p =", "= foo", "p = foo bar", "p = foo:", "p = ../../etc", "p = os;system"]
)
def test_a_malformed_line_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    install(tmp_path, "dist", raw=f"[xenparley.plugins]\n{line}\ngood = fine\n")
    entries, findings = discover([str(tmp_path)])
    assert [e.name for e in entries] == ["good"]
    assert len(findings) == 1
    assert findings[0].distribution == "dist"
    assert "entry_points.txt:2" in findings[0].problem


@pytest.mark.parametrize(
    "raw",
    [b"[xenparley.plugins]\np = caf\xe9\n", b"[xenparley.plugins]\n" + b"#" * (1 << 20)],
    ids=["not utf-8", "huge"],
)
def test_unreadable_declarations_are_told(tmp_path: Path, raw: bytes) -> None:
    install(tmp_path, "bad", raw=raw)
    install(tmp_path, "good", {"p": "fine"})
    entries, findings = discover([str(tmp_path)])
    assert [e.distribution for e in entries] == ["good"]
    assert [f.distribution for f in findings] == ["bad"]


def test_strange_places_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no zip")
    (tmp_path / "x.dist-info").write_text("a file, no folder")
    names = ("", "absent", "file")
    places = [*(str(tmp_path / name) for name in names), "with\0nul", "x" * 5000]
    entries, findings = discover(places)
    assert entries == []
    assert [f.name for f in findings] == ["with\0nul", "x" * 5000]


def test_zip_files_are_read_by_importlib_metadata(tmp_path: Path) -> None:
    install(tmp_path / "tree", "zipped-dist", {"p": "zipped"}, version="3")
    archive = tmp_path / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((tmp_path / "tree").rglob("*")):
            file.write(path, str(path.relative_to(tmp_path / "tree")))
    assert found([str(archive)]) == [(PLUGIN_GROUP, "p", "zipped", "zipped-dist", "3")]


def test_the_normal_path_imports_nothing_that_costs() -> None:
    code = (
        "import sys; before = set(sys.modules); from xenparley.plugin.registry import Plugins;"
        "p = Plugins(); p.scheme('sim'); print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "xenparley.plugin.discovery" in loaded
    costly = {"importlib.metadata", "lxml", "cattrs", "asyncio", "xenparley_formats"}
    assert not loaded & costly
    assert not {name for name in loaded if name.startswith("xenparley_")}


def test_normalised() -> None:
    assert {normalised(n) for n in ("Foo_Bar", "foo-bar", "FOO.-_bar")} == {"foo-bar"}
