"""Bytes to plain JSON values, strictly: nothing is guessed, nothing can exhaust the reader."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from xenparley.domain.errors import ParseError
from xenparley.domain.identity import printable

__all__ = ["MAX_BYTES", "parse_json"]

#: A document is refused beyond this size (16 MiB).
MAX_BYTES = 16 << 20
#: Deeper than the model ever is.
MAX_DEPTH = 32
_MAX_DIGITS = 19
_TOO_DEEP = "the document is nested too deeply"
_SURROGATE = re.compile("[\ud800-\udfff]")


class _RefusedError(ValueError):
    """Something that JSON allows, or Python's reader does, and a configuration can't hold."""


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise _RefusedError(f"a number of more than {_MAX_DIGITS} digits")
    return int(text)


def _fraction(text: str) -> NoReturn:
    raise _RefusedError(f"a number with a fraction or exponent: {printable(text, limit=40)}")


def _constant(text: str) -> NoReturn:
    raise _RefusedError(f"{text} is no number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise _RefusedError(f"the key {printable(name, limit=80)!r} is given twice")
            names.add(name)
    return found


def _check(document: Any) -> None:
    """Refuse depth that no configuration has, and text that UTF-8 can't hold."""
    level = [("the document", document)]
    for _ in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, str):
                if _SURROGATE.search(value):
                    raise _RefusedError(f"a lone surrogate in {printable(name, limit=80)!r}")
            elif isinstance(value, dict):
                below += value.items()
                below += [("a key", key) for key in value]
            elif isinstance(value, list):
                below += [(name, item) for item in value]
        if not below:
            return
        level = below
    raise _RefusedError(_TOO_DEEP)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)


def parse_json(data: bytes, source: str) -> Any:
    """Return the document's value. Raises ParseError with the line for what is not JSON."""
    if len(data) > MAX_BYTES:
        raise ParseError(f"larger than {MAX_BYTES} bytes", place=source)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ParseError(f"not UTF-8 at byte {exc.start}", place=source, offset=exc.start) from exc
    try:
        document = _DECODER.decode(text)
        _check(document)
    except RecursionError as exc:
        raise ParseError(_TOO_DEEP, place=source) from exc
    except json.JSONDecodeError as exc:
        place = f"{source}:{exc.lineno}"
        raise ParseError(exc.msg, place=place, line=exc.lineno, offset=exc.pos) from exc
    except _RefusedError as exc:
        raise ParseError(str(exc), place=source) from exc
    return document
