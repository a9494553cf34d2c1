"""S-expressions: any bytes are read or refused, and what was read survives writing."""

from __future__ import annotations

from xenparley.domain.errors import ParseError
from xenparley_wire.sxp import dumpb, loads_all

SEEDS = "sxp"


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed one is a find."""
    try:
        values = loads_all(data)
    except ParseError:
        return
    for value in values:
        again = loads_all(dumpb(value))
        if again != [value] and dumpb(again[0]) != dumpb(value):
            raise AssertionError("written and read, the expression is another")
