"""XM files (/etc/xen), read without executing them.

xm of every release ran these files as Python 2. This reader evaluates what real files consist of:
assignments of strings (with ``+``, ``%`` and implicit concatenation), numbers as Python 2 reads
them, lists, tuples and names assigned before. Whatever would need execution (imports, conditions,
calls, attributes, comprehensions...) is refused with its line and its kind, never guessed.

It has a parser of its own instead of Python's ``ast``: that reads Python 3, where ``010`` is an
error and ``'\\xe9'`` is a character, warns about escapes, and can be driven out of memory or stack.
"""

from __future__ import annotations

import re

from xenparley.domain.errors import InvalidInput, ParseError

from .literals import MAX_NESTING, xm_literal
from .text_document import MAX_STATEMENTS, Lines, Statement, TextDocument, Value, decode
from .xm_tokens import REFUSED, Token, string_value, tokens
from .xm_values import ITEM, Budget, combine, number_value

__all__ = ["XmDocument", "parse_xm"]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONSTANTS: dict[str, Value] = {"True": True, "False": False, "None": None}
_POSTFIX = {"(": "a call", ".": "an attribute", "[": "a subscript"}
_OPERATORS = {
    "{": "a dictionary",
    "**": "a power",
    "`": "a repr expression",
    "@": "a decorator",
    ":": "a block",
    **dict.fromkeys(("<", ">", "==", "!=", "<=", ">=", "<>"), "a comparison"),
    **dict.fromkeys(("&", "|", "^", "~", "<<", ">>"), "a bit operation"),
}


class XmDocument(TextDocument):
    """An XM file: ordered keys, patched in place. ``XmDocument()`` is an empty one."""

    def __init__(
        self,
        gaps: list[str] | None = None,
        statements: list[Statement] | None = None,
        newline: str = "\n",
    ) -> None:
        super().__init__(gaps or [""], statements or [], newline)

    def literal(self, value: Value) -> str:
        """Write a value as Python 2 reads it. Raises InvalidInput for what it can't say."""
        return xm_literal(value)

    def check_key(self, key: str) -> None:
        """Raise InvalidInput for what is not a name in Python."""
        if not _KEY.match(key) or key in REFUSED or key in _CONSTANTS or key == "as":
            raise InvalidInput(f"not a key of an XM file: {key!r}")


def parse_xm(data: bytes | str, name: str = "<xm>") -> XmDocument:
    """Read an XM file; ``name`` is what errors call it.

    Raises ParseError with ``file:line`` for everything but the subset above.
    """
    text = decode(data, name)
    return _Parser(text, name).document()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.lines = Lines(text, name)
        self.start = 1 if text.startswith("\ufeff") else 0
        head = text[self.start : self.start + 200].lstrip()
        if head.startswith("<"):
            raise self.lines.error(self.start, "this is XML, not an XM file")
        if head.startswith("("):
            raise self.lines.error(self.start, "this is an S-expression, not an XM file")
        self.words = tokens(text, self.start, self.lines)
        self.at = 0
        self.names: dict[str, tuple[Value, int]] = {k: (v, 1) for k, v in _CONSTANTS.items()}
        self.uses: set[str] = set()
        self.budget = Budget()

    def error(self, token: Token, message: str) -> ParseError:
        return self.lines.error(token.start, message)

    def refuse(self, token: Token, what: str) -> ParseError:
        return self.error(token, f"{what}: xm would execute it, only plain assignments are read")

    def document(self) -> XmDocument:
        gaps: list[str] = []
        found: list[Statement] = []
        behind = 0
        while True:
            token = self.words[self.at]
            if token.kind == "end":
                break
            if token.kind == "newline":
                self.at += 1
                continue
            self.check_indent(token)
            statement = self.statement()
            end = self.words[self.at - 1].end
            if statement is not None:
                if len(found) >= MAX_STATEMENTS:
                    raise self.error(token, f"more than {MAX_STATEMENTS} statements")
                gaps.append(self.text[behind : token.start])
                found.append(statement)
                behind = end
            self.end_of_statement()
        gaps.append(self.text[behind:])
        newline = next((w.text for w in self.words if w.kind == "newline"), "\n")
        return XmDocument(gaps, found, newline)

    def check_indent(self, token: Token) -> None:
        previous = self.words[self.at - 1] if self.at else None
        if previous is None or previous.kind == "newline":
            edge = previous.end if previous else self.start
            if self.text[edge : token.start].strip("\f"):
                raise self.error(token, "unexpected indentation")

    def end_of_statement(self) -> None:
        token = self.words[self.at]
        if token.kind in ("newline", "end"):
            return
        if token.text == ";":
            self.at += 1
            if self.words[self.at].text == ";":
                raise self.error(self.words[self.at], "a semicolon without a statement")
            return
        raise self.unexpected(token, "the end of the statement")

    def unexpected(self, token: Token, wanted: str) -> ParseError:
        if token.kind == "name" and token.text in REFUSED:
            return self.refuse(token, REFUSED[token.text])
        if token.kind == "op" and token.text in _OPERATORS:
            return self.refuse(token, _OPERATORS[token.text])
        what = {"newline": "the end of the line", "end": "the end of the file"}.get(
            token.kind, repr(token.text) if token.kind == "op" else f"a {token.kind}"
        )
        return self.error(token, f"expected {wanted}, found {what}")

    def statement(self) -> Statement | None:
        token = self.words[self.at]
        if token.kind == "string":  # a bare string, used as a comment
            while self.words[self.at].kind == "string":
                self.at += 1
            return None
        if token.kind != "name" or token.text in REFUSED:
            raise self.unexpected(token, "a name to assign to")
        if token.text in _CONSTANTS:
            raise self.error(token, f"an assignment to {token.text}")
        sign = self.words[self.at + 1]
        if sign.kind != "op" or sign.text not in ("=", "+="):
            if sign.kind == "op" and sign.text in _POSTFIX:
                raise self.refuse(token, _POSTFIX[sign.text])
            if sign.kind == "op" and sign.text == ",":
                raise self.refuse(token, "an assignment to several names")
            raise self.unexpected(sign, f"= behind the name {token.text[:40]}")
        self.at += 2
        first = self.words[self.at]
        self.uses = set()
        value, weight = self.tuple_or_expression(first)
        if self.words[self.at].text == "=":
            raise self.refuse(self.words[self.at], "an assignment to several names")
        key = token.text
        if sign.text == "+=":
            old = self.named(token)
            value, weight = self.apply("+", old, (value, weight), sign)
        if not _shallow(value, MAX_NESTING):
            raise self.error(token, f"lists nested deeper than {MAX_NESTING}")
        self.names[key] = (value, weight)
        last = self.words[self.at - 1]
        return Statement(
            key,
            value,
            head=self.text[token.start : first.start],
            text=self.text[first.start : last.end],
            line=self.lines.line(token.start),
            end_line=self.lines.line(last.end - 1),
            appends=sign.text == "+=",
            uses=frozenset(self.uses),
        )

    def charge(self, token: Token, weight: int) -> int:
        try:
            return self.budget.charge(weight)
        except ValueError as exc:
            raise self.error(token, str(exc)) from exc

    def apply(
        self, sign: str, left: tuple[Value, int], right: tuple[Value, int], token: Token
    ) -> tuple[Value, int]:
        try:
            value, weight = combine(sign, left[0], right[0], (left[1], right[1]), self.budget)
        except ValueError as exc:
            raise self.error(token, str(exc)) from exc
        return (_whole(value) if isinstance(value, str) else value), weight

    def named(self, token: Token) -> tuple[Value, int]:
        if token.text in REFUSED:
            raise self.refuse(token, REFUSED[token.text])
        found = self.names.get(token.text)
        after = self.words[self.at].text if self.words[self.at].kind == "op" else ""
        if after in _POSTFIX:
            raise self.refuse(token, _POSTFIX[after])
        if found is None:
            raise self.error(token, "this name is not assigned before")
        if token.text not in _CONSTANTS:
            self.uses.add(token.text)
        self.charge(token, found[1])
        return found

    def tuple_or_expression(self, first: Token) -> tuple[Value, int]:
        value, weight = self.expression(0)
        if self.words[self.at].text != ",":
            return value, weight
        items = [value]
        while self.words[self.at].text == ",":
            self.at += 1
            if self.words[self.at].kind in ("newline", "end") or self.words[self.at].text == ";":
                break
            value, more = self.expression(0)
            items.append(value)
            weight += more + ITEM
        return tuple(items), self.charge(first, 1) + weight

    def expression(self, depth: int) -> tuple[Value, int]:
        left = self.term(depth)
        while self.words[self.at].text in ("+", "-") and self.words[self.at].kind == "op":
            sign = self.words[self.at]
            self.at += 1
            left = self.apply(sign.text, left, self.term(depth), sign)
        return left

    def term(self, depth: int) -> tuple[Value, int]:
        left = self.factor(depth)
        while self.words[self.at].kind == "op" and self.words[self.at].text in "*//%":
            sign = self.words[self.at]
            self.at += 1
            left = self.apply(sign.text, left, self.factor(depth), sign)
        return left

    def factor(self, depth: int) -> tuple[Value, int]:
        first = self.words[self.at]
        signs = []
        while self.words[self.at].kind == "op" and self.words[self.at].text in "+-":
            signs.append(self.words[self.at].text)
            self.at += 1
        value, weight = self.primary(depth)
        if signs:
            if not isinstance(value, (int, float)):
                raise self.error(first, "a sign before something that is no number")
            value = -value if signs.count("-") % 2 else +value
        after = self.words[self.at]
        if after.kind == "op" and after.text in _POSTFIX:
            raise self.refuse(after, _POSTFIX[after.text])
        return value, weight

    def primary(self, depth: int) -> tuple[Value, int]:
        token = self.words[self.at]
        self.at += 1
        if token.kind == "string":
            return self.strings(token)
        if token.kind == "number":
            try:
                return number_value(token.text), 1
            except ValueError as exc:
                raise self.error(token, str(exc)) from exc
        if token.kind == "name":
            return self.named(token)
        if token.text in ("[", "(") and token.kind == "op":
            if depth >= MAX_NESTING:
                raise self.error(token, f"brackets nested deeper than {MAX_NESTING}")
            return self.bracket(token, depth + 1)
        raise self.unexpected(token, "a value")

    def strings(self, token: Token) -> tuple[str, int]:
        parts = []
        self.at -= 1
        while self.words[self.at].kind == "string":
            token = self.words[self.at]
            try:
                parts.append(string_value(token.text))
            except ValueError as exc:
                raise self.error(token, str(exc)) from exc
            self.at += 1
        value = _whole("".join(parts))
        return value, self.charge(token, len(value) + 1)

    def bracket(self, opening: Token, depth: int) -> tuple[Value, int]:
        closing = "]" if opening.text == "[" else ")"
        items: list[Value] = []
        weight = 1
        comma = False
        while self.words[self.at].text != closing or self.words[self.at].kind != "op":
            if self.words[self.at].kind == "end":
                raise self.error(opening, f"this {opening.text} is not closed")
            value, more = self.expression(depth)
            items.append(value)
            weight += more + ITEM
            token = self.words[self.at]
            if token.text == "," and token.kind == "op":
                comma = True
                self.at += 1
            elif token.text != closing or token.kind != "op":
                if token.kind == "end":
                    raise self.error(opening, f"this {opening.text} is not closed")
                raise self.unexpected(token, f", or {closing}")
        self.at += 1
        if closing == ")" and len(items) == 1 and not comma:
            return items[0], weight
        self.charge(opening, len(items) + 1)
        return (items if closing == "]" else tuple(items)), weight


def _shallow(value: Value, allowed: int) -> bool:
    """Say whether lists stay within a depth; names can stand for lists in lists in lists.

    A list that is in a value many times is looked at once for each depth that it is met at.
    """
    level = [value] if isinstance(value, (list, tuple)) else []
    while level:
        if not allowed:
            return False
        allowed -= 1
        inner = {id(x): x for each in level for x in each if isinstance(x, (list, tuple))}
        level = list(inner.values())
    return True


def _whole(text: str) -> str:
    """Join bytes that came from separate escapes into the characters they make together."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
