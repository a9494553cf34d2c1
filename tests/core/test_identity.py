"""Names, UUIDs, domain ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import (
    GuestRef,
    canonical_uuid,
    check_domid,
    check_name,
    is_uuid,
    printable,
)


@given(st.uuids())
def test_uuids_have_one_form(found):
    for text in (str(found), found.hex, str(found).upper(), found.hex.upper()):
        assert is_uuid(text)
        assert canonical_uuid(text) == str(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fc8",
        "4dea22b3",
        "4dea22b3-1d52d8f32516782e98ab3fa0",
        "g" * 32,
        "0" * 33,
        "0" * 32 + "\n",
    ],
)
def test_what_is_no_uuid_is_refused(text):
    assert not is_uuid(text)
    with pytest.raises(InvalidInput):
        canonical_uuid(text)


@given(st.text(max_size=300))
def test_a_name_is_taken_or_refused_in_words_that_are_safe_to_print(name):
    try:
        assert check_name(name) == name
    except InvalidInput as error:
        assert printable(str(error)) == str(error)
    else:
        assert printable(name) == name
        assert 0 < len(name.encode()) <= 255


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "..",
        "nul\0",
        "line\nbreak",
        "esc\x1b[31m",
        "c1\x9b31m",
        "bidi\u202etxt",
        " blank",
        "blank ",
        "x" * 256,
        "é" * 128,
        "x" * 10_000,
        "\ud800",
    ],
)
def test_names_that_hurt_are_refused(name):
    with pytest.raises(InvalidInput):
        check_name(name)


@pytest.mark.parametrize("name", ["0", "21", "-dash", "sp ace", "semi;x", "qu'ote", "x" * 255, "é"])
def test_odd_names_are_fine(name):
    assert check_name(name) == name


@given(st.text())
def test_printable_leaves_no_control_character(text):
    shown = printable(text)
    assert all(c.isprintable() or c == " " or not c.isascii() for c in shown)
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    shown.encode()


@pytest.mark.parametrize("domid", [-1, 0x7FF0, 1 << 70, True])
def test_reserved_ids_are_no_domains(domid):
    with pytest.raises(InvalidInput):
        check_domid(domid)


def test_a_reference_words_itself():
    uuid = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"
    assert str(GuestRef(domid=3, uuid=uuid, name="fc8")) == "fc8 (domain id 3)"
    assert str(GuestRef(uuid=uuid)) == uuid
    assert str(GuestRef(name="a\nb")) == "a\\x0ab"
    assert str(GuestRef()) == "?"
