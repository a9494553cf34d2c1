"""What the operators of an XM file yield, with a bound on everything that could grow."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable

from .text_document import Value

__all__ = ["ITEM", "Budget", "combine", "number_value"]

#: Largest whole number; Python 2's own ints have 64 bits.
MAX_NUMBER = 1 << 128
#: All values of a file together, in characters and list items; twice the longest file.
MAX_SIZE = 20 * 1024 * 1024
#: What an item of a list weighs where the list is used again: as much as that many characters.
ITEM = 16
#: Widest field of a ``%`` format.
MAX_WIDTH = 1000

_CONVERSION = re.compile(r"%(\([^)]*\))?[-+ #0]*(\*|[0-9]*)(?:\.(\*|[0-9]*))?[hlL]?(.?)", re.DOTALL)
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


class Budget:
    """How much more the values of one file may weigh, counted as if nothing were shared."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_SIZE

    def charge(self, weight: int) -> int:
        """Take a weight off what is left and return it. Raises ValueError when it is too much."""
        self.left -= weight
        if self.left < 0:
            raise ValueError("the values of this file grow too large")
        return weight


def number_value(token: str) -> int | float:
    """Return a Python 2 number: ``010`` is eight, ``0x10`` sixteen, ``10L`` ten.

    Raises ValueError for digits that don't fit and for what is too large.
    """
    if len(token) > 400:
        raise ValueError("a number too large for a configuration file")
    digits = token.rstrip("lL").lower()
    if digits.startswith(("0x", "0o", "0b")):
        whole = int(digits, 0)
    elif digits.isdigit():
        if digits[0] == "0" and digits.strip("01234567"):
            raise ValueError(f"{token} is not an octal number")
        whole = int(digits, 8 if digits[0] == "0" else 10)
    else:
        return _bounded(float(digits))
    return _bounded(whole)


def _bounded(number: float) -> int | float:
    if not math.isfinite(number) or abs(number) >= MAX_NUMBER:
        raise ValueError("a number too large for a configuration file")
    return number


def _name(value: Value) -> str:
    return {"str": "a string", "list": "a list", "tuple": "a tuple", "NoneType": "None"}.get(
        type(value).__name__, "a number"
    )


def combine(
    sign: str, left: Value, right: Value, weights: tuple[int, int], budget: Budget
) -> tuple[Value, int]:
    """Apply a binary operator; return the value and its weight.

    Raises ValueError where Python would raise, and where the result would grow too large.
    """
    if isinstance(left, str) and sign == "%":
        return _format(left, right, weights, budget)
    if sign == "+":
        # charged before it is made
        if isinstance(left, str) and isinstance(right, str):
            weight = budget.charge(sum(weights))
            return left + right, weight
        if isinstance(left, list) and isinstance(right, list):
            weight = budget.charge(sum(weights))
            return left + right, weight
        if isinstance(left, tuple) and isinstance(right, tuple):
            weight = budget.charge(sum(weights))
            return left + right, weight
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        if sign in ("/", "//", "%") and right == 0:
            raise ValueError("a division by zero")
        if sign == "/" and isinstance(left, int) and isinstance(right, int):
            sign = "//"
        return _bounded(_ARITHMETIC[sign](left, right)), budget.charge(1)
    if sign == "*":
        if isinstance(left, int) and not isinstance(right, (int, float)):
            left, right, weights = right, left, (weights[1], weights[0])
        if isinstance(left, (str, list, tuple)) and isinstance(right, int):
            weight = budget.charge(weights[0] * max(right, 0) + 1)
            return left * right, weight
    raise ValueError(f"{sign} between {_name(left)} and {_name(right)}")


def _format(
    pattern: str, right: Value, weights: tuple[int, int], budget: Budget
) -> tuple[Value, int]:
    size = sum(weights)
    for match in _CONVERSION.finditer(pattern):  # stops at the first that is refused
        mapping, width, precision, kind = match.groups("")
        if mapping or "*" in (width, precision) or kind not in "sdiuoxXcfFeEgG%" or not kind:
            raise ValueError("a % format other than %s, %d, %x and the like")
        if len(width) > 4 or len(precision) > 4:
            raise ValueError("a % format with a huge width")
        wide = max(int(width or 0), int(precision or 0))
        if wide > MAX_WIDTH:
            raise ValueError("a % format with a huge width")
        size += wide + 400
    weight = budget.charge(size)
    arguments = right if isinstance(right, tuple) else (right,)
    if any(isinstance(each, (list, tuple)) for each in arguments):
        raise ValueError("a list in a % format")
    try:
        return pattern % arguments, weight
    except (TypeError, ValueError, OverflowError) as exc:
        raise ValueError(f"a % format that doesn't fit: {type(exc).__name__}") from exc
