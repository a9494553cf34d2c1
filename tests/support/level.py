"""How much of the tests is run: ``XENPARLEY_TESTS``, a level that tests/conftest.py names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["LEVEL", "LEVELS", "examples", "spread"]

LEVELS = ("quick", "default", "heavy", "all")
LEVEL = os.environ.get("XENPARLEY_TESTS", "default")

#: The whole product is so many times the examples of a heavy run.
TIMES = 10

_T = TypeVar("_T")


def examples(number: int) -> int:
    """Return how many examples a heavy property is tried on: ``number``, or all that was asked."""
    return number * TIMES if LEVEL == "all" else number


def spread(things: Sequence[_T], part: int, parts: int) -> Sequence[_T]:
    """Return every ``parts``-th of the things, from number ``part`` on; all at the level ``all``.

    Runs over several releases take another part each, so that together they miss little.
    """
    return things if LEVEL == "all" else things[part % parts :: parts]
