"""The S-expression codec: its own rules, what it shares with xend, and what can't break it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.xend_reader import RELEASES, read_as
from xenparley.domain.errors import InvalidInput, ParseError
from xenparley_wire import sxp
from xenparley_wire.sxp import MAX_DEPTH, Sexp, dumpb, dumps, loads, loads_all
from xenparley_wire.sxp_tree import child, children, key_of, lookup, pairs, text, texts


def raw(value: Any) -> Any:
    """Return a tree with its atoms as bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return [raw(item) for item in value]


def from_bytes(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


atoms = st.binary(max_size=12).map(from_bytes) | st.text(
    "ab0.:/-_ '\"\\()#;!{}<>[]\n\t\r\x00\x04\x7fé", max_size=8
)
trees: st.SearchStrategy[Sexp] = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4), max_leaves=20
)
lists = st.lists(trees, max_size=5)
soup = st.text("()'\" \\ab1x7#\n;!{}<>[]\x04\x00é\t", max_size=60)


@pytest.mark.parametrize("word", ["0123", "nil", "1e5", "t", "true", "-1", "#t"[1:], "12L"])
def test_atoms_stay_strings(word: str) -> None:
    assert loads(f"(name {word})") == ["name", word]
    assert loads(dumps(["name", word])) == ["name", word]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("()", []),
        ("(())", [[]]),
        ("(a (b c) d)", ["a", ["b", "c"], "d"]),
        ("(() a)", [[], "a"]),
        ("(a(b)(c)d(e))", ["a", ["b"], ["c"], "d", ["e"]]),
        ("((a) b ((c)) d)", [["a"], "b", [["c"]], "d"]),
        ("(bootloader )", ["bootloader"]),
        ("(desc '')", ["desc", ""]),
        ("(a 'x (y' (b \"z)\"))", ["a", "x (y", ["b", "z)"]]),
        (r"(a 'h\xc3\xa9\351')", ["a", "hé\udce9"]),
        ("(a w!)", ["a", "w!"]),
        ("(a 'b'c)", None),
        ("(domain (name x))''", ["domain", ["name", "x"]]),
        ("(domain (name x)) '' \n", ["domain", ["name", "x"]]),
        ("(a \u00a0)", ["a", "\u00a0"]),
        ("lonely", "lonely"),
    ],
)
def test_reading(text: str, value: Sexp | None) -> None:
    expected = ["a", "b", "c"] if value is None else value
    assert loads(text) == expected
    assert loads(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("  # nothing", 0),
        ("(a", 0),
        ("(a (b)", 0),
        ("(é (b", 4),
        (")", 0),
        ("(é))", 4),
        ("(a 'b)", 3),
        ("(a \"b')", 3),
        ("(a '\\x4')", 3),
        ("(a '\\400')", 3),
        ("(a \x01)", 3),
        ("(a (b) (c 'd) e))", 10),
        ("\ud800", 0),
    ],
)
def test_a_bad_document_tells_its_byte(text: str, offset: int) -> None:
    with pytest.raises(ParseError) as caught:
        loads(text)
    assert caught.value.offset == offset


def test_more_than_one_expression_is_refused_unless_forgiven() -> None:
    with pytest.raises(ParseError, match="more than one"):
        loads("(a) (b)")
    assert loads_all("(a) (b) ''") == [["a"], ["b"], ""]
    assert loads("(a (b))) trailing", lenient=True) == ["a", ["b"]]
    assert loads("(a (b c", lenient=True) == ["a", ["b", "c"]]


@pytest.mark.parametrize("text", ["(" * 100_000, "(" * 100_000 + ")" * 100_000, "(a " * 100_000])
def test_deep_nesting_is_a_typed_error(text: str) -> None:
    with pytest.raises(ParseError, match="deeper"):
        loads(text)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
def test_reader_and_writer_have_the_same_limit(depth: int) -> None:
    for start, end in (("(", ")"), ("(a ", " b)"), ("(a #\n", ")")):
        document = start * depth + end * depth
        if depth <= MAX_DEPTH:
            assert loads(dumps(loads(document))) == loads(document)
        else:
            with pytest.raises(ParseError):
                loads(document)
    tree: list[Any] = []
    for _ in range(depth - 1):
        tree = [tree]
    if depth <= MAX_DEPTH:
        assert loads(dumps(tree)) == tree
    else:
        with pytest.raises(InvalidInput):
            dumps(tree)


def test_a_list_in_itself_is_refused() -> None:
    loop: list[Any] = ["a"]
    loop.append(loop)
    with pytest.raises(InvalidInput):
        dumps(loop)


@pytest.mark.parametrize("value", [1, None, ["a", 1], ["a", b"b"], [["a", None]], {"a": "b"}])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        dumps(value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidInput):
        dumps(["name", "\ud800"])


def test_a_size_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sxp, "MAX_BYTES", 10)
    with pytest.raises(ParseError, match="longer"):
        loads("(" + "a" * 10 + ")")


@given(lists)
def test_what_is_written_is_read_back(tree: list[Sexp]) -> None:
    canonical = loads(dumpb(tree))
    assert raw(canonical) == raw(tree)
    assert loads(dumpb(canonical)) == canonical


@given(lists)
@pytest.mark.parametrize("release", RELEASES)
def test_every_release_reads_what_is_written(release: str, tree: list[Sexp]) -> None:
    assert read_as(dumpb(tree), release) == [raw(tree)]


@given(atoms)
def test_no_atom_breaks_out(atom: str) -> None:
    assert raw(loads(dumps(["vm", ["name", atom], ["memory", "1"]]))) == raw(
        ["vm", ["name", atom], ["memory", "1"]]
    )


@given(soup | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values = loads_all(text)
    except ParseError as error:
        assert error.offset is not None
        assert error.place
    else:
        assert [raw(loads(dumps(value))) for value in values] == [raw(v) for v in values]


@given(soup)
def test_the_fast_pass_reads_what_the_checked_one_reads(text: str) -> None:
    fast = sxp._parse_fast(text)
    if fast is not None:
        assert fast == sxp._parse_checked(text)


@given(lists)
def test_both_passes_read_what_is_written(tree: list[Sexp]) -> None:
    written = dumpb(tree).decode("utf-8", "surrogateescape")
    checked = sxp._parse_checked(written)
    assert sxp._parse_fast(written) in (None, checked)


@pytest.mark.parametrize(
    "text",
    [
        "'" * 200_001,
        "\" ' " * 70_000,
        "(' \\' " * 40_000,
        "('\\" * 70_000,
        "'\\'" * 70_000,
        "#" * 300_000,
    ],
)
def test_hostile_quotes_end(text: str) -> None:
    # a quadratic reader would run into the time limit of the test
    try:
        found = raw(loads_all(text))
    except ParseError as error:
        found = error.offset
    assert found is not None


TREE = loads(
    "(domain (domid 3) (name g) (bootloader ) (image (hvm (kernel '/k l') (usbdevice tablet)"
    " (usbdevice mouse) (boot))) (device (vif (mac m))) (device (vbd (dev hda))) (cpus ((0 1))))"
)


def test_the_tree_functions() -> None:
    assert key_of(TREE) == "domain"
    assert key_of("atom") is None
    assert text(TREE, "domid") == "3"
    assert text(TREE, "image/hvm/kernel") == "/k l"
    assert text(TREE, "bootloader") == ""
    assert text(TREE, "cpus") is None
    assert text(TREE, "image/linux/kernel") is None
    assert lookup(TREE, "device/vif/mac") == ["mac", "m"]
    assert [device[1] for device in children(TREE, "device")] == [
        ["vif", ["mac", "m"]],
        ["vbd", ["dev", "hda"]],
    ]
    hvm = lookup(TREE, "image/hvm")
    assert hvm is not None
    assert texts(hvm, "usbdevice") == ["tablet", "mouse"]
    assert pairs(hvm) == {"kernel": "/k l", "usbdevice": "tablet", "boot": ""}
    assert child("atom", "x") is None


@given(trees, st.sampled_from(["a", "a/b", "", "/"]))
def test_the_tree_functions_take_any_tree(tree: Sexp, path: str) -> None:
    found = text(tree, path)
    assert found is None or isinstance(found, str)
    assert all(isinstance(value, str) for value in pairs(tree).values())
