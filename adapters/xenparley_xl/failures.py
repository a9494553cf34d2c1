"""What xl's own words mean, when it says that it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    AccessRefused,
    AlreadyExists,
    InvalidInput,
    NotFound,
    OperationFailed,
    Unavailable,
    Unsupported,
    XenparleyError,
)

if TYPE_CHECKING:
    from xenparley_xl.runner import Result

__all__ = ["failure", "no_such_domain", "refused_early"]

_NO_DOMAIN = re.compile(
    r"is an invalid domain identifier|Domain '[^']*' does not exist|[Nn]on-exist[ea]nt domain"
    r"|[Dd]omain not found|libxl_domain_info failed"
)
# xl opens the hypervisor's and XenStore's devices before it looks at what it is to do.
_DOORS = re.compile(
    r"privileged command interface|xc_interface_open|cannot init xl context|xentoollog"
    r"|cannot open xenstore|getting domain info list|cannot open libxc handle",
    re.IGNORECASE,
)
_DENIED = re.compile(r"permission denied|operation not permitted|must be root", re.IGNORECASE)
_XEND = re.compile(r"\bxend is running\b")
_UNKNOWN = re.compile(
    r"command not implemented|[Uu]nknown command|unrecognized option|invalid option"
)
_TAKEN = re.compile(r"already exists|is already in use|already attached|in use by another domain")
_WRONG = re.compile(
    r"[Ii]nvalid argument to|memory_dynamic_max must be less|memory_dynamic_max is less than"
    r"|memory_static_max must be"
    r"|memkb greater than|out of range|Not enough active CPUs|could not be parsed"
)


def no_such_domain(result: Result) -> bool:
    """Say whether xl says that there is no such domain."""
    return result.status != 0 and _NO_DOMAIN.search(result.err) is not None


def refused_early(result: Result) -> XenparleyError | None:
    """Return the error of an xl that could not even begin; None when it may have done something."""
    if result.status == 0:
        return None
    words = result.err
    if _XEND.search(words):
        return Unavailable(
            "xl refuses to work while xend runs on this host: steer its guests through XenD "
            f"(xl says: {result.said})"
        )
    if _DENIED.search(words) and _DOORS.search(words):
        return AccessRefused(f"xl may not talk to the hypervisor: {result.said}")
    if _DOORS.search(words):
        return Unavailable(f"xl can't reach the hypervisor or XenStore: {result.said}")
    if _UNKNOWN.search(words):
        return Unsupported(f"this xl can't do it: {result.said}")
    return None


def failure(result: Result, what: str, *, new: bool = False) -> XenparleyError:
    """Return the error for a command that said it failed; its own words are in the message.

    ``new``: it was to make a guest. While it cleans up xl speaks of domains that are not there.
    """
    early = refused_early(result)
    if early is not None:
        return early
    words = f"{what}: xl ended with status {result.status}: {result.said}"
    if not new and no_such_domain(result):
        return NotFound(words)
    if _TAKEN.search(result.err):
        return AlreadyExists(words)
    if _WRONG.search(result.err):
        return InvalidInput(words)
    return OperationFailed(words)
