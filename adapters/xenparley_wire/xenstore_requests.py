"""Payloads of every XenStore request, checked before they are sent.

Each function returns the payload only; :func:`xenparley_wire.xenstore.encode` frames it. All of
them raise :class:`~xenparley.domain.errors.InvalidInput` for what no daemon would accept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput

from .xenstore_paths import check_domain_id, check_path, check_token, check_watch_path
from .xenstore_types import PAYLOAD_MAX, Feature, Permission

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "EMPTY",
    "control",
    "directory_part",
    "domain",
    "features",
    "introduce",
    "path",
    "permissions",
    "quota",
    "set_target",
    "transaction_end",
    "watch",
    "write",
]

#: What a request without arguments carries: one NUL.
EMPTY = b"\0"


def _bounded(payload: bytes) -> bytes:
    if len(payload) > PAYLOAD_MAX:
        raise InvalidInput(
            f"XenStore request of {len(payload)} bytes of payload, the limit is {PAYLOAD_MAX}"
        )
    return payload


def path(name: str) -> bytes:
    """READ, DIRECTORY, GET_PERMS, MKDIR and RM: ``path NUL``."""
    return check_path(name) + b"\0"


def write(name: str, value: bytes) -> bytes:
    """WRITE: ``path NUL value``, the value without an end mark."""
    return _bounded(check_path(name) + b"\0" + value)


def directory_part(name: str, offset: int) -> bytes:
    """DIRECTORY_PART (4.9): ``path NUL offset NUL``, the offset in bytes of the child list."""
    if offset < 0:
        raise InvalidInput(f"negative offset {offset}")
    return check_path(name) + b"\0%d\0" % offset


def permissions(name: str, entries: Sequence[Permission]) -> bytes:
    """SET_PERMS: ``path NUL (letter domid NUL)+``, the owner first."""
    if not entries:
        raise InvalidInput(f"no permissions for {name!r}: the owner must be named")
    words = b"".join(
        entry.access.value.encode("ascii") + check_domain_id(entry.domain_id) + b"\0"
        for entry in entries
    )
    return _bounded(check_path(name) + b"\0" + words)


def watch(name: str, token: str, depth: int | None = None) -> bytes:
    """WATCH and UNWATCH: ``path NUL token NUL``; a depth only with WATCH_DEPTH (4.22)."""
    payload = check_watch_path(name) + b"\0" + check_token(token) + b"\0"
    if depth is not None:
        if depth < 0:
            raise InvalidInput(f"negative watch depth {depth}")
        payload += b"%d\0" % depth
    return _bounded(payload)


def transaction_end(commit: bool) -> bytes:
    """TRANSACTION_END: ``T NUL`` commits, ``F NUL`` throws away."""
    return b"T\0" if commit else b"F\0"


def introduce(domain_id: int, frame: int, event_channel: int) -> bytes:
    """INTRODUCE: ``domid NUL frame NUL port NUL``. The toolstack's business: see the client."""
    if not 0 <= frame < 1 << 64 or not 0 <= event_channel < 1 << 32:
        raise InvalidInput(f"not a frame and an event channel: {frame}, {event_channel}")
    return check_domain_id(domain_id) + b"\0%d\0%d\0" % (frame, event_channel)


def domain(domain_id: int) -> bytes:
    """RELEASE, GET_DOMAIN_PATH, IS_DOMAIN_INTRODUCED, RESUME, RESTRICT: ``domid NUL``."""
    return check_domain_id(domain_id) + b"\0"


def set_target(domain_id: int, target: int) -> bytes:
    """SET_TARGET (3.3): ``domid NUL target NUL``."""
    return check_domain_id(domain_id) + b"\0" + check_domain_id(target) + b"\0"


def features(domain_id: int | None = None, value: Feature | None = None) -> bytes:
    """GET_FEATURE ``[domid NUL]`` and SET_FEATURE ``domid NUL bits NUL`` (4.21)."""
    if domain_id is None:
        if value is not None:
            raise InvalidInput("SET_FEATURE needs a domain id")
        return b""
    payload = check_domain_id(domain_id) + b"\0"
    return payload if value is None else payload + b"%d\0" % int(value)


def quota(name: str | None = None, domain_id: int | None = None, value: int | None = None) -> bytes:
    """GET_QUOTA ``[[domid NUL] name NUL]`` and SET_QUOTA ``[domid NUL] name NUL value NUL`` (4.22).

    Without a name the daemon lists the names it knows, separated by blanks.
    """
    if name is None:
        if domain_id is not None or value is not None:
            raise InvalidInput("a quota needs its name")
        return b""
    if not name.isascii() or not name.replace("-", "a").isalnum():
        raise InvalidInput(f"not the name of a quota: {name!r}")
    payload = b"" if domain_id is None else check_domain_id(domain_id) + b"\0"
    payload += name.encode("ascii") + b"\0"
    if value is not None:
        if not 0 <= value < 1 << 32:
            raise InvalidInput(f"not a quota: {value}")
        payload += b"%d\0" % value
    return _bounded(payload)


def control(command: str, *arguments: str) -> bytes:
    """CONTROL (DEBUG up to 4.8): ``command NUL (argument NUL)*``."""
    words = (command, *arguments)
    for word in words:
        if not word.isascii() or not word.isprintable():
            raise InvalidInput(f"not a word of a control request: {word!r}")
    return _bounded(b"".join(word.encode("ascii") + b"\0" for word in words))
