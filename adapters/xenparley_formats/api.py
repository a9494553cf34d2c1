"""What a format's reader and writer return: the plugin interface's own types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.spi import Reading, Writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xenparley.domain.errors import Problem

__all__ = ["Reading", "Writing", "worded"]


def worded(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the problems as warnings: place and message in one line each."""
    return tuple(str(problem) for problem in problems)
