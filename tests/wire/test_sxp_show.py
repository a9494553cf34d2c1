"""Printing as xend prints, beside what three releases were recorded to print."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.corpus import corpus_dir
from xenparley.domain.errors import InvalidInput
from xenparley_wire.sxp import loads
from xenparley_wire.sxp_show import show

RELEASES = {"3.0.4": (3, 0, 4), "3.1.0": (3, 1, 0), "4.1.6": (4, 1, 6)}


def from_shown(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("latin-1").decode("utf-8", "surrogateescape")
    return [from_shown(item) for item in value]


@pytest.mark.parametrize("name", RELEASES)
def test_read_values_are_printed_as_recorded(name: str) -> None:
    cases = json.loads((corpus_dir() / "xend" / "sxp-cases.json").read_bytes())["cases"]
    printed = 0
    for case in cases:
        recorded = case.get(name, case["default"])
        for value, emitted in zip(recorded["values"], recorded["emitted"], strict=True):
            assert show(from_shown(value), release=RELEASES[name]) == emitted, case
            printed += 1
    assert printed > 100


@pytest.mark.parametrize("name", RELEASES)
def test_python_values_are_printed_as_recorded(name: str) -> None:
    emission = json.loads((corpus_dir() / "xend" / "sxp-cases.json").read_bytes())["emission"]
    printed = 0
    for case in emission:
        source = case["python"]
        # Python 2's long, unicode and dictionary have no counterpart in what xend would list
        if source.endswith("L") or source.startswith(("u'", "{")):
            continue
        value = ast.literal_eval(source)
        if isinstance(value, str):
            value = from_shown(value)
        assert show(value, release=RELEASES[name]) == case.get(name, case["4.1.6"]), case
        printed += 1
    assert printed > 30


@given(st.recursive(st.text("ab'\"\\\n é#()", max_size=5), st.lists, max_leaves=9))
def test_what_xend_4_1_prints_is_read_back(value: Any) -> None:
    assert loads(show([value])) == [value]


@pytest.mark.parametrize("value", [b"x", [b"x"], "\ud800"])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        show(value)
