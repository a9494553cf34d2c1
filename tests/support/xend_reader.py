"""What the S-expression readers of xend's releases make of a text, byte by byte.

An oracle for tests: the tokenizer's states as the releases' behaviour shows them, bugs and all,
checked against the recorded cases of three releases.
"""

from __future__ import annotations

__all__ = ["RELEASES", "ReaderError", "read_as"]

RELEASES = ("3.0.0", "3.0.4", "3.1.0", "4.1.6")
_SPACE = b" \t\n\r\v\f"
_STARTERS = b"{}<>[];"
_NAMED = dict(zip(b"abtnvfr\\'\"", b"\a\b\t\n\v\f\r\\'\"", strict=True))


class ReaderError(Exception):
    """The release refuses the text, or crashes on it."""


def _release(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))


def _escape(text: bytes, at: int, release: tuple[int, ...]) -> tuple[bytes, int]:
    """Decode what follows a backslash; return its bytes and where to go on."""
    char = text[at : at + 1]
    if not char:
        raise ReaderError("unexpected EOF")
    if char[0] in _NAMED:
        return bytes((_NAMED[char[0]],)), at + 1
    if char == b"x":
        digits = text[at + 1 : at + 3]
        if len(digits) < 2 or any(digit not in b"0123456789abcdefABCDEF" for digit in digits):
            raise ReaderError("NameError in the hex escape")
        number = 0
        for digit in digits.lower():  # the letters lack their ten
            number = number * 16 + (digit - 48 if digit < 58 else digit - 97)
        return bytes((number & 0xFF,)), at + 3
    if char in b"01234567":
        end = at
        while end < at + 3 and text[end : end + 1] and text[end] in b"01234567":
            end += 1
        if end - at < 3 and release < (3, 0, 3):
            raise ReaderError("crash on a short octal escape")
        number = int(text[at:end], 8)
        if number > 255:
            raise ReaderError("octal escape out of range")
        return bytes((number,)), end
    if release < (3, 0, 4):
        raise ReaderError("unknown escape")
    return b"\\", at + 1


def read_as(text: bytes, release_name: str) -> list[object]:
    """Read every expression of a text as that release does. Atoms are bytes."""
    release = _release(release_name)
    starters = _STARTERS + (b"!" if release < (4, 0) else b"")
    top: list[object] = []
    stack = [top]
    at = 0
    while at < len(text):
        char = text[at]
        if char in _SPACE:
            at += 1
        elif char == 0x23:
            end = text.find(b"\n", at)
            if end < 0:
                return top
            at = end
        elif char == 0x28:
            inner: list[object] = []
            stack[-1].append(inner)
            stack.append(inner)
            at += 1
        elif char == 0x29:
            if len(stack) == 1:
                raise ReaderError("syntax error: )")
            stack.pop()
            at += 1
        elif char in b"'\"":
            at += 1
            value = b""
            while True:
                if at >= len(text):
                    raise ReaderError("unexpected EOF")
                if text[at] == char:
                    break
                if text[at] == 0x5C:
                    more, at = _escape(text, at + 1, release)
                    value += more
                else:
                    value += text[at : at + 1]
                    at += 1
            stack[-1].append(value)
            at += 1
        elif char == 4:
            return top
        elif not 0x21 <= char <= 0x7E:
            raise ReaderError(f"invalid character: code {char}")
        else:
            end = at + 1
            while end < len(text) and text[end] not in _SPACE + b"()#" + starters:
                end += 1
            stack[-1].append(text[at:end])
            at = end
    if len(stack) > 1:
        raise ReaderError("unexpected EOF")
    return top
