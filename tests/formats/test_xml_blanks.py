"""Blank text between elements is left out where it says nothing, and kept where it may."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.configs import configs
from support.xml_documents import document
from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import XenparleyError
from xenparley_formats.xml_reader import read_xml, read_xml_once
from xenparley_formats.xml_writer import write_xml

EXAMPLES = Path(__file__).parents[2] / "plugins" / "xenparley_cli" / "examples"
#: What may stand in an element; each piece has its end.
PIECES = [
    " ", "\n  ", "\t", "x", "\u00a0", "<!-- c -->", "<![CDATA[ ]]>", "<![CDATA[x]]>", "<?p q?>",
    "&#32;", "&amp;", "<v> </v>", "<v> <w/> </v>", "<v:x xmlns:v='urn:v'>\n <v:y/>\n</v:x>",
]  # fmt: skip
CONTENT = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def whole(data: bytes) -> GuestConfig:
    reading = read_xml_once(data, source="x", strict=False, lean=False)
    assert reading is not None
    return reading.config


@settings(max_examples=150, deadline=None)
@given(CONTENT, CONTENT, CONTENT, CONTENT)
def test_the_guest_is_the_one_of_all_text(top: str, title: str, within: str, device: str) -> None:
    data = document(
        f"{top}<description>{title}</description><metadata>{within}</metadata>",
        devices=f"<disk>{device}<target dev='hda'/></disk>",
    )
    try:
        wanted = whole(data)
    except XenparleyError as exc:
        with pytest.raises(type(exc)) as caught:
            read_xml(data)
        assert str(caught.value).replace("<xml>", "x") == str(exc)
        return
    assert read_xml(data).config == wanted


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("  ", "  "),
        (" <!-- c -->x", " x"),
        (" <![CDATA[x]]> ", " x "),
        ("x <!-- c --> ", "x  "),
    ],
)
def test_blanks_in_a_text_are_the_text(inside: str, text: str) -> None:
    config = read_xml(document(f"<description>{inside}</description>")).config
    assert config.description == text


def test_pieces_are_kept_as_they_stand() -> None:
    piece = "<metadata>\n  <v:a xmlns:v='urn:v'> <v:b/> </v:a>\n</metadata>"
    (extra,) = read_xml(document(piece)).config.extras
    assert extra.text == piece.replace("'", '"')


def test_most_documents_are_read_once() -> None:
    for path in EXAMPLES.glob("*.xml"):
        data = path.read_bytes()
        lean = read_xml_once(data, source="x", strict=False, lean=True)
        assert lean is not None and lean.config == whole(data)


@settings(max_examples=30, deadline=None)
@given(configs())
def test_any_guest_is_read_the_same_way(config: GuestConfig) -> None:
    data = write_xml(config).text.encode()
    assert read_xml(data).config == whole(data)
