"""A configuration file as its author wrote it: statements, and the text between them.

XM files and xl.cfg share this document. It keeps every byte of the file: changing a key rewrites
the value's own text and nothing else, so comments, order, layout and unknown keys stay. A value
set to what it already is leaves the text untouched. A comment *inside* a list that is rewritten
goes with the list.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Union

from xenparley.domain.errors import ParseError

__all__ = [
    "MAX_STATEMENTS",
    "MAX_TEXT",
    "Lines",
    "Statement",
    "TextDocument",
    "Value",
    "decode",
    "same_value",
]

#: What a statement may assign. A tuple is what Python's parentheses made; xm ignores those.
Value = Union[str, int, float, None, "list[Value]", "tuple[Value, ...]"]

#: Longest file that is read, in bytes (libvirt's own limit for such files).
MAX_TEXT = 10 * 1024 * 1024
#: Most statements that one file may have; real ones have some 40.
MAX_STATEMENTS = 20_000

_NEWLINE = re.compile(r"\r\n|\n|\r")
_BLANKS = " \t\f"


class Lines:
    """Tells the line of an offset in a text."""

    __slots__ = ("_starts", "name")

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._starts = [match.end() for match in _NEWLINE.finditer(text)]

    def line(self, offset: int) -> int:
        """Return the line, counted from 1."""
        return bisect.bisect_right(self._starts, offset) + 1

    def error(self, offset: int, message: str) -> ParseError:
        """Build the error for an offset, told as ``file:line``."""
        line = self.line(offset)
        return ParseError(message, place=f"{self.name}:{line}", line=line, offset=offset)


def decode(data: bytes | str, name: str) -> str:
    """Return a file's text; bytes that are not UTF-8 become surrogate escapes.

    Raises ParseError for NUL bytes, for a text no bytes stand for, and beyond :data:`MAX_TEXT`.
    """
    if len(data) > MAX_TEXT:
        raise ParseError(f"longer than {MAX_TEXT} bytes", place=f"{name}:1", line=1, offset=0)
    if isinstance(data, str):
        text = data
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as exc:
            raise Lines(text, name).error(exc.start, "a character that no bytes stand for") from exc
    else:
        text = bytes(data).decode("utf-8", "surrogateescape")
    zero = text.find("\0")
    if zero >= 0:
        raise Lines(text, name).error(zero, "a NUL byte: this is not a text file")
    return text


class Statement:
    """One ``key = value``: where it stands, and what the key holds after it.

    ``line`` and ``end_line`` count from 1 in the file as read; both are 0 for a statement that was
    added since. ``appends`` tells ``+=``. ``uses`` are the names that its value was made from.
    """

    __slots__ = ("appends", "end_line", "head", "key", "line", "text", "uses", "value")

    def __init__(
        self,
        key: str,
        value: Value,
        *,
        head: str,
        text: str,
        line: int = 0,
        end_line: int = 0,
        appends: bool = False,
        uses: frozenset[str] = frozenset(),
    ) -> None:
        self.key = key
        self.value = value
        self.head = head
        self.text = text
        self.line = line
        self.end_line = end_line
        self.appends = appends
        self.uses = uses

    def __repr__(self) -> str:
        # The value stays out: it may hold a password.
        return f"Statement({self.key!r}, line={self.line})"


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def same_value(one: object, other: object) -> bool:
    """Say whether two values are the same in a file: ``1`` is not ``"1"``, True is 1."""
    if isinstance(one, str) or isinstance(other, str) or one is None or other is None:
        return one == other
    return bool(_plain(one) == _plain(other))


class TextDocument:
    """The statements of one file and the text around them. Base of the two syntaxes' documents."""

    def __init__(self, gaps: list[str], statements: list[Statement], newline: str = "\n") -> None:
        if len(gaps) != len(statements) + 1:
            raise ValueError("a document has one gap more than statements")
        self._gaps = gaps
        self._statements = statements
        self._newline = newline
        self._last = {statement.key: statement for statement in statements}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._statements)} statements)"

    def literal(self, value: Value) -> str:
        """Write a value in this syntax. Raises InvalidInput for what it can't say."""
        raise AttributeError(f"{type(self).__name__} has no way to write values")

    def check_key(self, key: str) -> None:
        """Raise InvalidInput where this syntax can't assign to such a name."""
        raise AttributeError(f"{type(self).__name__} has no rule for keys")

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements in the order of the file, repeated keys and all."""
        return tuple(self._statements)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in the order in which the file first names them."""
        return tuple(dict.fromkeys(statement.key for statement in self._statements))

    @property
    def duplicates(self) -> tuple[str, ...]:
        """Keys that the file assigns more than once; the last assignment counts."""
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for statement in self._statements:
            if statement.key in seen and not statement.appends:
                twice[statement.key] = None
            seen.add(statement.key)
        return tuple(twice)

    def __contains__(self, key: str) -> bool:
        return key in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)

    def get(self, key: str, default: Value = None) -> Value:
        """Return what the key holds at the end of the file. A list is the caller's own copy."""
        found = self._last.get(key)
        return default if found is None else _copy(found.value)

    def line_of(self, key: str) -> int | None:
        """Return the line of the assignment that counts; None for an absent key."""
        found = self._last.get(key)
        return None if found is None else found.line

    def values(self) -> dict[str, Value]:
        """Return every key with what it holds at the end of the file."""
        return {key: _copy(self._last[key].value) for key in self.keys}

    def set(self, key: str, value: Value) -> None:
        """Make the key hold a value; nothing happens where it already does.

        A new key goes to the end. Raises InvalidInput for a key or a value that the syntax can't
        say; the document is then unchanged.
        """
        found = self._last.get(key)
        if found is not None and same_value(found.value, value):
            return
        self.check_key(key)
        text = self.literal(value)
        if found is None:
            self._append(Statement(key, _copy(value), head=f"{key} = ", text=text))
            return
        if found.appends:
            found = self._collapse(key)
        self._freeze(key, self._statements.index(found))
        found.text = text
        found.value = _copy(value)
        found.uses = frozenset()

    def remove(self, key: str) -> bool:
        """Take out every statement of a key; comments stay. Say whether there was one."""
        if key not in self._last:
            return False
        places = self._places(key)
        self._freeze(key, places[0])
        for index in reversed(places):
            self._cut(index)
        del self._last[key]
        return True

    def render(self) -> str:
        """Return the whole text. Bytes that are not UTF-8 are surrogate escapes in it."""
        parts = [self._gaps[0]]
        for statement, gap in zip(self._statements, self._gaps[1:], strict=True):
            parts += (statement.head, statement.text, gap)
        return "".join(parts)

    def render_bytes(self) -> bytes:
        """Return the file's bytes."""
        return self.render().encode("utf-8", "surrogateescape")

    def _append(self, statement: Statement) -> None:
        before = self._gaps[-1]
        if (before or self._statements) and not before.endswith(("\n", "\r")):
            self._gaps[-1] = before + self._newline
        self._statements.append(statement)
        self._gaps.append(self._newline)
        self._last[statement.key] = statement

    def _places(self, key: str) -> list[int]:
        return [i for i, each in enumerate(self._statements) if each.key == key]

    def _collapse(self, key: str) -> Statement:
        """Drop the ``+=`` behind the last plain assignment and return that assignment."""
        places = self._places(key)
        plain = max((i for i in places if not self._statements[i].appends), default=places[0])
        self._freeze(key, plain)
        for index in reversed(places):
            if index > plain:
                self._cut(index)
        found = self._statements[plain]
        _assign(found)
        self._last[key] = found
        return found

    def _freeze(self, key: str, index: int) -> None:
        """Write out statements behind a place that were made from a name about to change or go."""
        for statement in self._statements[index + 1 :]:
            if key in statement.uses and statement.key != key:
                statement.text = self.literal(statement.value)
                statement.uses = frozenset()
                _assign(statement)

    def _cut(self, index: int) -> None:
        """Take out one statement, and its line or semicolon with it."""
        before, after = self._gaps[index], self._gaps[index + 1]
        lead = before.rstrip(_BLANKS)
        rest = after.lstrip(_BLANKS)
        starts = (not lead and index == 0) or lead.endswith(("\n", "\r", "\ufeff"))
        newline = _NEWLINE.match(rest)
        if starts and (newline or not rest):
            before, after = lead, rest[newline.end() :] if newline else ""
        elif rest.startswith(";"):
            before, after = (lead if starts else before), rest[1:].lstrip(_BLANKS)
        elif lead.endswith(";"):
            before = lead[:-1].rstrip(_BLANKS)
        elif starts:
            before, after = lead, rest
        del self._statements[index]
        self._gaps[index : index + 2] = [before + after]


def _assign(statement: Statement) -> None:
    if statement.appends:
        statement.head = statement.head.replace("+=", "=", 1)
        statement.appends = False


def _copy(value: Value) -> Value:
    if isinstance(value, list):
        return [_copy(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_copy(item) for item in value)
    return value
