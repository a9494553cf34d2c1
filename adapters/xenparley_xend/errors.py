"""XenD's own words as errors of xenparley: what the caller can do about it decides."""

from __future__ import annotations

import re

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    XenparleyError,
)
from xenparley.domain.identity import printable

__all__ = ["CHANNEL", "said"]

#: How this channel is named in errors, offers and provenance.
CHANNEL = "xend"
#: The longest of XenD's messages that is passed on, in characters.
_LIMIT = 500

# Recorded from 3.0.4, 3.1.0 and 4.1.6; what is not in here is a plain failure.
_WORDS: tuple[tuple[re.Pattern[str], type[XenparleyError]], ...] = (
    (re.compile(r"already (exists|running)"), AlreadyExists),
    (
        re.compile(r"can't read guest state file .*No such file|does not exist as|not connected"),
        NotFound,
    ),
    (
        re.compile(r"[Dd]omain '?.*'? does not exist|[Nn]o such domain|^\(?3, 'No such process"),
        NotFound,
    ),
    (
        re.compile(r"not halted|cannot be shutdown|not running|not 'NoneType'|NoneType$"),
        InvalidState,
    ),
    (re.compile(r"[Ii]nvalid VM Name|invalid vm name"), InvalidInput),
)


def said(text: str, what: str) -> XenparleyError:
    """Return the error for a failure that XenD tells of, to be raised; ``what`` was asked."""
    shown = printable(text, limit=_LIMIT)
    for pattern, kind in _WORDS:
        if pattern.search(text):
            return kind(f"XenD, {what}: {shown}")
    return OperationFailed(f"XenD, {what}: {shown}")
