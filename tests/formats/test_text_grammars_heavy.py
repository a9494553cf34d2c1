"""Long property runs over the text grammars: damaged documents are read or refused, never more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.level import examples
from xenparley.domain.errors import ParseError
from xenparley_formats.text_document import TextDocument
from xenparley_formats.xlcfg_syntax import parse_xlcfg
from xenparley_formats.xm_syntax import parse_xm
from xenparley_wire.sxp import dumpb, loads_all

pytestmark = pytest.mark.heavy

XM = b"""name = 'a' + "%s" % "b" # c
memory = 0400; disk = [ 'x,y,w', # one
 '''z''' ]
disk += (['q'] + [name])
"""
XL = b"""name = "a\\n" # c
memory = 0400; disk = [ 'x,y,w', # one
 ['z',], ]
disk += ['q']
"""
SXP = b"(domain (name 'a b') (image (hvm (args \"x\\x41\\101'\"))) () (desc '') # c\n (x y)) ''"


def damaged(document: bytes) -> st.SearchStrategy[bytes]:
    """Return the document with a few places overwritten, cut out or filled in."""
    edit = st.tuples(
        st.integers(0, len(document)),
        st.integers(0, 5),
        st.sampled_from([b"", *(bytes([c]) for c in document), b"\0", b"\xff", b"\\", b"'''"]),
    )

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = document
        for place, length, filling in edits:
            data = data[:place] + filling + data[place + length :]
        return data

    return st.lists(edit, min_size=1, max_size=5).map(apply)


LONG = settings(max_examples=examples(1000), suppress_health_check=list(HealthCheck), deadline=None)


def check(parse: Callable[[bytes], TextDocument], data: bytes) -> None:
    try:
        document = parse(data)
    except ParseError as error:
        assert error.line
        return
    assert document.render_bytes() == data
    held = document.values()
    document.set("zz", ["x"])
    assert parse(document.render_bytes()).values() == {**held, "zz": ["x"]}
    for key in list(held):
        document.remove(key)
    assert parse(document.render_bytes()).values() == {"zz": ["x"]}


@LONG
@given(damaged(XM))
def test_damaged_xm(data: bytes) -> None:
    check(parse_xm, data)


@LONG
@given(damaged(XL))
def test_damaged_xlcfg(data: bytes) -> None:
    check(parse_xlcfg, data)


@LONG
@given(damaged(SXP))
def test_damaged_sxp(data: bytes) -> None:
    try:
        values = loads_all(data)
    except ParseError as error:
        assert error.offset is not None
        return
    for value in values:
        assert dumpb(loads_all(dumpb(value))[0]) == dumpb(value)
