"""Errors in words, or as one line of JSON."""

from __future__ import annotations

from typing import Any

from xenparley.domain.errors import (
    AmbiguousGuest,
    ConfigError,
    DeadlineExceeded,
    OutcomeUnknown,
    Unrepresentable,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley_cli.output import SCHEMA_VERSION

__all__ = ["as_json", "as_text", "ours"]


def ours(exc: BaseException) -> bool:
    """Say whether the error is one of xenparley's, or of writing the output: no bug."""
    return isinstance(exc, (XenparleyError, OSError))


def as_text(exc: BaseException) -> str:
    """Word an error for people: a line, and lines for what it lists."""
    lines = [f"xenparley: error: {_headline(exc)}"]
    if isinstance(exc, (ConfigError, Unrepresentable)):
        lines += [f"  {problem}" for problem in exc.problems]
    if isinstance(exc, AmbiguousGuest):
        lines += [f"  {candidate}" for candidate in exc.candidates]
    if isinstance(exc, XenparleyError):
        listed = str(exc)
        lines += [f"  {a.channel}: {a.reason}" for a in exc.attempts if a.reason not in listed]
    last_seen = getattr(exc, "last_seen", None)
    if isinstance(exc, (OutcomeUnknown, DeadlineExceeded)) and last_seen not in (None, ""):
        lines.append(f"  last seen: {last_seen}")
    return "".join(f"{printable(line)}\n" for line in lines)


def as_json(exc: BaseException, code: int) -> str:
    """Return an error as one line of JSON."""
    import json

    error: dict[str, Any] = {
        "kind": getattr(exc, "kind", "error"),
        "message": _headline(exc),
        "exit_code": code,
    }
    if isinstance(exc, XenparleyError):
        for key in ("guest", "operation", "channel", "retry_safe", "last_seen", "phase", "place"):
            value = getattr(exc, key, None)
            if value is not None:
                error[key] = value
        for key in ("candidates", "allowed"):
            if getattr(exc, key, ()):
                error[key] = list(getattr(exc, key))
        if exc.attempts:
            error["attempts"] = [{"channel": a.channel, "reason": a.reason} for a in exc.attempts]
        problems = getattr(exc, "problems", ())
        if problems:
            error["problems"] = [{"place": p.place, "message": p.message} for p in problems]
    text = json.dumps({"schema_version": SCHEMA_VERSION, "error": error})
    return text.replace("\x7f", "\\u007f") + "\n"


def _headline(exc: BaseException) -> str:
    if isinstance(exc, (ConfigError, Unrepresentable)) and exc.problems:
        # The problems have lines of their own.
        return str(exc).partition(str(exc.problems[0]))[0].rstrip(": ")
    if isinstance(exc, XenparleyError):
        return str(exc)
    if isinstance(exc, OSError):
        return f"{exc.strerror or exc}" + (f": {exc.filename}" if exc.filename else "")
    return f"{type(exc).__name__}: {exc}"
