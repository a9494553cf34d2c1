"""Fuzz xl.cfg: any bytes are read or refused, and what was read renders as it was.

Run it where atheris is installed: ``python tests/fuzz/fuzz_xlcfg.py -max_total_time=20``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from xenparley_formats.xlcfg_syntax import parse_xlcfg as parse

from xenparley.domain.errors import ParseError


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed one is a find."""
    try:
        document = parse(data)
    except ParseError:
        return
    if document.render_bytes() != data:
        raise AssertionError("the document renders otherwise than it was read")
    held = document.values()
    document.set("zz", "x")
    document.remove("zz")
    if parse(document.render_bytes()).values() != held and "zz" not in held:
        raise AssertionError("adding and removing a key changed the others")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
