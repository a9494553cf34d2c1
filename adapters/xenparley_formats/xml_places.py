"""Where in a domain XML document a place of the model stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from xenparley.domain.config import GuestConfig
from xenparley.domain.config.validate import validate
from xenparley.domain.errors import Problem
from xenparley.domain.identity import printable

__all__ = ["also_wrong", "locate"]

_STEP = re.compile(r"([^\[\]@]+)(?:\[([1-9]\d{0,6})\])?")


def locate(root: Any, source: str, place: str) -> str:
    """Return ``source:line: place`` of a path such as ``devices/disk[2]/target``.

    The line is that of the innermost element that the document has on the way there: what is
    missing is missing in it.
    """
    element = root
    for step in place.split("/"):
        found = _STEP.fullmatch(step)
        if found is None:
            break
        number = int(found[2] or 1)
        inner = next(
            (c for n, c in enumerate(element.iterchildren(found[1]), 1) if n == number), None
        )
        if inner is None:
            break
        element = inner
    line = f"{source}:{element.sourceline}"
    return f"{line}: {printable(place, limit=300)}" if place else line


def also_wrong(
    root: Any, source: str, config: GuestConfig, told: Iterable[Problem]
) -> Iterator[Problem]:
    """Tell what else is wrong with a guest of which some words could not be read.

    What lies in or around a place that was told already may only follow from that.
    """
    paths = [problem.place.partition(": ")[2] for problem in told]
    for problem in validate(config):
        if not any(_related(problem.place, path) for path in paths):
            yield Problem(locate(root, source, problem.place), problem.message)


def _related(one: str, other: str) -> bool:
    one, other = f"{one}/", f"{other}/"
    return one.startswith(other) or other.startswith(one)
