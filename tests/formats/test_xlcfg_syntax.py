"""xl.cfg: libxlu's grammar, its refusals, and that only what changed is rewritten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.corpus import corpus_dir
from xenparley.domain.errors import InvalidInput, ParseError
from xenparley_formats.text_document import Value
from xenparley_formats.xlcfg_syntax import XlDocument, parse_xlcfg

GUEST = """\
# a guest
type = "pvh"; memory = 0x200   # MiB
maxvcpus=010
disk = [ # two
  'vdev=xvda,target=/a b',

  "format=raw, vdev=xvdb",
]
disk += [ 'vdev=xvdc' ]
vnuma = [ [ "pnode=0", 'size=512' ], ["pnode=1"] ]
device_model_args.hvm = []
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a = 010", 8),
        ("a = 0x1f", 31),
        ("a = 08", "08"),
        ("a = 1x2", "1x2"),
        ("a = 0b", "0b"),
        ("a = 99999999999999999999", "99999999999999999999"),
        ("a = '-5'", "-5"),
        ("a = 'x\"y' # c", 'x"y'),
        ('a = "x\'y"', "x'y"),
        (r"a = 'q\'\"\\\n\t'", "q'\"\\\n\t"),
        ("a = []", []),
        ("a = [\n\n]", []),
        ("a = [1,'b',]", [1, "b"]),
        ("a = [ # c\n [ 'x' ] , # d\n\n [] ]", [["x"], []]),
        ("a = 'x'; a = 'y'", "y"),
        ("a = 'x'\na += 'y'", "xy"),
        ("a = 01\na += 0x2", "010x2"),
        ("a = ['x']\na += ['y']", ["x", "y"]),
        ("a += ['y']", ["y"]),
        (";;\n;a=1;;", 1),
        ("a=1#", 1),
        (b"a='\xe9'", "\udce9"),
        ("  a\t=\t1", 1),
    ],
)
def test_values(text: str | bytes, value: Value) -> None:
    document = parse_xlcfg(text)
    assert document.get("a") == value
    assert type(document.get("a")) is type(value)
    assert document.render_bytes() == (text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 'x' + 'y'", 1, "XM file"),
        ("a = ('x')", 1, "XM file"),
        ("import os", 1, "= or +="),
        ("\nName = 1", 2, "unexpected character"),
        ("a = True", 1, "unexpected character"),
        ("a = none", 1, "a string, a number or a list"),
        ("a =\n1", 1, "the end of the line"),
        ("a = 1 2", 1, "the end of the line or a semicolon"),
        ("a = ['x' 'y']", 1, ", or ]"),
        ("a = [,]", 1, "a string, a number or a list"),
        ("b = 1\na = ['x',\n", 3, "a string, a number or a list"),
        ("a = ['x'\n", 1, "not closed"),
        ("a = 'x\ny'", 1, "not closed"),
        ("a = '''x'''", 1, "the end of the line"),
        ("a = 1\r\n", 1, "carriage return"),
        ("\ufeffa = 1", 1, "byte order mark"),
        (r"a = '\x41'", 1, "libxlu loses"),
        (r"a = '\101'", 1, "libxlu loses"),
        (r"a = '\q'", 1, "unknown escape"),
        ("a = 1\n\0", 2, "NUL"),
        ("a = 'x'\na += ['y']", 2, "between a list and a string"),
        ("a = " + "[" * 1000, 1, "nested deeper"),
        ("a = '\\", 1, "not closed"),
    ],
)
def test_refusals_name_the_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_xlcfg(text, "guest.cfg")
    assert caught.value.place == f"guest.cfg:{line}"
    assert what in str(caught.value)


def test_blow_ups_are_refused() -> None:
    for text in ("a = 'x'\n" + "a += '" + "y" * 30_000 + "'\n", "a = []\n"):
        repeated = text + text.splitlines()[-1].join("\n" * 19_000)
        try:
            size = len(str(parse_xlcfg(repeated).get("a")))
        except ParseError as error:
            size = len(str(error))
        assert size < len(repeated)
    with pytest.raises(ParseError):
        parse_xlcfg("a = 1\n" * 30_000)
    with pytest.raises(ParseError, match="grow"):
        parse_xlcfg("a = [1]\n" + "a += [1,1]\n" * 10_000)


def test_no_value_in_errors() -> None:
    for text in ("vncpasswd = s3cret", "vncpasswd = 's3cret", "vncpasswd = 's3cret' 5"):
        with pytest.raises(ParseError) as caught:
            parse_xlcfg(text)
        assert "s3cret" not in str(caught.value)


def test_only_what_changes_is_rewritten() -> None:
    document = parse_xlcfg(GUEST)
    for key, value in document.values().items():
        document.set(key, value)
    assert document.render() == GUEST
    document.set("memory", 1024)
    document.set("name", 'q"')
    assert document.render() == GUEST.replace("0x200", "1024") + 'name = "q\\""\n'
    assert parse_xlcfg(document.render()).values() == document.values()


def test_a_key_that_was_appended_to_becomes_one_assignment() -> None:
    document = parse_xlcfg(GUEST)
    document.set("disk", ["vdev=hda"])
    assert document.render().count("disk") == 1
    assert parse_xlcfg(document.render()).get("disk") == ["vdev=hda"]
    assert document.line_of("disk") == 4
    alone = parse_xlcfg("a += 'x'; b = 1 # c\na += 'y'")
    alone.set("a", "z")
    assert alone.render() == 'a = "z"; b = 1 # c\n'


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a = 1\nb = 2\n", "b = 2\n"),
        ("b = 2; a = 1 # c\n", "b = 2 # c\n"),
        ("a=1;b=2", "b=2"),
        ("  a = 1  # c\n", "  # c\n"),
        ("a = [\n1 ]\na += [2]\nb = 1", "b = 1"),
    ],
)
def test_removing(text: str, rest: str) -> None:
    document = parse_xlcfg(text)
    assert document.remove("a")
    assert document.render().lstrip(" ") == rest.lstrip(" ")
    assert "a" not in parse_xlcfg(document.render())


@pytest.mark.parametrize("value", [None, 1.5, "\0", 1 << 63, b"x", [None], "\ud800"])
def test_values_xl_can_not_hold_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        XlDocument().set("a", value)


@pytest.mark.parametrize("key", ["", "A", "_a", "a-b", "1a", "a\n"])
def test_keys_xl_can_not_read_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        XlDocument().set(key, 1)


keys = st.sampled_from(["name", "memory", "disk", "vif", "x.1"])
strings = st.binary(max_size=12).map(
    lambda data: data.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
) | st.text("ab'\"\\\n\r\t# é", max_size=8)
scalars = strings | st.integers(0, (1 << 63) - 1)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.dictionaries(keys, values))
def test_a_new_file_is_read_back(entries: dict[str, Any]) -> None:
    document = XlDocument()
    for key, value in entries.items():
        document.set(key, value)
    assert parse_xlcfg(document.render_bytes()).values() == entries


pieces = st.sampled_from(
    ["a", "b", "disk", " = ", "=", "+=", "1", "010", "'x'", '"y"', "'", "[", "]", ",", ";", "\n",
     "# c", " ", "\\", "\t", "é", "\\n", "'\\n'", "0x", "("]
)  # fmt: skip
soup = st.lists(pieces, max_size=25).map("".join)
statement = st.sampled_from(
    ["a = 1", "b = 'x'", "c = [1, # c\n 2]", "  b += 'y'", "# note", "", "a += 1", "c += [3]",
     "e = []", "c += [ ]"]
)  # fmt: skip
sources = st.lists(st.tuples(statement, st.sampled_from(["\n", "; ", " # x\n", "\n\n", ";\n"])))


@given(soup | st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_or_refused(data: str | bytes) -> None:
    try:
        document = parse_xlcfg(data)
    except ParseError as error:
        assert error.line
        assert error.place
    else:
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
        assert document.render_bytes() == raw


@given(
    soup | sources.map(lambda parts: "".join(a + b for a, b in parts)),
    st.lists(st.tuples(st.sampled_from("abcez"), st.none() | values), max_size=4),
)
def test_patching_keeps_the_rest(text: str, changes: list[tuple[str, Any]]) -> None:
    try:
        document = parse_xlcfg(text)
    except ParseError:
        return
    expected = document.values()
    for key, value in changes:
        if value is None:
            document.remove(key)
            expected.pop(key, None)
        else:
            document.set(key, value)
            expected[key] = value
    assert parse_xlcfg(document.render()).values() == expected == document.values()


def test_libvirts_files_are_read() -> None:
    files = sorted((corpus_dir() / "libvirt").rglob("xlconfig/*.cfg"))
    assert len(files) > 15
    for path in files:
        document = parse_xlcfg(path.read_bytes(), path.name)
        assert document.get("name")
        assert document.render_bytes() == path.read_bytes()
