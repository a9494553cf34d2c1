"""Which paths, tokens and numbers may be sent: checked here, before a byte leaves."""

from __future__ import annotations

import re

from xenparley.domain.errors import InvalidInput

from .xenstore_types import ABSOLUTE_PATH_MAX, RELATIVE_PATH_MAX

__all__ = ["check_domain_id", "check_path", "check_token", "check_watch_path", "join", "parent"]

_ALLOWED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@"
# 4.22 may name the domain: @releaseDomain/5.
_SPECIAL = re.compile(r"@[A-Za-z0-9\-_/]+\Z").match
_TOKEN = re.compile(r"[\x20-\x7e]+\Z").match


def check_path(path: str) -> bytes:
    """Return the path as it goes on the wire, without its NUL.

    Absolute or relative to the connection's own domain (domain 0 on a socket).

    Raises:
        InvalidInput: a character outside ``A-Za-z0-9-/_@``, an empty name, a slash at the end,
            or longer than 3072 (absolute) or 2048 (relative) bytes.
    """
    try:
        data = path.encode("ascii")
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"not a XenStore path: {path[:80]!r}") from exc
    limit = ABSOLUTE_PATH_MAX if data[:1] == b"/" else RELATIVE_PATH_MAX
    # Deleting what is allowed is several times faster than a regular expression.
    if (
        len(data) > limit
        or data.translate(None, _ALLOWED)
        or b"//" in data
        or (data[-1:] == b"/" and data != b"/")
        or not data
    ):
        if len(data) > limit:
            raise InvalidInput(
                f"XenStore path of {len(data)} characters, the limit is {limit}: {path[:60]!r}..."
            )
        raise InvalidInput(f"not a XenStore path: {path!r}")
    return data


def check_watch_path(path: str) -> bytes:
    """Like :func:`check_path`, and the special ``@introduceDomain`` and ``@releaseDomain``."""
    if path[:1] == "@":
        if len(path) <= RELATIVE_PATH_MAX and _SPECIAL(path):
            return path.encode("ascii")
        raise InvalidInput(f"not a XenStore event: {path[:80]!r}")
    return check_path(path)


def check_token(token: str) -> bytes:
    """Return a watch token for the wire: printable ASCII, not empty."""
    if not _TOKEN(token):
        raise InvalidInput(f"not a watch token: {token[:80]!r}")
    return token.encode("ascii")


def check_domain_id(domain_id: int) -> bytes:
    """Return a domain id for the wire, as decimal digits.

    Raises:
        InvalidInput: not within 0 to 65535.
    """
    if not 0 <= domain_id <= 0xFFFF:
        raise InvalidInput(f"not a domain id: {domain_id}")
    return b"%d" % domain_id


def join(folder: str, name: str) -> str:
    """Return the path of a child; the root's children have one slash, not two."""
    return f"/{name}" if folder == "/" else f"{folder}/{name}"


def parent(path: str) -> str:
    """Return the path of the parent: that of ``/a`` is ``/``, that of a lone name is empty."""
    head, _, _ = path.rpartition("/")
    return head or ("/" if path.startswith("/") else "")
