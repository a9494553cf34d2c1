"""XenStore's error words as errors of xenparley: what the caller can do about it decides."""

from __future__ import annotations

from typing import ClassVar

from xenparley.domain.errors import (
    AccessRefused,
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    OperationFailed,
    Unsupported,
    XenparleyError,
)

__all__ = [
    "CHANNEL",
    "StoreAccess",
    "StoreConflict",
    "StoreError",
    "StoreExists",
    "StoreFailure",
    "StoreInvalid",
    "StoreNotFound",
    "StoreQuota",
    "StoreTooBig",
    "StoreUnsupported",
    "store_error",
]

#: How this channel is named in errors, offers and provenance.
CHANNEL = "xenstore"


class StoreError(XenparleyError):
    """The daemon answered with an error; ``name`` is its word (``ENOENT``)."""

    name: str = ""
    word: ClassVar[str] = "the daemon refused"


class StoreNotFound(StoreError, NotFound):
    """ENOENT: no such node, transaction, watch or domain."""

    word = "no such node"


class StoreAccess(StoreError, AccessRefused):
    """EACCES, EPERM, EROFS: not for this connection."""

    word = "access refused"


class StoreExists(StoreError, AlreadyExists):
    """EEXIST: the watch is already there."""

    word = "already there"


class StoreConflict(StoreError, Conflict):
    """EAGAIN: another one's change came in between; the transaction was not carried out."""

    word = "changed by somebody else in between"


class StoreInvalid(StoreError, InvalidInput):
    """EINVAL: the daemon does not take this request."""

    word = "not accepted by the daemon"


class StoreUnsupported(StoreError, Unsupported):
    """ENOSYS: this daemon does not know the request."""

    word = "this daemon has no such request"


class StoreFailure(StoreError, OperationFailed):
    """Any other error word."""

    word = "the daemon failed"


class StoreQuota(StoreFailure):
    """ENOSPC: a quota is used up."""

    word = "quota used up"


class StoreTooBig(StoreFailure):
    """E2BIG: the value, or the answer, is longer than this transport carries."""

    word = "too big for this transport"


_CLASSES: dict[str, type[StoreError]] = {
    "ENOENT": StoreNotFound,
    "EACCES": StoreAccess,
    "EPERM": StoreAccess,
    "EROFS": StoreAccess,
    "EEXIST": StoreExists,
    "EAGAIN": StoreConflict,
    "EINVAL": StoreInvalid,
    "ENOSYS": StoreUnsupported,
    "ENOSPC": StoreQuota,
    "E2BIG": StoreTooBig,
}


def store_error(name: str, operation: str, subject: str) -> StoreError:
    """Return the error for a daemon's word, to be raised."""
    kind = _CLASSES.get(name, StoreFailure)
    about = f"{operation} {subject}" if subject else operation
    error = kind(f"XenStore {about}: {kind.word} ({name})", operation=operation, channel=CHANNEL)
    error.name = name
    return error
