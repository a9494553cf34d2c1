"""How strings, numbers and lists are written in XM files and in xl.cfg."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from xenparley.domain.errors import InvalidInput

__all__ = ["MAX_NESTING", "xl_literal", "xm_literal"]

#: Deepest nesting of lists that is read or written; real files have two levels.
MAX_NESTING = 50

_XM_PLAIN = re.compile(r"[\t\n -\[\]-~]*\Z")
_XM_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_XL_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def _literal(
    value: object, string: Callable[[str], str], number: Callable[[float], str], depth: int = 0
) -> str:
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        if depth >= MAX_NESTING:
            raise InvalidInput(f"lists nested deeper than {MAX_NESTING}")
        if not value:
            return "[]"
        return "[ " + ", ".join(_literal(each, string, number, depth + 1) for each in value) + " ]"
    raise InvalidInput(f"a configuration file can't hold a value of type {type(value).__name__}")


def _bytes_of(value: str) -> bytes:
    try:
        raw = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"no bytes stand for the character at {exc.start}") from exc
    if b"\0" in raw:
        raise InvalidInput("a configuration file can't hold a NUL byte")
    return raw


def xm_literal(value: object) -> str:
    """Write a value so that xm's Python 2 reads it, and libvirt's reader too where that can be.

    libvirt knows no escapes, so a string without backslash and control characters gets those
    quotes that it doesn't contain. Bytes beyond ASCII are escaped: Python 2 refuses them in a file
    that names no encoding. Truth values are written 1 and 0, since xm drops True and False.
    Raises InvalidInput for other types and for a number that is not finite.
    """
    return _literal(value, _xm_string, _xm_number)


def _xm_number(value: float) -> str:
    if not math.isfinite(value) or abs(value) >= 1 << 128:
        raise InvalidInput("a number too large for a configuration file")
    return repr(value)


def _xm_string(value: str) -> str:
    raw = _bytes_of(value)
    if _XM_PLAIN.match(value):
        if '"' not in value and "\n" not in value:
            return f'"{value}"'
        if "'" not in value and "\n" not in value:
            return f"'{value}'"
        if '"""' not in value and not value.endswith('"'):
            return f'"""{value}"""'
    written = [
        _XM_ESCAPED.get(char) or (char if " " <= char <= "~" else f"\\x{ord(char):02x}")
        for char in raw.decode("latin-1")
    ]
    return '"' + "".join(written) + '"'


def xl_literal(value: object) -> str:
    """Write a value so that libxlu of every release (4.1 on) reads it.

    Of the escapes only backslash, quote and newline are used: libxlu's numeric ones are broken in
    every release (it checks ``\\xHH`` and ``\\NNN`` and then stores nothing). Other bytes stand
    for themselves. A negative number is written in quotes, its grammar has no sign. Raises
    InvalidInput for other types, for a fraction and for a number beyond 64 bits.
    """
    return _literal(value, _xl_string, _xl_number)


def _xl_number(value: float) -> str:
    if not isinstance(value, int):
        raise InvalidInput("xl.cfg has whole numbers only")
    if not -(1 << 63) <= value < 1 << 63:
        raise InvalidInput("a number beyond 64 bits")
    return str(value) if value >= 0 else f'"{value}"'


def _xl_string(value: str) -> str:
    _bytes_of(value)
    return '"' + "".join(_XL_ESCAPED.get(char, char) for char in value) + '"'
