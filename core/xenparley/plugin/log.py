"""Loggers, made when there is something to say: a listing that goes well imports no logging."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["logger"]


def logger(name: str) -> Logger:
    """Return the logger ``xenparley.NAME``. Handlers and levels are the application's to set."""
    import logging

    root = logging.getLogger("xenparley")
    if not root.handlers:
        # Without any handler Python would print warnings by itself.
        root.addHandler(logging.NullHandler())
    return root.getChild(name)
