"""Words of domain XML: how the text of an attribute or element becomes a value, and back.

A word's ``parse`` raises ValueError with a message that names what is wrong. Spaces around
numbers are allowed, as libvirt allows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import canonical_uuid, printable

__all__ = [
    "HEX2",
    "HEX4",
    "HEXDIGIT",
    "INT",
    "NOT_YESNO",
    "ONOFF",
    "SECRET",
    "SPACES",
    "TEXT",
    "UUID",
    "YESNO",
    "Word",
    "to_kib",
]

#: XML's own white space; str.strip() would take characters that are content.
SPACES = " \t\r\n"

_INT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
# as most documents have them
_CANONICAL = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19}", re.ASCII)


@frozen
class Word:
    """One kind of value. ``parse`` None: the text is the value."""

    name: str
    parse: Callable[[str], Any] | None
    format: Callable[[Any], str]
    secret: bool = False


def _quoted(text: str) -> str:
    return repr(printable(text, limit=80))


def _int(text: str) -> int:
    if len(text) < 20 and text.isascii() and text.isdigit():
        # the usual: no sign, no spaces
        return int(text)
    text = text.strip(SPACES)
    if _INT.fullmatch(text) is None:
        raise ValueError(f"not a whole number: {_quoted(text)}")
    return int(text)


def _number(text: str) -> int:
    text = text.strip(SPACES)
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"not a number: {_quoted(text)}")
    return int(text, 16) if text[1:2] in ("x", "X") else int(text)


def _either(yes: str, no: str, *, invert: bool = False) -> Word:
    known = {yes: not invert, no: invert}

    def parse(text: str) -> bool:
        try:
            return known[text]
        except KeyError:
            raise ValueError(f"neither '{yes}' nor '{no}': {_quoted(text)}") from None

    return Word(f"{yes} or {no}", parse, lambda value: yes if value is not invert else no)


def _uuid(text: str) -> str:
    if _CANONICAL.fullmatch(text) is not None:
        return text
    try:
        return canonical_uuid(text.strip(SPACES))
    except InvalidInput as exc:
        raise ValueError(exc.message) from exc


def _same(value: Any) -> str:
    return str(value)


TEXT = Word("text", None, _same)
SECRET = Word("text", None, _same, secret=True)
INT = Word("whole number", _int, _same)
UUID = Word("UUID", _uuid, _same)
YESNO = _either("yes", "no")
NOT_YESNO = _either("yes", "no", invert=True)
ONOFF = _either("on", "off")
HEX4 = Word("number", _number, lambda value: f"0x{value:04x}")
HEX2 = Word("number", _number, lambda value: f"0x{value:02x}")
HEXDIGIT = Word("number", _number, lambda value: f"0x{value:x}")

_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BYTES_PER_UNIT = {"b": 1, "bytes": 1, "byte": 1}
for _letter, _power in _POWERS.items():
    _BYTES_PER_UNIT[_letter.lower()] = 1024**_power
    _BYTES_PER_UNIT[f"{_letter.lower()}ib"] = 1024**_power
    _BYTES_PER_UNIT[f"{_letter.lower()}b"] = 1000**_power

# libvirt counts bytes in 64 bits
_MAX_BYTES = (1 << 64) - 1
_MAX_KIB = _MAX_BYTES // 1024


def to_kib(amount: int, unit: str | None) -> tuple[int, bool]:
    """Return the amount in KiB, rounded up, and whether it was exact. No unit means KiB.

    Units are libvirt's, in any case: b, bytes, k = KiB, KB = 1000 bytes, M, MiB, MB, ... up to E.
    """
    if (unit is None or unit == "KiB") and 0 <= amount <= _MAX_KIB:
        return amount, True
    factor = 1024 if unit is None else _BYTES_PER_UNIT.get(unit.lower())
    if factor is None:
        raise ValueError(f"unknown unit: {_quoted(unit or '')}")
    size = amount * factor
    if not 0 <= size <= _MAX_BYTES:
        raise ValueError(f"no possible amount of memory: {amount} {printable(unit or 'KiB')}")
    kib, rest = divmod(size, 1024)
    return kib + (rest > 0), rest == 0
