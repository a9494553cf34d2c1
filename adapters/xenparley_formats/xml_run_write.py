"""What one run of the writer gathers: losses, and which pieces belong where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from xenparley.domain.config import Extra
from xenparley.domain.errors import ParseError, Problem, Unrepresentable
from xenparley.domain.identity import printable
from xenparley_formats.xml_parse import parse_piece

__all__ = ["Pieces", "WriteRun", "attribute", "split_key"]

# What no XML 1.0 document can hold, not even as a reference.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEY = re.compile(r"((?:[^/{}@!#?]+/)*)(.*)", re.DOTALL)
_NAME = re.compile(r"(?:\{([^{}]+)\})?([^\W\d][\w.\-]*)")
_PI = re.compile(r"<\?([^\W\d][\w.\-]*)(?:\s(?:[^?]|\?(?!>))*)?\?>")
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_VALUE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "'": "&apos;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


def attribute(name: str, value: str) -> str:
    """Return `` name='value'``; the value is one that XML can hold."""
    return f" {name}='{value.translate(_IN_VALUE)}'"


def split_key(key: str) -> tuple[str, str]:
    """Return the parent path (with its slash, or '') and the last part of a piece's key."""
    match = _KEY.fullmatch(key)
    assert match is not None
    return match[1], match[2]


class Pieces:
    """The pieces of one owner, by the path of their parents."""

    __slots__ = ("_left", "run", "where")

    def __init__(self, extras: Iterable[Extra], run: WriteRun, where: str) -> None:
        self.run = run
        self.where = where
        self._left: dict[str, list[tuple[str, Extra]]] = {}
        for extra in extras:
            parent, last = split_key(extra.key) if extra.format == "xml" else ("", extra.key)
            self._left.setdefault(parent, []).append((last, extra))

    def take(self, parent: str) -> list[tuple[str, Extra]]:
        """Return (last part of the key, piece) of those below this path, once."""
        return self._left.pop(parent, []) if self._left else []

    def finish(self) -> None:
        """Warn of what belongs to an element that is no longer there."""
        for group in self._left.values():
            for _, extra in group:
                key = printable(extra.key, limit=200)
                self.run.warn(self.where, f"{key} is left out: its element is gone")


class WriteRun:
    """Losses of one document. Without ``lossy`` they become an error."""

    __slots__ = ("losses", "lossy", "uses_namespace", "warnings")

    def __init__(self, *, lossy: bool) -> None:
        self.lossy = lossy
        self.uses_namespace = False
        self.losses: list[Problem] = []
        self.warnings: list[Problem] = []

    def lose(self, where: str, message: str) -> None:
        """Note something that XML can't say."""
        self.losses.append(Problem(where, message))

    def warn(self, where: str, message: str) -> None:
        """Note something that is left out for a good reason."""
        self.warnings.append(Problem(where, message))

    def finish(self) -> tuple[Problem, ...]:
        """Return the warnings, or raise Unrepresentable with every loss."""
        if self.losses and not self.lossy:
            raise Unrepresentable("xml", self.losses)
        return (*self.losses, *self.warnings)

    def possible(self, text: str, where: str) -> str:
        """Return the text as XML can hold it; a loss where a character had to be replaced."""
        if _IMPOSSIBLE.search(text) is None:
            return text
        self.lose(where, f"XML can't hold these characters: {printable(text, limit=80)!r}")
        return _IMPOSSIBLE.sub("\ufffd", text)

    def secret(self, where: str) -> str | None:
        """Refuse a character of a secret without showing it."""
        self.lose(where, "XML can't hold a character of this secret")
        return None

    def text(self, text: str, where: str) -> str:
        """Return text for an element's content."""
        return self.possible(text, where).translate(_IN_TEXT)

    def value(self, text: str, where: str, *, secret: bool = False) -> str | None:
        """Return an attribute's value, not yet escaped; None: it can't be written."""
        if secret and _IMPOSSIBLE.search(text) is not None:
            return self.secret(where)
        return self.possible(text, where)

    def extra_attribute(
        self, name: str, text: str, number: int, taken: Iterable[str], where: str
    ) -> str:
        """Return an attribute that the model doesn't know, with its namespace; '' if refused."""
        match = _NAME.fullmatch(name)
        where = f"{where}@{printable(name, limit=200)}"
        if match is None or name in taken or name == "xmlns":
            self.lose(where, "no name of an attribute, or one given twice")
            return ""
        uri, local = match.groups()
        if _IMPOSSIBLE.search(text) is not None or _IMPOSSIBLE.search(uri or "") is not None:
            self.lose(where, "XML can't hold its characters")
            return ""
        if uri is None:
            return attribute(local, text)
        if uri == _XML_NAMESPACE:
            return attribute(f"xml:{local}", text)
        if uri == "http://www.w3.org/2000/xmlns/":
            self.lose(where, "no name of an attribute")
            return ""
        return attribute(f"xmlns:xp{number}", uri) + attribute(f"xp{number}:{local}", text)

    def extra_element(self, last: str, extra: Extra, where: str) -> tuple[Any, str] | None:
        """Return the parsed and the textual form of an element, None if it is no element."""
        try:
            piece = parse_piece(extra.text)
        except ParseError as exc:
            self.lose(f"{where}{printable(last, limit=200)}", f"not one element: {exc.reason}")
            return None
        return piece, extra.text

    def aside(self, last: str, extra: Extra, where: str) -> str | None:
        """Return a comment or processing instruction; None if it can't be written."""
        text = extra.text
        if _IMPOSSIBLE.search(text) is None and "\r" not in text:
            if last == "?" and (match := _PI.fullmatch(text)) and match[1].lower() != "xml":
                return text
            if last == "!comment" and "--" not in text and not text.endswith("-"):
                return f"<!--{text}-->"
        self.lose(f"{where}{last}", "no comment or processing instruction that XML can hold")
        return None
