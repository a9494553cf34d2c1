"""What SQLite says, in xenparley's words."""

from __future__ import annotations

import sqlite3

from xenparley.domain.errors import (
    AccessRefused,
    DeadlineExceeded,
    InvalidInput,
    OperationFailed,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.identity import printable

__all__ = ["damaged", "is_busy", "translate"]


def is_busy(exc: sqlite3.Error) -> bool:
    """Say whether another process holds the file at this moment."""
    text = str(exc)
    return "database is locked" in text or "database table is locked" in text


def translate(exc: Exception, path: str | None) -> XenparleyError:
    """Return the error to raise (from ``exc``). Only for moments at which nothing was changed."""
    where = "the simulated host in memory" if path is None else printable(path, limit=300)
    text = str(exc)
    if isinstance(exc, (UnicodeEncodeError, OverflowError)):
        return InvalidInput(f"the simulated host can't hold this value: {printable(text)}")
    if not isinstance(exc, sqlite3.Error):
        return damaged(where, text)
    if "binding parameter" in text or "is not supported" in text:
        return InvalidInput(f"the simulated host can't hold this value: {text}")
    if is_busy(exc):
        return DeadlineExceeded(f"{where} stayed locked by another process until the deadline")
    if "interrupted" in text:
        return DeadlineExceeded(f"the deadline passed while reading {where}")
    if "readonly" in text or "unable to open" in text:
        return AccessRefused(f"{where} can't be opened for reading and writing: {text}")
    if "full" in text or "I/O error" in text or "too big" in text:
        return OperationFailed(f"{where} can't be written, nothing was changed: {text}")
    if "closed" in text:
        return Unavailable(f"{where} is closed")
    return damaged(where, text)


def damaged(where: str, text: str) -> XenparleyError:
    """Return the error for a file that isn't, or is no longer, a simulated host."""
    return Unavailable(
        f"{where} is not a simulated host's file, or it is damaged: {printable(text)}"
    )
