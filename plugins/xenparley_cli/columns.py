"""Columns of tables: what a value looks like to people, and what it is for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable

__all__ = ["Column", "chosen", "mib", "plain", "seconds"]


def plain(value: Any) -> str:
    """Show a value as it is; ``-`` for one that isn't known."""
    if value is None or value == "":
        return "-"
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(plain, value)) or "-"
    return printable(str(value))


def mib(value: int | None) -> str:
    """Show KiB as MiB, rounded; a negative number means no limit."""
    if value is None:
        return "-"
    return "unlimited" if value < 0 else str((value + 512) // 1024)


def seconds(value: int | None) -> str:
    """Show nanoseconds as seconds."""
    return "-" if value is None else f"{value / 1e9:.1f}"


class Column(NamedTuple):
    """A column: ``key`` is its name in JSON and CSV and for ``--columns``, ``title`` a table's.

    ``show`` makes text of a value. ``right``: numbers. ``needs`` names the fields of GuestInfo
    that it is made of; ``style`` gives a terminal's colour for a value. ``shrink``: may be cut
    on a terminal that is too narrow. ``trusted``: not text that a guest or file could choose.
    """

    key: str
    title: str
    show: Callable[[Any], str] = plain
    right: bool = False
    needs: tuple[str, ...] = ()
    style: Callable[[Any], str] | None = None
    shrink: bool = False
    trusted: bool = False


def chosen(known: Sequence[Column], text: str | None, default: Sequence[str]) -> list[Column]:
    """Return the columns named in ``text`` (``id,name``), or the default ones.

    ``all`` means all. Raises InvalidInput with the known names.
    """
    by_key = {column.key: column for column in known}
    if text is None:
        return [by_key[key] for key in default]
    keys = [key.strip().replace("-", "_") for key in text.split(",") if key.strip()]
    if keys == ["all"]:
        return list(known)
    unknown = [key for key in keys if key not in by_key]
    if unknown or not keys:
        wrong = printable(", ".join(unknown)) or "none given"
        raise InvalidInput(f"unknown columns: {wrong}; known: {', '.join(by_key)}, all")
    return [by_key[key] for key in dict.fromkeys(keys)]
