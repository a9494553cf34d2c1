"""Options of a format, which callers give as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_options", "yes_or_no"]


def check_options(options: Mapping[str, str], known: tuple[str, ...], form: str) -> None:
    """Raise InvalidInput for an option that the format doesn't have."""
    for name in options:
        if name not in known:
            has = ", ".join(known) or "none"
            shown = printable(name, limit=40)
            raise InvalidInput(f"{form} has no option {shown!r} (it has: {has})")


def yes_or_no(options: Mapping[str, str], name: str, default: bool) -> bool:
    """Return a switch: ``yes`` or ``no``."""
    text = options.get(name)
    if text is None:
        return default
    if text not in ("yes", "no"):
        raise InvalidInput(f"option {name} is 'yes' or 'no', not {printable(text, limit=40)!r}")
    return text == "yes"
