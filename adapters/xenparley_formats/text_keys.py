"""Taking a configuration file's keys: what is taken is understood, the rest is kept as it stands.

XM files and xl.cfg share this. A key that is not understood becomes an :class:`Extra` whose text
is the value as the notation writes it; an item of a list is kept with its place (``disk[2]``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import frozen

from xenparley.domain.config import Extra
from xenparley.domain.errors import InvalidInput, ParseError
from xenparley_formats.native_run import ReadLog, Unreadable, Unsayable, shown
from xenparley_formats.native_words import number, whole
from xenparley_formats.text_document import TextDocument, Value

__all__ = ["Dialect", "Keys", "inserted", "item_key", "parse_value"]

_T = TypeVar("_T")
_ITEM = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\[([0-9]{1,5})\]", re.ASCII)
#: Most items that a list of devices may have.
MAX_ITEMS = 10_000


@frozen
class Dialect:
    """One of the two notations: its name in extras, how values are written and read, its keys."""

    name: str
    literal: Callable[[object], str]
    parse: Callable[[str, str], TextDocument]
    keys: frozenset[str]


def parse_value(dialect: Dialect, text: str) -> Value:
    """Read a value that an Extra holds. Raises Unsayable if it is not exactly one."""
    try:
        document = dialect.parse(f"x = {text}\n", "extra")
    except ParseError as exc:
        raise Unsayable(f"no value of {dialect.name}: {exc.reason}") from exc
    if [statement.key for statement in document.statements] != ["x"]:
        raise Unsayable(f"more than a value of {dialect.name}")
    return document.get("x")


def item_key(key: str) -> tuple[str, int] | None:
    """Take ``disk[2]`` apart; None for what is no place in a list."""
    match = _ITEM.fullmatch(key)
    return None if match is None else (match[1], int(match[2]))


def inserted(items: list[Value], kept: Iterable[tuple[int, Value]]) -> list[Value]:
    """Return a list with kept items put back at their places, as far as it reaches."""
    result = list(items)
    for place, value in sorted(kept, key=lambda pair: pair[0]):
        result.insert(min(place, len(result)), value)
    return result


def _text(item: Value) -> str:
    if not isinstance(item, str):
        raise Unreadable("a text is expected")
    return item


class Keys:
    """The keys of one document, of which each is taken once."""

    def __init__(self, document: TextDocument, dialect: Dialect, log: ReadLog) -> None:
        self.dialect = dialect
        self.log = log
        self._document = document
        self._left: dict[str, Value] = {}
        self._kept: list[Extra] = []
        for key, value in document.values().items():
            if value is None or isinstance(value, (bool, tuple)):
                # xm takes over values whose type is exactly str, list, int or float
                self.log.doubt(self.where(key), "ignored, as xm ignores values of such a type")
                continue
            self._left[key] = value

    def where(self, key: str, number: int | None = None) -> str:
        """Return the place of a key, or of an item (from 0) of its list, for messages."""
        line = self._document.line_of(key)
        place = key if number is None else f"{key}[{number + 1}]"
        return place if line is None else f"line {line}: {place}"

    def has(self, key: str) -> bool:
        """Say whether a key is still there."""
        return key in self._left

    def peek(self, key: str) -> str | None:
        """Return the text of a value that is no list, and leave it."""
        value = self._left.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return None if value is None or isinstance(value, list) else str(value)

    def text(self, key: str) -> str | None:
        """Take a text; an empty one is none. A list stays, to be kept."""
        value = self.peek(key)
        if value is None:
            if key in self._left:
                self.log.doubt(self.where(key), "a list where a text is expected")
            return None
        del self._left[key]
        return value or None

    def word(self, key: str, read: Callable[[str], _T]) -> _T | None:
        """Take a value through ``read``. An empty one is none; one that is Unreadable is kept."""
        value = self.peek(key)
        if value is None or not value.strip():
            self.text(key)
            return None
        try:
            found = read(value)
        except Unreadable as exc:
            self.log.doubt(self.where(key), exc.message)
            return None
        del self._left[key]
        return found

    def number(self, key: str, most: int = (1 << 63) - 1) -> int | None:
        """Take a number that is not negative."""
        return self.word(key, lambda text: whole(text, most))

    def truth(self, key: str) -> bool | None:
        """Take a switch: a number other than 0 is on."""
        return self.word(key, lambda text: number(text) != 0)

    def items(self, key: str, read: Callable[[str], _T]) -> list[_T]:
        """Take a list of texts through ``read``; Unreadable items are kept with their place."""
        value = self._left.get(key)
        if value is None:
            return []
        if isinstance(value, str) and not value.strip():
            del self._left[key]
            return []
        if not isinstance(value, list):
            self.log.doubt(self.where(key), "a list is expected")
            return []
        del self._left[key]
        if len(value) > MAX_ITEMS:
            self.log.problem(self.where(key), f"more than {MAX_ITEMS} items")
            return []
        found: list[_T] = []
        for number_, item in enumerate(value):
            try:
                found.append(read(_text(item)))
            except Unreadable as exc:
                self.log.doubt(self.where(key, number_), exc.message)
                self._keep(f"{key}[{number_}]", item)
        return found

    def listed(self, key: str) -> list[str] | None:
        """Return the texts of a list and leave it; None if it is no list of texts."""
        value = self._left.get(key)
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return None
        texts = [str(item) for item in value if isinstance(item, (str, int))]
        return texts if len(texts) == len(value) else None

    def drop(self, *keys: str) -> None:
        """Take keys whose values say nothing more."""
        for key in keys:
            self._left.pop(key, None)

    def _keep(self, key: str, value: Value) -> None:
        try:
            self._kept.append(Extra(self.dialect.name, key, self.dialect.literal(value)))
        except InvalidInput as exc:
            self.log.doubt(self.where(key), f"not kept: {exc.message}")

    def rest(self) -> tuple[Extra, ...]:
        """Return what was not taken, in the file's order; what no release knows is a doubt."""
        for key, value in self._left.items():
            if key not in self.dialect.keys and self.log.strict:
                self.log.doubt(self.where(key), f"unknown key {shown(key)}")
            self._keep(key, value)
        self._left.clear()
        return tuple(self._kept)
