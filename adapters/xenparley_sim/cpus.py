"""Range lists of host CPUs, as configurations write them: ``0-3,^2``."""

from __future__ import annotations

import re

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable

__all__ = ["parse_cpus"]

_PART = re.compile(r"(\^?)([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)


def parse_cpus(text: str, cpus: int) -> frozenset[int]:
    """Return the CPUs below ``cpus`` that the list names. InvalidInput: bad, or names none."""
    chosen: set[int] = set()
    for part in text.replace(" ", "").split(",") if len(text) < 65_536 else ["?"]:
        match = _PART.fullmatch(part)
        if match is None:
            raise InvalidInput(f"not a list of CPUs: {printable(text, limit=80)!r}")
        first = int(match[2])
        last = int(match[3]) if match[3] else first
        span = range(first, min(last, cpus - 1) + 1)
        if match[1]:
            chosen.difference_update(span)
        else:
            chosen.update(span)
    if not chosen:
        raise InvalidInput(
            f"this list names no CPU of the host's {cpus}: {printable(text, limit=80)!r}"
        )
    return frozenset(chosen)
