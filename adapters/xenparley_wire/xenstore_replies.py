"""What XenStore replies hold: payloads of a peer, taken apart with distrust.

Every function returns its value or raises :class:`~xenparley.domain.errors.ProtocolError` with
the offset within the payload.
"""

from __future__ import annotations

import re

from xenparley.domain.errors import ProtocolError

from .xenstore_types import Access, Permission, WatchEvent

__all__ = [
    "acknowledged",
    "directory",
    "directory_part",
    "error_name",
    "number",
    "permissions",
    "text",
    "truth",
    "watch_event",
]

# Wider than what we would send: every printable character except the slash.
_NAMES = re.compile(rb"(?:[\x21-\x2e\x30-\x7e]+\0)*").match
_PRINTABLE = re.compile(rb"[\x20-\x7e]*").match
_PERMISSION = re.compile(rb"([nrwb])([0-9]{1,5})")
# A word and its NUL; the C daemon sends the NUL, some answers of oxenstored come without.
_WORD = re.compile(rb"([\x20-\x7e]*)\0?\Z").match


def _bad(what: str, offset: int, payload: bytes) -> ProtocolError:
    return ProtocolError(
        f"byte offset {offset} of the payload: not {what}: {payload[offset : offset + 40]!r}"
    )


def text(payload: bytes, what: str = "a word") -> str:
    """One printable ASCII string, with or without its NUL."""
    match = _WORD(payload)
    if match is None:
        found = _PRINTABLE(payload)
        raise _bad(what, found.end() if found else 0, payload)
    return match[1].decode("ascii")


def error_name(payload: bytes) -> str:
    """ERROR: a word such as ``ENOENT``."""
    name = text(payload, "an error name")
    if not name or len(name) > 64:
        raise _bad("an error name", 0, payload)
    return name


def acknowledged(payload: bytes) -> None:
    """Requests without data answer ``OK``."""
    if payload not in (b"OK\0", b"OK"):
        raise _bad("OK", 0, payload)


def directory(payload: bytes) -> list[str]:
    """DIRECTORY: names, each with its NUL, in the daemon's order."""
    if not payload:
        return []
    match = _NAMES(payload)
    end = match.end() if match else 0
    if end != len(payload):
        raise _bad("a list of names", end, payload)
    return payload[:-1].decode("ascii").split("\0")


def directory_part(payload: bytes) -> tuple[str, list[str], int, bool]:
    """DIRECTORY_PART: generation, names, how far the offset moves, whether this was the end.

    The end is told by an empty name behind the last one.
    """
    generation, separator, rest = payload.partition(b"\0")
    if not separator or not generation.isdigit():
        raise _bad("a generation count", 0, payload)
    last = rest == b"\0" or rest.endswith(b"\0\0")
    names = rest[:-1] if last else rest
    try:
        return generation.decode("ascii"), directory(names), len(names), last
    except ProtocolError as exc:
        raise _bad("a part of a directory", len(generation) + 1, payload) from exc


def permissions(payload: bytes) -> list[Permission]:
    """GET_PERMS: a letter and a domain id each; the first is the owner's."""
    entries: list[Permission] = []
    offset = 0
    for word in payload.removesuffix(b"\0").split(b"\0"):
        match = _PERMISSION.fullmatch(word)
        if match is None:
            raise _bad("a permission", offset, payload)
        entries.append(Permission(int(match[2]), Access(match[1].decode("ascii"))))
        offset += len(word) + 1
    return entries


def watch_event(payload: bytes) -> WatchEvent:
    """WATCH_EVENT: path and token, each with its NUL; more words may follow some day."""
    words = payload.split(b"\0")
    if len(words) < 3 or words[-1] or not words[0]:
        raise _bad("a watch event", 0, payload)
    try:
        return WatchEvent(words[0].decode("ascii"), words[1].decode("ascii"))
    except UnicodeDecodeError as exc:
        raise _bad("a watch event in ASCII", 0, payload) from exc


def number(payload: bytes) -> int:
    """A decimal number: transaction id, feature bits, quota."""
    word = text(payload, "a number")
    if not word.isdigit() or len(word) > 20:
        raise _bad("a number", 0, payload)
    return int(word)


def truth(payload: bytes) -> bool:
    """IS_DOMAIN_INTRODUCED: ``T`` or ``F``."""
    word = text(payload, "T or F")
    if word not in ("T", "F"):
        raise _bad("T or F", 0, payload)
    return word == "T"
