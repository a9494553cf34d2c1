"""What the operating system's errors mean to a caller."""

from __future__ import annotations

import errno
from typing import Final

from xenparley.domain.errors import AccessRefused, OperationFailed, Unavailable, XenparleyError
from xenparley.domain.identity import printable

__all__ = ["CHANNEL", "UnreadableFile", "os_error", "reason"]

#: The adapter's name.
CHANNEL: Final = "xm"
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class UnreadableFile(OperationFailed):
    """A file of the folder can't be read; the message says which one and why."""


def reason(exc: OSError) -> str:
    """Word an error of the operating system without its path."""
    return exc.strerror or type(exc).__name__


def os_error(exc: OSError, what: str) -> XenparleyError:
    """Return the error for what failed before anything was changed; the caller chains it."""
    message = f"{printable(what)}: {reason(exc)}"
    if exc.errno in _GONE:
        return Unavailable(message, retry_safe=True)
    if exc.errno in _DENIED:
        return AccessRefused(message)
    return OperationFailed(message, retry_safe=True)
