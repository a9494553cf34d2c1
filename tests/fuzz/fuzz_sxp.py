"""Fuzz S-expressions: any bytes are read or refused, and what was read survives writing.

Run it where atheris is installed: ``python tests/fuzz/fuzz_sxp.py -max_total_time=20``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from xenparley_wire.sxp import dumpb, loads_all

from xenparley.domain.errors import ParseError


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


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
