"""XM files: what is read, what is refused, and that only what changed is rewritten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.corpus import corpus_dir
from xenparley.domain.errors import InvalidInput, ParseError
from xenparley_formats.text_document import Value
from xenparley_formats.xm_syntax import XmDocument, parse_xm

GUEST = """\
# -*- mode: python; -*-
name = "web"   # the name
memory = 0400; maxmem=0x200
vcpus=2

base = '/srv/%s' % name
disk = [ 'file:' + base + "/root.img,xvda,w",   # root
         'phy:/dev/vg/swap,xvdb,w',
       ]
vif = ['mac=00:16:3e:00:00:01'
       ',bridge=xenbr0']
extra = \"\"\"a
b\"\"\"
unknown_key = (1, 2.5, None)
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 'x' \"y\" '''z'''", "xyz"),
        ("a = 010", 8),
        ("a = 0x1F", 31),
        ("a = 0", 0),
        ("a = 10L", 10),
        ("a = 0o17", 15),
        ("a = -5", -5),
        ("a = - - 5", 5),
        ("a = 1.5", 1.5),
        ("a = 4 * 1024", 4096),
        ("a = 2 + 3 * 4 - 1", 13),
        ("a = 7 / 2", 3),
        ("a = (2 + 3) * 2", 10),
        ("a = True", True),
        ("a = None", None),
        ("a = ()", ()),
        ("a = 1,", (1,)),
        ("a = (1)", 1),
        ("a = [1, 'x', [2,],]", [1, "x", [2]]),
        ("a = ['x'] + ['y'] * 2", ["x", "y", "y"]),
        ("a = 'x%s-%d-%03x%%' % ('y', 2, 31)", "xy-2-01f%"),
        ("a = 'n%i' % 3 + 'z'", "n3z"),
        ("b = 'q'\na = [b, b + 'r']", ["q", "qr"]),
        ("a = 'x'\na = a + 'y'", "xy"),
        ("a = ['x']\na += ['y']", ["x", "y"]),
        (r"a = 'a\tb\x41\101\q\'\\'", "a\tbAA\\q'\\"),
        (r"a = r'a\tb'", r"a\tb"),
        (r"a = '\xc3' + '\xa9'", "é"),
        (r"a = '\u00e9'", "\\u00e9"),
        (r"a = u'\u00e9'", "é"),
        ("a = 'x\\\ny'", "xy"),
        ("a = '''x\r\ny'''", "x\ny"),
        ("a = \\\n 1", 1),
        ("'''a comment'''\na = 1; b = 2;", 1),
        ("\ufeffa = 1", 1),
        ("a = 1\r\nb = 2\r\n", 1),
        ("\n\f\na = 1 # end", 1),
        (b"a = 'caf\xe9'", "caf\udce9"),
        ("a = 'caf\u00e9'", "café"),
    ],
)
def test_values(text: str | bytes, value: Value) -> None:
    document = parse_xm(text)
    assert document.get("a") == value
    assert type(document.get("a")) is type(value)
    data = text if isinstance(text, bytes) else text.encode()
    assert document.render_bytes() == data


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("import os", 1, "an import"),
        ("a = 1\nfrom os import path", 2, "an import"),
        ("if x:\n  a = 1", 1, "an if statement"),
        ("def f():\n  pass", 1, "a function definition"),
        ("a = [\n f(1) ]", 2, "a call"),
        ("f(1)", 1, "a call"),
        ("\na = os.uname()", 2, "an attribute"),
        ("os.x = 1", 1, "an attribute"),
        ("a = b[0]", 1, "a subscript"),
        ("a = 'x'[0]", 1, "a subscript"),
        ("a = 'x'.strip()", 1, "an attribute"),
        ("a = [x for x in y]", 1, "not assigned"),
        ("x = 1\na = [x for y in x]", 2, "comprehension"),
        ("a = lambda: 1", 1, "a lambda"),
        ("a = {1: 2}", 1, "a dictionary"),
        ("a = 1 if 2 else 3", 1, "an if statement or expression"),
        ("a = not 1", 1, "a logical expression"),
        ("a = 1 == 2", 1, "a comparison"),
        ("a = 2 ** 9", 1, "a power"),
        ("a = 1 << 9", 1, "a bit operation"),
        ("a = b = 1", 1, "not assigned"),
        ("a, b = 1, 2", 1, "several names"),
        ("print 'x'", 1, "a print statement"),
        ("a = b", 1, "not assigned"),
        ("a += 'x'", 1, "not assigned"),
        (" a = 1", 1, "indentation"),
        ("a = 1\n\tb = 1", 2, "indentation"),
        ("a = 'x", 1, "not closed"),
        ("a = '''x\n", 1, "not closed"),
        ("a = [1,\n2", 1, "not closed"),
        ("a = 1 2", 1, "the end of the statement"),
        ("a = 09", 1, "octal"),
        ("a = 'x' + 1", 1, "between a string and a number"),
        ("a = 'x' % 1", 1, "doesn't fit"),
        ("a = '%(x)s' % 1", 1, "a % format"),
        ("a = '%*d' % (1, 2)", 1, "a % format"),
        ("a = 1 / 0", 1, "a division by zero"),
        (r"a = '\x4'", 1, "two hexadecimal digits"),
        ("a = 1\n\0", 2, "NUL"),
        ("<?xml?>", 1, "XML"),
        ("(vm (name x))", 1, "S-expression"),
        ("a = 1;;", 1, "semicolon"),
        ("None = 1", 1, "an assignment to None"),
        ("a = ?", 1, "unexpected character"),
    ],
)
def test_refusals_name_the_line_and_the_construct(text: str, line: int, what: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_xm(text, "guest.cfg")
    assert caught.value.place == f"guest.cfg:{line}"
    assert caught.value.line == line
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a = 'x'\n" + "a = a + a\n" * 100,
        "a = ['x']\n" + "a = [a, a]\n" * 40,
        "a = 'x' * 10**9",
        "a = 'x' * 1000000000",
        "a = [1] * 1000000000",
        "a = '%1000000000d' % 1",
        "a = '%.1000000000f' % 1",
        "a = '" + "%900d" * 30_000 + "' % 1",
        "a = " + "[" * 100_000,
        "a = " + "(" * 100_000 + ")" * 100_000,
        "a = []\n" + "a = [a]\n" * 1000,
        "a = " + "9" * 100_000,
        "a = 2" + " * 2" * 1000,
        "a = 1e999",
        "a = 1.5\n" + "a = a * a\n" * 100,
        "a = 1\n" * 30_000,
        "a = '''" + "'''a" * 1,
        "a = 1" + ";" * 1000,
    ],
)
def test_blow_ups_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_xm(text)


@pytest.mark.parametrize("text", ["a = " + "-" * 100_001 + "1", "a = 1" + "+1" * 50_000])
def test_long_expressions_need_no_stack(text: str) -> None:
    assert parse_xm(text).get("a") in (-1, 50_001)


def test_no_value_in_errors_or_reprs() -> None:
    for text in ("vncpasswd = s3cret", "vncpasswd = 's3cret", "vncpasswd = 's3cret' 5"):
        with pytest.raises(ParseError) as caught:
            parse_xm(text)
        assert "s3cret" not in str(caught.value)
    document = parse_xm("vncpasswd = 's3cret'")
    assert "s3cret" not in repr(document) + repr(document.statements)


def test_a_guest_and_its_places() -> None:
    document = parse_xm(GUEST)
    assert document.values() == {
        "name": "web",
        "memory": 256,
        "maxmem": 512,
        "vcpus": 2,
        "base": "/srv/web",
        "disk": ["file:/srv/web/root.img,xvda,w", "phy:/dev/vg/swap,xvdb,w"],
        "vif": ["mac=00:16:3e:00:00:01,bridge=xenbr0"],
        "extra": "a\nb",
        "unknown_key": (1, 2.5, None),
    }
    assert [(s.line, s.end_line) for s in document.statements] == [
        (2, 2), (3, 3), (3, 3), (4, 4), (6, 6), (7, 9), (10, 11), (12, 13), (14, 14),
    ]  # fmt: skip
    assert parse_xm("a=1\na=2\nb=1").duplicates == ("a",)


def test_setting_what_is_there_touches_nothing() -> None:
    document = parse_xm(GUEST)
    for key, value in document.values().items():
        document.set(key, value)
    assert document.render() == GUEST


def test_only_the_value_changes() -> None:
    document = parse_xm(GUEST)
    document.set("memory", 300)
    document.set("vif", ["bridge=br1"])
    document.set("vncpasswd", "p'\"\\")
    expected = GUEST.replace("0400", "300").replace(
        "['mac=00:16:3e:00:00:01'\n       ',bridge=xenbr0']", '[ "bridge=br1" ]'
    )
    assert document.render() == expected + 'vncpasswd = "p\'\\"\\\\"\n'
    assert parse_xm(document.render()).values() == document.values()


def test_what_was_made_from_a_changed_name_keeps_its_value() -> None:
    document = parse_xm(GUEST)
    document.set("name", "db")
    again = parse_xm(document.render())
    assert again.get("base") == "/srv/web"
    assert again.values() == document.values()
    document.remove("base")
    again = parse_xm(document.render())
    assert "base" not in again
    assert again.get("disk") == ["file:/srv/web/root.img,xvda,w", "phy:/dev/vg/swap,xvdb,w"]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a = 1\nb = 2\n", "b = 2\n"),
        ("b = 2\na = 1", "b = 2\n"),
        ("a = 1; b = 2\n", "b = 2\n"),
        ("b = 2; a = 1\n", "b = 2\n"),
        ("b = 2; a = 1 # c\n", "b = 2 # c\n"),
        ("a = 1 # c\n", "# c\n"),
        ("# c\na = [\n1]\n\nb = 2", "# c\n\nb = 2"),
        ("a = 1\r\nb = 2\r\na = 3\r\n", "b = 2\r\n"),
        ("c = 1; a = 1; b = 2", "c = 1; b = 2"),
        ("\ufeffa = 1\n", "\ufeff"),
    ],
)
def test_removing(text: str, rest: str) -> None:
    document = parse_xm(text)
    assert document.remove("a")
    assert not document.remove("a")
    assert document.render() == rest
    parse_xm(document.render())


@pytest.mark.parametrize("key", ["", "a b", "1a", "if", "None", "a-b", "é", "a\n"])
def test_keys_python_can_not_assign_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        XmDocument().set(key, 1)


@pytest.mark.parametrize("value", [None, {"a": 1}, [None], b"x", "\0", "\ud800", float("inf")])
def test_values_xm_can_not_hold_are_refused(value: Any) -> None:
    document = XmDocument()
    with pytest.raises(InvalidInput):
        document.set("a", value)
    assert document.render() == ""


def test_a_new_file() -> None:
    document = XmDocument()
    document.set("name", "it's")
    document.set("acpi", True)
    document.set("disk", ['a"b', "c'd\"e", "tab\there"])
    assert document.render() == (
        'name = "it\'s"\nacpi = 1\ndisk = [ \'a"b\', """c\'d"e""", "tab\there" ]\n'
    )


keys = st.sampled_from(["name", "memory", "disk", "vif", "x_1"])
strings = st.binary(max_size=12).map(
    lambda data: data.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
) | st.text("ab'\"\\\n\r\t# é", max_size=8)
scalars = strings | st.integers(-(1 << 70), 1 << 70) | st.floats(-1e30, 1e30)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.dictionaries(keys, values))
def test_a_new_file_is_read_back(entries: dict[str, Any]) -> None:
    document = XmDocument()
    for key, value in entries.items():
        document.set(key, value)
    assert parse_xm(document.render_bytes()).values() == entries


pieces = st.sampled_from(
    ["a", "b", "disk", " = ", "=", "+=", "1", "010", "'x'", '"%s"', "'''", "'", "[", "]", "(", ")",
     ",", ";", "\n", "\r\n", "\\\n", "# c", " ", "+", "%", "*", ".", "if ", "\t", "-", "None", "é",
     "\ufeff", "\x0c", "10**9", "r'\\'"]
)  # fmt: skip
soup = st.lists(pieces, max_size=25).map("".join)
statement = st.sampled_from(
    ["a = 1", "b = 'x'", "c = [1, # c\n 2]", "a = a", "d = [a, b]", "# note", "", "b = b + 'y'",
     "a += 1", "c += [3]", "e = '''x\ny'''", "'bare'"]
)  # fmt: skip
sources = st.lists(st.tuples(statement, st.sampled_from(["\n", "; ", " # x\n", "\r\n", "\n\n"])))


@given(soup | st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_or_refused(data: str | bytes) -> None:
    try:
        document = parse_xm(data)
    except ParseError as error:
        assert error.line
        assert error.place
    else:
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
        assert document.render_bytes() == raw


@given(
    soup | sources.map(lambda parts: "".join(a + b for a, b in parts)),
    st.lists(st.tuples(st.sampled_from("abcdez"), st.none() | scalars), max_size=4),
)
def test_patching_keeps_the_rest(text: str, changes: list[tuple[str, Any]]) -> None:
    try:
        document = parse_xm(text)
    except ParseError:
        return
    expected = document.values()
    for key, value in changes:
        if value is None:
            document.remove(key)
            expected.pop(key, None)
        else:
            try:
                document.set(key, value)
            except InvalidInput:
                continue
            expected[key] = value
    assert parse_xm(document.render()).values() == expected
    assert document.values() == expected
    assert document.render().count("# c") + document.render().count("# note") <= text.count("#")


def test_libvirts_files_are_read() -> None:
    files = sorted((corpus_dir() / "libvirt").rglob("*.cfg"))
    assert len(files) > 40
    for path in files:
        document = parse_xm(path.read_bytes(), path.name)
        assert document.get("name")
        assert document.render_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "again",
    ["a = a + a", "a = [a, a]", "a += a", "a = (a, a)", "a = a * 2", "b = a; a = b + b"],
)
def test_lists_that_double_are_refused_while_they_are_small(again: str) -> None:
    with pytest.raises(ParseError, match="grow too large") as caught:
        parse_xm("a = ['']\n" + f"{again}\n" * 60)
    # a list of a few hundred thousand items, not one of many millions
    assert caught.value.line is not None and caught.value.line <= 21


def test_a_list_may_grow_item_by_item() -> None:
    lines = [f"disk += ['phy:vg/guest-{number},xvd{number},w']" for number in range(600)]
    document = parse_xm("\n".join(["disk = []", *lines, ""]))
    assert len(document.values()["disk"]) == 600


def test_lists_that_are_shared_are_looked_at_once() -> None:
    nested = "a = ['x']\n" + "a = [a, a]\n" * 14
    assert parse_xm(nested).values()["a"][0] is not None
    with pytest.raises(ParseError, match="nested deeper"):
        parse_xm("a = ['x']\n" + "a = [a]\n" * 200)
