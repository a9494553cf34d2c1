"""What the hypervisor's error numbers mean, once its interface versions are known."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unsupported,
)

if TYPE_CHECKING:
    from xenparley.domain.errors import XenparleyError

__all__ = ["translated"]

#: By these the kernel says that it passed nothing on to the hypervisor.
_DEVICE_GONE = frozenset({errno.EBADF, errno.ENODEV, errno.ENXIO, errno.ENOTTY})


def translated(
    exc: OSError, operation: str, guest: str | None = None, *, command: bool = False
) -> XenparleyError:
    """Return the error for a hypercall that the hypervisor refused.

    Only for calls whose interface version was accepted before: EACCES then is a policy (FLASK)
    saying no, where a probe could not tell it from a wrong version.
    """
    code = exc.errno or 0
    words = os.strerror(code)
    if code == errno.EPERM:
        return AccessRefused(
            f"{operation}: the hypervisor says that this domain has no right to do it ({words})",
            operation=operation,
            guest=guest,
        )
    if code == errno.EACCES:
        return AccessRefused(
            f"{operation}: refused by the hypervisor's policy (XSM, FLASK) ({words})",
            operation=operation,
            guest=guest,
        )
    if code == errno.ESRCH:
        return NotFound(f"{operation}: no such domain", operation=operation, guest=guest)
    if code in (errno.ENOSYS, errno.EOPNOTSUPP):
        return Unsupported(
            f"{operation}: this hypervisor doesn't have it ({words})",
            operation=operation,
            guest=guest,
        )
    if code == errno.EOVERFLOW:
        return InvalidState(
            f"{operation}: counted as often as it can be ({words})",
            operation=operation,
            guest=guest,
        )
    if code in _DEVICE_GONE:
        return ChannelLost(
            f"{operation}: the hypercall device is gone ({words})",
            operation=operation,
            guest=guest,
        )
    if code == errno.EFAULT and command:
        # The answer is copied out after the hypervisor has acted.
        return OutcomeUnknown(
            f"{operation}: the hypervisor could not give its answer ({words})",
            operation=operation,
            guest=guest,
        )
    if code == errno.EFAULT:
        return ProtocolError(
            f"{operation}: the hypervisor could not reach the buffer ({words})",
            operation=operation,
            guest=guest,
        )
    return OperationFailed(
        f"{operation}: the hypervisor says: {words} (error {code})",
        operation=operation,
        guest=guest,
    )
