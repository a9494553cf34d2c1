"""Writing XM files and xl.cfg: new ones, changed ones, and reading back what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import evolve

from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import ConfigError
from xenparley_formats.native_diff import differences
from xenparley_formats.native_run import WriteLog
from xenparley_formats.native_same import Evening, evened
from xenparley_formats.text_document import TextDocument, Value
from xenparley_formats.text_keys import Dialect
from xenparley_formats.text_patch import patch

__all__ = ["apply", "check_back", "fresh"]

_Document = TypeVar("_Document", bound=TextDocument)


def fresh(document: _Document, values: Mapping[str, Value]) -> _Document:
    """Return the empty document with keys and values."""
    for key, value in values.items():
        document.set(key, value)
    return document


def check_back(
    config: GuestConfig,
    back: Callable[[], GuestConfig],
    even: Evening,
    dialect: Dialect,
    log: WriteLog,
) -> None:
    """Note everything of the guest that the written document doesn't give back."""
    try:
        found = back()
    except ConfigError as exc:
        for problem in exc.problems:
            log.lose(problem.place, problem.message)
        return
    given = evened(config, even, dialect.name)
    noted = [problem.place for problem in log.problems]
    for problem in differences(given, evened(found, even, dialect.name)):
        if not any(_same(problem.place, place) for place in noted):
            log.lose(problem.place, problem.message)


def _same(one: str, other: str) -> bool:
    """Say whether one place is the other or within it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def apply(
    document: TextDocument,
    config: GuestConfig,
    meant: GuestConfig,
    back: Callable[[], GuestConfig],
    values: Callable[[GuestConfig, WriteLog], dict[str, Value]],
) -> None:
    """Change ``document`` to say ``config``, which reads as ``meant``.

    ``back`` reads the document as it is, ``values`` puts a guest into keys and values.
    """
    silent = WriteLog("")
    try:
        old = back()
    except ConfigError:
        # what is no guest has nothing to be kept in its place
        before: dict[str, Value] = {}
        kept: frozenset[str] = frozenset(document.keys)
    else:
        before = values(old, silent)
        kept = frozenset(extra.key for extra in old.extras)
    wanted = evolve(meant, extras=())

    def right() -> bool:
        try:
            return evolve(back(), extras=()) == wanted
        except ConfigError:
            return False

    after = values(config, silent)
    patch(document, before, after, kept, right)
    if right():
        return
    # a guest of another kind: what had no meaning for the old one has one for this
    left = frozenset(extra.key for extra in back().extras)
    for key in kept - left - after.keys():
        document.remove(key)
