"""S-expressions as xend itself prints them, for a host that plays xend.

Clients write with :func:`xenparley_wire.sxp.dumps`, which all readers understand. xend prints
otherwise: words of few characters bare, the rest as Python 2's ``repr`` with ``\\xHH`` escapes,
which its own reader decodes wrongly, and before 4.1 an empty atom as nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Union

from xenparley.domain.errors import InvalidInput

from .sxp import MAX_DEPTH

__all__ = ["Shown", "show"]

#: What xend prints: atoms, whole numbers and fractions, lists.
Shown = Union[str, int, float, None, "list[Shown]", "tuple[Shown, ...]"]

_BARE = re.compile(r"[A-Za-z0-9.:/~_-]+\Z|@\Z")
_NAMED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _atom(value: object, empty: str) -> str:
    if value is None:
        return "'None'"
    if isinstance(value, (int, float)):
        return repr(value)
    if not isinstance(value, str):
        raise InvalidInput(f"xend prints no value of type {type(value).__name__}")
    if not value:
        return empty
    if _BARE.match(value):
        return value
    try:
        text = value.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"no bytes stand for the character at {exc.start}") from exc
    quote = '"' if "'" in text and '"' not in text else "'"
    named = {**_NAMED, quote: "\\" + quote}
    return (
        quote
        + "".join(
            named.get(char) or (char if " " <= char <= "~" else f"\\x{ord(char):02x}")
            for char in text
        )
        + quote
    )


def show(value: Shown, *, release: tuple[int, ...] = (4, 1)) -> str:
    """Print an expression as xend of a release does (recorded from 3.0.4, 3.1.0 and 4.1.6).

    Raises InvalidInput for what xend can't print and for nesting beyond ``MAX_DEPTH``.
    """
    empty = "" if release < (4, 1) else "''"
    if not isinstance(value, (list, tuple)):
        return _atom(value, empty)
    out = ["("]
    stack: list[Iterator[Shown]] = []
    items: Iterator[Shown] = iter(value)
    space = ""
    while True:
        for item in items:
            out.append(space)
            space = " "
            if isinstance(item, (list, tuple)):
                if len(stack) >= MAX_DEPTH - 1:
                    raise InvalidInput(f"lists nested deeper than {MAX_DEPTH}")
                out.append("(")
                stack.append(items)
                items = iter(item)
                space = ""
                break
            out.append(_atom(item, empty))
        else:
            out.append(")")
            if not stack:
                return "".join(out)
            items = stack.pop()
            space = " "
