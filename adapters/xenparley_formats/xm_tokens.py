"""The words of an XM file: Python 2's tokens, as far as configurations use them."""

from __future__ import annotations

import re
from typing import NamedTuple

from .text_document import Lines

__all__ = ["REFUSED", "Token", "string_value", "tokens"]

#: Words of Python that would have to be executed, and what the error calls them.
REFUSED = {
    "and": "a logical expression",
    "assert": "an assert",
    "async": "a coroutine",
    "await": "a coroutine",
    "break": "a loop",
    "class": "a class",
    "continue": "a loop",
    "def": "a function definition",
    "del": "a del statement",
    "elif": "an if statement",
    "else": "an if statement",
    "except": "a try statement",
    "exec": "an exec statement",
    "finally": "a try statement",
    "for": "a loop or comprehension",
    "from": "an import",
    "global": "a global statement",
    "if": "an if statement or expression",
    "import": "an import",
    "in": "a comparison",
    "is": "a comparison",
    "lambda": "a lambda",
    "nonlocal": "a nonlocal statement",
    "not": "a logical expression",
    "or": "a logical expression",
    "pass": "a pass statement",
    "print": "a print statement",
    "raise": "a raise statement",
    "return": "a return statement",
    "try": "a try statement",
    "while": "a loop",
    "with": "a with statement",
    "yield": "a generator",
}


class Token(NamedTuple):
    """One word: its kind (name, number, string, op, newline, end), text and place."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
    (?P<skip>[ \t\f]+|\\(?:\r\n|\n|\r)|\#[^\r\n]*)
  | (?P<newline>\r\n|\n|\r)
  | (?P<string>(?:[uU][rR]?|[bB][rR]?|[rR])?
        (?:'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''
          |\"\"\"[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"\"\"
          |(?!'''|\"\"\")(?:'[^'\\\r\n]*(?:\\(?:\r\n|.)[^'\\\r\n]*)*'
                           |"[^"\\\r\n]*(?:\\(?:\r\n|.)[^"\\\r\n]*)*")))
  | (?P<number>0[xX][0-9a-fA-F]+[lL]?|0[oO][0-7]+[lL]?|0[bB][01]+[lL]?
        |(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|[0-9]+[lL]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<op>\*\*=?|//=?|<<=?|>>=?|<>|[-+*/%&|^=!<>]=|[-+*/%=(),;\[\]{}.:<>&|^~`@])
  | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str, start: int, lines: Lines) -> list[Token]:
    """Cut a text into words from an offset on. Newlines inside brackets and comments are dropped.

    Raises ParseError for a string that is not closed and for characters Python has no use for.
    """
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text, start):
        kind = match.lastgroup or "bad"
        if kind == "skip":
            continue
        word = match.group()
        if kind == "op":
            if word in "([{":
                depth += 1
            elif word in ")]}" and depth:
                depth -= 1
        elif kind == "newline":
            if depth:
                continue
        elif kind == "bad":
            raise lines.error(
                match.start(),
                "a string is not closed" if word in "'\"" else f"unexpected character {word!a}",
            )
        found.append(Token(kind, word, match.start(), match.end()))
    found.append(Token("end", "", len(text), len(text)))
    return found


_ESCAPE = re.compile(rb"\\(?:(\n)|([0-7]{1,3})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_UNICODE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([uUN])|(.))", re.DOTALL)
_NAMED = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
}


def _byte(match: re.Match[bytes]) -> bytes:
    newline, octal, hexadecimal, other = match.groups()
    if newline is not None:
        return b""
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    if other == b"x":
        raise ValueError("\\x needs two hexadecimal digits")
    return _NAMED.get(other, b"\\" + other)


def _character(match: re.Match[str]) -> str:
    short, long, bad, _other = match.groups()
    if bad:
        raise ValueError(f"the escape \\{bad} of a unicode string")
    if short is None and long is None:
        return match.group()
    number = int(short or long, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise ValueError("a unicode escape that is no character")
    return chr(number) if number != 0x5C else "\\\\"


def string_value(token: str) -> str:
    """Return what a Python 2 string literal stands for.

    Its escapes are bytes; those that make UTF-8 together become one character. Raises ValueError
    for a malformed escape.
    """
    quote = min(token.find(each) % (len(token) + 1) for each in "'\"")
    prefix = token[:quote].lower()
    body = token[quote:]
    width = 3 if body.startswith(("'''", '"""')) else 1
    body = body[width:-width]
    if "\r" in body:
        body = body.replace("\r\n", "\n").replace("\r", "\n")
    if "\\" not in body or "r" in prefix:
        return body
    if "u" in prefix:
        body = _UNICODE.sub(_character, body)
    raw = _ESCAPE.sub(_byte, body.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")
