"""xl.cfg: libxlu's own grammar (Xen 4.1 on), which only looks like Python.

``key = value`` or, from 4.13, ``key += value``; a statement ends with its line or a semicolon.
A value is a string in either quotes, a number without sign (decimal, octal, hexadecimal) or a list
of values (nested from 4.5), which may span lines and end with a comma. To libxlu every atom is a
string that is read as a number where one is wanted, with C's ``strtol`` and base 0: so ``"0x10"``,
``020`` and ``16`` are the same memory, and ``+=`` on atoms joins their texts.
"""

from __future__ import annotations

import re

from xenparley.domain.errors import InvalidInput, ParseError

from .literals import MAX_NESTING, xl_literal
from .text_document import MAX_STATEMENTS, Lines, Statement, TextDocument, Value, decode

__all__ = ["XlDocument", "parse_xlcfg"]

_KEY = re.compile(r"[a-z][._0-9a-z]*\Z")
_TOKEN = re.compile(
    r"""
    (?P<skip>[ \t]+)
  | (?P<newline>\#[^\n]*(?:\n|\Z)|\n)
  | (?P<name>[a-z][._0-9a-z]*)
  | (?P<number>[0-9][0-9a-fx]*)
  | (?P<string>'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'|"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*")
  | (?P<op>\+=|[=,;\[\]])
  | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x(.?.?)|([0-7]{1,3})|(.))", re.DOTALL)
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_Token = tuple[str, str, int, int]


class XlDocument(TextDocument):
    """An xl.cfg file: ordered keys, patched in place. ``XlDocument()`` is an empty one."""

    def __init__(
        self,
        gaps: list[str] | None = None,
        statements: list[Statement] | None = None,
        newline: str = "\n",
    ) -> None:
        super().__init__(gaps or [""], statements or [], newline)

    def literal(self, value: Value) -> str:
        """Write a value as libxlu reads it. Raises InvalidInput for what it can't say."""
        return xl_literal(value)

    def check_key(self, key: str) -> None:
        """Raise InvalidInput for what libxlu takes for something else than a name."""
        if not _KEY.match(key):
            raise InvalidInput(f"not a key of xl.cfg: {key!r}")


def parse_xlcfg(data: bytes | str, name: str = "<xl.cfg>") -> XlDocument:
    """Read an xl.cfg file; ``name`` is what errors call it.

    Raises ParseError with ``file:line``.
    """
    return _Parser(decode(data, name), name).document()


def _atom(text: str) -> str | int:
    """Return the number that ``strtol`` makes of all of a NUMBER's text, else the text."""
    if len(text) > 24:
        return text
    try:
        number = int(text, 8 if text[0] == "0" and text.isdigit() else 0)
    except ValueError:
        return text
    return number if number < 1 << 63 and text[:2] not in ("0b", "0o") else text


def _unquote(token: str) -> str:
    """Return what a quoted string stands for. Raises ValueError for an escape without meaning."""
    body = token[1:-1]
    if "\\" not in body:
        return body
    return _ESCAPE.sub(_escaped, body)


def _escaped(match: re.Match[str]) -> str:
    hexadecimal, digits, other = match.groups()
    if hexadecimal is not None or digits is not None:
        raise ValueError(f"the escape {match.group()!a}: libxlu loses characters given by number")
    if other in "\\'\"":
        return str(other)
    if other in _NAMED:
        return _NAMED[other]
    raise ValueError(f"unknown escape {match.group()!a}")


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.lines = Lines(text, name)
        self.words = self.tokens()
        self.at = 0
        self.held: dict[str, tuple[Value, str]] = {}
        self.size = 0

    def tokens(self) -> list[_Token]:
        found: list[_Token] = []
        for match in _TOKEN.finditer(self.text):
            kind = match.lastgroup or "bad"
            if kind == "bad":
                raise self.lines.error(match.start(), self.bad(match.group(), match.start()))
            if kind != "skip":
                found.append((kind, match.group(), match.start(), match.end()))
        found.append(("end", "", len(self.text), len(self.text)))
        return found

    def bad(self, char: str, place: int) -> str:
        if char in "'\"":
            return "a string is not closed on its line"
        if char == "\r":
            return "a carriage return: xl refuses files with Windows line ends"
        if char == "\ufeff" and place == 0:
            return "a byte order mark: xl refuses it"
        if char in "+-.():":
            return f"unexpected {char!r}: this looks like an XM file for xm, not like xl.cfg"
        return f"unexpected character {char!a}"

    def document(self) -> XlDocument:
        gaps: list[str] = []
        found: list[Statement] = []
        behind = 0
        while True:
            kind, text, start, _end = self.words[self.at]
            if kind == "end":
                break
            if kind == "newline" or text == ";":
                self.at += 1
                continue
            if len(found) >= MAX_STATEMENTS:
                raise self.lines.error(start, f"more than {MAX_STATEMENTS} statements")
            found.append(self.statement())
            gaps.append(self.text[behind:start])
            behind = self.words[self.at - 1][3]
            kind, text, start, _end = self.words[self.at]
            if kind not in ("newline", "end") and text != ";":
                raise self.unexpected("the end of the line or a semicolon")
        gaps.append(self.text[behind:])
        return XlDocument(gaps, found)

    def unexpected(self, wanted: str) -> ParseError:
        kind, text, start, _end = self.words[self.at]
        what = {
            "newline": "the end of the line",
            "end": "the end of the file",
        }.get(kind, repr(text) if kind == "op" else f"a {kind}")
        return self.lines.error(start, f"expected {wanted}, found {what}")

    def statement(self) -> Statement:
        kind, key, start, _end = self.words[self.at]
        if kind != "name":
            raise self.unexpected("a key in lower case")
        self.at += 1
        sign = self.words[self.at][1]
        if sign not in ("=", "+="):
            raise self.unexpected(f"= or += behind {key[:40]}")
        self.at += 1
        first = self.words[self.at][2]
        value = self.value(0)
        last = self.words[self.at - 1]
        text = self.text[first : last[3]]
        joined = text if isinstance(value, int) else value if isinstance(value, str) else ""
        if sign == "+=" and key in self.held:
            value, joined = self.append(key, value, joined, start)
        self.held[key] = (value, joined)
        return Statement(
            key,
            value,
            head=self.text[start:first],
            text=text,
            line=self.lines.line(start),
            end_line=self.lines.line(last[3] - 1),
            appends=sign == "+=",
        )

    def append(self, key: str, value: Value, joined: str, start: int) -> tuple[Value, str]:
        old, text = self.held[key]
        if isinstance(old, list) != isinstance(value, list):
            raise self.lines.error(start, "+= between a list and a string")
        self.size += len(old) if isinstance(old, list) else len(text)
        if self.size > len(self.text) * 20 + 100_000:
            raise self.lines.error(start, "the values of this file grow too large")
        if isinstance(old, list) and isinstance(value, list):
            return old + value, ""
        return text + joined, text + joined

    def value(self, depth: int) -> Value:
        kind, text, start, _end = self.words[self.at]
        if text == "[" and kind == "op":
            if depth >= MAX_NESTING:
                raise self.lines.error(start, f"lists nested deeper than {MAX_NESTING}")
            return self.list(depth + 1)
        if kind == "number":
            self.at += 1
            return _atom(text)
        if kind == "string":
            self.at += 1
            try:
                return _unquote(text)
            except ValueError as exc:
                raise self.lines.error(start, str(exc)) from exc
        raise self.unexpected("a string, a number or a list")

    def skip_lines(self) -> None:
        while self.words[self.at][0] == "newline":
            self.at += 1

    def list(self, depth: int) -> Value:
        opening = self.words[self.at][2]
        items: list[Value] = []
        self.at += 1
        self.skip_lines()
        while self.words[self.at][1] != "]":
            items.append(self.value(depth))
            self.skip_lines()
            if self.words[self.at][1] == ",":
                self.at += 1
                self.skip_lines()
            elif self.words[self.at][1] != "]":
                if self.words[self.at][0] == "end":
                    raise self.lines.error(opening, "this list is not closed")
                raise self.unexpected(", or ]")
        self.at += 1
        return items
