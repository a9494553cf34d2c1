"""What one run of the reader gathers: problems and warnings with their places."""

from __future__ import annotations

from typing import Any

from xenparley.domain.errors import Problem
from xenparley.domain.identity import printable

__all__ = ["MAX_PROBLEMS", "ReadRun", "path_of"]

#: More problems than this are counted, not listed.
MAX_PROBLEMS = 500


def path_of(element: Any) -> str:
    """Return the element's path below the root (``devices/disk[2]/target``), without prefixes."""
    path: str = element.getroottree().getelementpath(element)
    return "" if path == "." else path


class ReadRun:
    """Problems and warnings of one document. ``source`` names it in places.

    ``blanks``: blank text between elements would have counted, if it had been there.
    """

    __slots__ = ("_hidden", "blanks", "problems", "source", "strict", "warnings")

    def __init__(self, source: str, *, strict: bool) -> None:
        self.source = source
        self.strict = strict
        self.blanks = False
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._hidden = 0

    def _place(self, element: Any, what: str) -> str:
        path = path_of(element)
        path = f"{path}/{what}" if path and what else path or what
        place = f"{self.source}:{element.sourceline}"
        return f"{place}: {printable(path, limit=300)}" if path else place

    def problem(self, element: Any, message: str, what: str = "") -> None:
        """Note what is wrong with the element, or with ``what`` (``@name``) of it."""
        if len(self.problems) >= MAX_PROBLEMS:
            self._hidden += 1
        else:
            self.problems.append(Problem(self._place(element, what), message))

    def warn(self, element: Any, message: str, what: str = "") -> None:
        """Note what was read, but not as it was written."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(Problem(self._place(element, what), message))

    def found(self) -> tuple[Problem, ...]:
        """Return the problems, with a last one that counts those not listed."""
        if self._hidden:
            more = Problem(self.source, f"and {self._hidden} more problems")
            return (*self.problems, more)
        return tuple(self.problems)
