"""Which paths, tokens and numbers may be sent: checked here, before a byte leaves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput

from .xenstore_types import ABSOLUTE_PATH_MAX, RELATIVE_PATH_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "check_domain_id",
    "check_path",
    "check_token",
    "check_watch_path",
    "join",
    "parent",
    "path_payloads",
]

_ALLOWED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@"
_ALLOWED_NUL = _ALLOWED + b"\0"
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


def path_payloads(paths: Sequence[str]) -> list[bytes]:
    """Return the payload (path and NUL) of each path, as :func:`check_path` would take them.

    Checked all at once: for many short paths several times faster than one by one.
    """
    try:
        data = "\0".join(paths).encode("ascii")
    except UnicodeEncodeError:
        data = b"\0\0"
    ended = b"\0%b\0" % data
    if (
        data.translate(None, _ALLOWED_NUL)
        or b"//" in data
        or b"/\0" in ended
        or b"\0\0" in ended
        or len(data) > RELATIVE_PATH_MAX * len(paths)
        or data.count(b"\0") != len(paths) - 1
        or max(map(len, paths)) > RELATIVE_PATH_MAX
    ):
        # Some path is wrong, or right and unusual.
        return [check_path(path) + b"\0" for path in paths]
    return [path + b"\0" for path in data.split(b"\0")]


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
