"""What the readers and writers of Xen's own notations gather: problems and losses with places."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, TypeVar

from attrs import fields

from xenparley.domain.errors import ConfigError, InvalidInput, Problem, Unrepresentable
from xenparley.domain.identity import printable
from xenparley_formats.api import Writing, worded

__all__ = ["ReadLog", "Unreadable", "Unsayable", "WriteLog", "shown", "unsaid"]

_T = TypeVar("_T")
_MAX = 500


class Unreadable(InvalidInput):
    """A word of a notation that has no meaning; the message names the word."""

    kind = "unreadable"


class Unsayable(InvalidInput):
    """A value that a notation has no safe spelling for; the message says why."""

    kind = "unsayable"


def shown(text: str) -> str:
    """Return foreign text as a message can show it."""
    return repr(printable(text, limit=80))


class _Log:
    __slots__ = ("_hidden", "problems", "warnings")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._hidden = 0

    def _add(self, to: list[Problem], place: str, message: str) -> None:
        if len(to) < _MAX:
            to.append(Problem(place, message))
        else:
            self._hidden += 1

    def _all(self, found: list[Problem]) -> list[Problem]:
        if not self._hidden:
            return found
        return [*found, Problem("", f"and {self._hidden} more, which are not listed")]


class ReadLog(_Log):
    """Problems and warnings of one document. ``source`` names it in places.

    With ``strict`` what is not understood is a problem, else a warning.
    """

    __slots__ = ("source", "strict")

    def __init__(self, source: str, *, strict: bool = False) -> None:
        super().__init__()
        self.source = source
        self.strict = strict

    def _place(self, place: str) -> str:
        return f"{self.source}: {place}" if place else self.source

    def problem(self, place: str, message: str) -> None:
        """Note what makes the document no configuration."""
        self._add(self.problems, self._place(place), message)

    def doubt(self, place: str, message: str) -> None:
        """Note what was not understood and is carried along."""
        self._add(self.problems if self.strict else self.warnings, self._place(place), message)

    def ignored(self, place: str, message: str) -> None:
        """Note what was understood, but means nothing to the host."""
        self._add(self.warnings, self._place(place), message)

    def check(self, summary: str) -> None:
        """Raise ConfigError with every problem, if there is any."""
        if self.problems:
            raise ConfigError(self._all(self.problems), summary=summary)

    def worded(self) -> tuple[str, ...]:
        """Return the warnings as text."""
        return worded(self._all(self.warnings))


class WriteLog(_Log):
    """What a notation can't say of one configuration. ``target`` names the notation."""

    __slots__ = ("target",)

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def lose(self, place: str, message: str) -> None:
        """Note what is left out, with its place as in domain XML (``devices/disk[2]``)."""
        self._add(self.problems, place, message)

    def say(self, place: str, how: Callable[[], _T]) -> _T | None:
        """Return what ``how`` makes; None, and a loss, where it raises Unsayable."""
        try:
            return how()
        except Unsayable as exc:
            self.lose(place, exc.message)
            return None

    def check(self, *, lossy: bool) -> tuple[str, ...]:
        """Return the losses as warnings when ``lossy``; else raise Unrepresentable for them."""
        losses = self._all(self.problems)
        if losses and not lossy:
            raise Unrepresentable(self.target, losses)
        return worded(losses)

    def finish(self, text: str, *, lossy: bool) -> Writing:
        """Return the document with its losses as warnings; see :meth:`check`."""
        return Writing(text=text, warnings=self.check(lossy=lossy))


def unsaid(log: WriteLog, place: str, thing: Any, said: Container[str], own: str) -> None:
    """Note every field of a part of the model that differs from its default and is not ``said``.

    ``own`` is the notation: pieces of it in ``extras`` are written back, those of others are lost.
    """
    prefix = f"{place}/" if place else ""
    for field in fields(type(thing)):
        value = getattr(thing, field.name)
        if field.name == "extras":
            for extra in value:
                if extra.format != own:
                    key = printable(extra.key, limit=80)
                    log.lose(f"{prefix}{key}", f"a piece of {printable(extra.format, limit=20)}")
        elif field.name not in said and value != field.default:
            log.lose(f"{prefix}{field.name}", "there is no word for it")
