"""xend's S-expressions: reader and writer.

XenD (Xen 3.0.0 to 4.4) and libvirt speak a dialect of their own. An expression is an atom or a
list. Atoms are always strings: ``0123``, ``nil``, ``1e5`` and ``t`` are names, not numbers or
constants. Bytes that are not UTF-8 travel as surrogate escapes in ``str`` atoms, so whatever is
read can be written back.

Reading follows xend's own grammar as run in releases 3.0.4, 3.1 and 4.1, and differs from it only
where xend garbles what it wrote itself: see :data:`DIFFERENCES`.

Writing keeps to what the readers of all releases and libvirt's reader agree on: a bare word of
harmless characters, or single quotes in which only backslash and single quote are escaped and
control characters are three octal digits (``\\x`` decodes wrongly in every release of xend, and
shorter octal escapes crash those before 3.0.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Union

from xenparley.domain.errors import InvalidInput, ParseError

from .sxp_escape import surrogate_bytes, unescape

__all__ = [
    "DIFFERENCES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "Sexp",
    "SexpLike",
    "dumpb",
    "dumps",
    "loads",
    "loads_all",
]

#: An expression as it is read: an atom, or a list of expressions.
Sexp = Union[str, "list[Sexp]"]
#: An expression as it may be written: tuples serve as lists.
SexpLike = Union[str, "Sequence[SexpLike]"]

#: Longest document that is read, in bytes. A host with 80 virtual CPUs answers 74 KB per guest.
MAX_BYTES = 64 * 1024 * 1024
#: Deepest nesting that is read or written. xend's own documents stay below 20.
MAX_DEPTH = 400

#: Where reading differs from xend's own parser, and why.
DIFFERENCES = {
    "hex escape": "xend decodes the letters of \\xHH wrongly, although it writes \\xHH itself",
    "unknown escape": "xend reads \\q as a backslash and drops the q; here both are kept",
    "bad hex escape": "xend fails with a NameError; here it is a ParseError",
    "exclamation mark": "before 4.0 an unquoted ! starts a new atom; here w! is one, as from 4.0",
    "high byte first": "xend refuses an unquoted atom that starts with a byte above 0x7f",
    "end of transmission": "xend takes an unquoted 0x04 for the end of the document",
    "open comment": "xend forgets an open list when the document ends inside a comment",
}

_BARE_FIRST = r"[^\s()#'\"\x00-\x20\x7f]"
_BARE_REST = r"[^\x20\t\n\r\v\f()#{}<>\[\];]*"
# One alternative per kind of token. Strings come closed or not at all: an open one matches "bad".
_TOKEN = re.compile(
    r"(?P<list>[()])"
    r"|(?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\")"
    rf"|(?P<bare>{_BARE_FIRST}{_BARE_REST})"
    r"|(?P<skip>[ \t\n\r\v\f]+|\#[^\n]*)"
    r"|(?P<bad>.)",
    re.DOTALL | re.ASCII,
)
# For the fast pass: a quoted atom that stands alone, and what in the rest needs the checked pass.
# The pattern starts with the quote, what stands before it is looked at after: so the matcher runs
# from quote to quote.
_QUOTED = re.compile(
    r"('(?<![^\s()]')[^'\\]*(?:\\.[^'\\]*)*'(?![^\s()])"
    r"|\"(?<![^\s()]\")[^\"\\]*(?:\\.[^\"\\]*)*\"(?![^\s()]))",
    re.DOTALL | re.ASCII,
)
_ALONE = re.compile(r"'(?<![^\s()]')(?![^\s()])", re.ASCII)
_ODD = bytes([*range(9), *range(14, 32), 127]) + b'"#{}<>[];'


def _decode(data: bytes | str) -> str:
    """Return the document as text in which every byte has a place."""
    if isinstance(data, str):
        if len(data) > MAX_BYTES:
            raise ParseError(f"longer than {MAX_BYTES} bytes", place="byte 0", offset=0)
        if data.isascii():
            return data
        return surrogate_bytes(data).decode("utf-8", "surrogateescape")
    if len(data) > MAX_BYTES:
        raise ParseError(f"longer than {MAX_BYTES} bytes", place="byte 0", offset=0)
    return bytes(data).decode("utf-8", "surrogateescape")


def _error(text: str, position: int, message: str) -> ParseError:
    """Build the error for a place in the text, told in bytes."""
    offset = len(text[:position].encode("utf-8", "surrogateescape"))
    line = text.count("\n", 0, position) + 1
    return ParseError(message, place=f"byte {offset}", line=line, offset=offset)


def _parse_checked(text: str, lenient: bool = False) -> list[Sexp]:
    """Read token by token, knowing every token's place. Raises ParseError."""
    top: list[Sexp] = []
    current = top
    stack: list[tuple[list[Sexp], int]] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        word = match.group()
        if kind == "skip":
            continue
        start = match.start()
        if kind == "bare":
            current.append(word)
        elif kind == "string":
            try:
                current.append(unescape(word[1:-1]))
            except ValueError as exc:
                raise _error(text, start, str(exc)) from exc
        elif word == "(":
            if len(stack) >= MAX_DEPTH:
                raise _error(text, start, f"lists nested deeper than {MAX_DEPTH}")
            inner: list[Sexp] = []
            current.append(inner)
            stack.append((current, start))
            current = inner
        elif word == ")":
            if not stack:
                if lenient and top:
                    return top
                raise _error(text, start, "closing parenthesis without an opening one")
            current = stack.pop()[0]
        elif word in "'\"":
            raise _error(text, start, "string is not closed")
        else:
            raise _error(text, start, f"invalid character {ord(word):#04x}")
    if stack and not lenient:
        raise _error(text, stack[-1][1], "list is not closed")
    return top


def _mask(text: str) -> tuple[str, list[str]] | None:
    """Return the text with a lone quote for each quoted atom, and these atoms; None where odd."""
    if "\\" in text or '"' in text:
        parts = _QUOTED.split(text)
        try:
            quoted = [unescape(part[1:-1]) for part in parts[1::2]]
        except ValueError:
            return None
    else:  # the quotes come in pairs
        parts = text.split("'")
        quoted = parts[1::2]
    plain = "'".join(parts[::2])
    if len(parts) % 2 == 0 or not plain.isascii():
        return None
    raw = plain.encode()
    if len(raw) != len(raw.translate(None, _ODD)):
        return None
    if not len(quoted) == plain.count("'") == len(_ALONE.findall(plain)):
        return None
    return plain, quoted


def _parse_fast(text: str) -> list[Sexp] | None:
    """Read a sound document; None where anything is odd, so that the checked pass can tell.

    The text is cut wherever a list ends and the next begins. Each piece is then what stands
    between an opening and a closing parenthesis, mostly the atoms of one ``(key value)``, which
    ``str.split`` makes into a list.
    """
    masked = _mask(text)
    if masked is None:
        return None
    plain, quoted = masked
    body = plain.rstrip(" '\t\n\r\v\f")
    before = body.count("'")
    body = body.lstrip()
    if not body.startswith("(") or not body.endswith(")"):
        return None
    strings = iter(quoted[:before])

    def atoms(words: str) -> list[Sexp]:
        if "'" in words:
            return [next(strings) if word == "'" else word for word in words.split()]
        return words.split()  # type: ignore[return-value]

    current: list[Sexp] = []
    top = current
    stack: list[list[Sexp]] = []
    for piece in body[1:-1].replace(")(", ") (").split(") ("):
        if "(" in piece:
            if -1 < piece.find(")") < piece.rfind("("):
                return None
            inner = piece.split("(")
            piece = inner.pop()
            if len(stack) + len(inner) >= MAX_DEPTH:
                return None
            for words in inner:
                stack.append(current)
                node = atoms(words)
                current.append(node)
                current = node
        if ")" in piece:
            outer = piece.split(")")
            if len(stack) < len(outer) - 1:
                return None
            current.append(atoms(outer[0]))
            del outer[0]
            for words in outer:
                if words:
                    current += atoms(words)
                current = stack.pop()
            continue
        node = piece.split()  # type: ignore[assignment]
        if "'" in piece:
            node = [next(strings) if word == "'" else word for word in node]
        current.append(node)
    if stack:
        return None
    return top + quoted[before:]


def loads_all(data: bytes | str) -> list[Sexp]:
    """Read every expression of a document; an empty document has none.

    Raises ParseError with the byte offset (``offset``) of what is wrong.
    """
    text = _decode(data)
    values = _parse_fast(text)
    return _parse_checked(text) if values is None else values


def loads(data: bytes | str, *, lenient: bool = False) -> Sexp:
    """Read one expression.

    After it only empty atoms may come: from 4.1 on xend prints ``''`` behind many replies.
    ``lenient`` forgives what libvirt's reader forgives: lists left open at the end, and anything
    after the first expression. Raises ParseError with the byte offset (``offset``) of what is
    wrong.
    """
    text = _decode(data)
    values = _parse_fast(text)
    if values is None:
        values = _parse_checked(text, lenient)
    if not values:
        raise ParseError("no expression in the document", place="byte 0", offset=0)
    if not lenient and len(values) > 1 and any(values[1:]):
        raise ParseError("more than one expression in the document", place="end of document")
    return values[0]


_NOT_BARE = re.compile(r"[^A-Za-z0-9./:_-]")
_CONTROL = re.compile(r"[\\'\x00-\x08\x0b-\x1f\x7f]")


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return "\\" + char if char in "\\'" else f"\\{ord(char):03o}"


def _quote(atom: str) -> str:
    """Write one atom so that nothing in it can end it."""
    if _NOT_BARE.search(atom) is None and atom:
        return atom
    return "'" + _CONTROL.sub(_escape, atom) + "'"


def dumps(value: SexpLike) -> str:
    """Write one expression; bytes that are not UTF-8 are surrogate escapes in the text.

    Raises InvalidInput for anything but strings and sequences of them, for a string that no bytes
    can stand for, and for nesting beyond :data:`MAX_DEPTH` (a list that contains itself).
    """
    if isinstance(value, str):
        text = _quote(value)
    elif isinstance(value, (list, tuple)):
        out: list[str] = []
        _write(value, out)
        text = "".join(out)
    else:
        raise _not_a_part(value)
    if not text.isascii():
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as exc:
            raise InvalidInput(f"no bytes stand for the character at {exc.start}") from exc
    return text


def dumpb(value: SexpLike) -> bytes:
    """Write one expression as the bytes that go over the wire. Raises what :func:`dumps` does."""
    return dumps(value).encode("utf-8", "surrogateescape")


class _Quoted(dict[str, str]):
    """Atoms as they are written; most of a document's are keys that come again and again."""

    def __missing__(self, atom: str) -> str:
        written = self[atom] = _quote(atom)
        return written


def _write(value: Sequence[SexpLike], out: list[str]) -> None:
    """Append a list's text, piece by piece, with a stack of our own."""
    words = _Quoted()
    put = out.append
    put("(")
    items: Iterator[SexpLike] = iter(value)
    stack: list[Iterator[SexpLike]] = []
    space = ""
    while True:
        for item in items:
            if isinstance(item, str):
                put(f"{space}{words[item]}")
            elif not isinstance(item, (list, tuple)):
                raise _not_a_part(item)
            else:
                if len(item) == 2:
                    key, last = item
                    if isinstance(key, str) and isinstance(last, str):
                        put(f"{space}({words[key]} {words[last]})")
                        space = " "
                        continue
                if len(stack) >= MAX_DEPTH - 1:
                    raise InvalidInput(f"lists nested deeper than {MAX_DEPTH}")
                put(f"{space}(")
                stack.append(items)
                items = iter(item)
                space = ""
                break
            space = " "
        else:
            put(")")
            if not stack:
                return
            items = stack.pop()
            space = " "


def _not_a_part(item: object) -> InvalidInput:
    return InvalidInput(f"not a part of an S-expression: a value of type {type(item).__name__}")
