"""What backslashes mean inside a quoted atom of an S-expression."""

from __future__ import annotations

import re

from xenparley.domain.errors import ParseError

__all__ = ["surrogate_bytes", "unescape"]

_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_NAMED = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
}


def _replace(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, other = match.groups()
    if octal is not None:
        number = int(octal, 8)
        if number > 0xFF:
            raise ValueError(f"octal escape \\{octal.decode()} is more than a byte")
        return bytes((number,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    if other == b"x":
        raise ValueError("\\x needs two hexadecimal digits")
    return _NAMED.get(other, b"\\" + other)


def unescape(text: str) -> str:
    """Return what a string's text between its quotes stands for.

    Escapes stand for bytes, so that ``\\xc3\\xa9`` together is one character. An escape that xend
    does not know keeps its backslash. Raises ValueError for a number that is not a byte.
    """
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(_replace, text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def surrogate_bytes(text: str) -> bytes:
    """Return the bytes that a text stands for; ParseError where none do (a lone surrogate)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise ParseError(
            "no bytes stand for this character", place=f"character {exc.start}", offset=exc.start
        ) from exc
