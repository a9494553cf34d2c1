"""Opening one file of the folder without ever waiting for it, or waking a device."""

from __future__ import annotations

import os
import stat
import time
from typing import Final, NamedTuple

from xenparley.domain.identity import printable
from xenparley_formats.text_document import MAX_TEXT
from xenparley_xm.errors import UnreadableFile, os_error, reason

__all__ = ["FileKey", "Reading", "key_of", "odd_file", "read_file", "same", "settled"]

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
#: A file that was touched less than this long before it was read may change again unseen: the
#: times that file systems keep are this coarse at the worst (FAT).
_COARSE_NS: Final = 2_000_000_000


class FileKey(NamedTuple):
    """What tells one content of a file from another without reading it."""

    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    size: int


class Reading(NamedTuple):
    """A file's bytes, and what it looked like before and after they were read."""

    data: bytes
    key: FileKey
    found: os.stat_result


def key_of(found: os.stat_result) -> FileKey:
    """Return the key of a file that was looked at."""
    return FileKey(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def same(key: FileKey, found: os.stat_result) -> bool:
    """Say whether a file that was looked at has this key; quicker than making its own."""
    return (
        key.mtime_ns == found.st_mtime_ns
        and key.inode == found.st_ino
        and key.size == found.st_size
        and key.ctime_ns == found.st_ctime_ns
        and key.device == found.st_dev
    )


def settled(key: FileKey) -> bool:
    """Say whether a file with this key, read now, can't change without changing the key."""
    return abs(time.time_ns() - max(key.mtime_ns, key.ctime_ns)) > _COARSE_NS


def odd_file(found: os.stat_result) -> str | None:
    """Return why this is never opened; None for a regular file of a size to be read."""
    if not stat.S_ISREG(found.st_mode):
        return _KINDS.get(stat.S_IFMT(found.st_mode), "not a file")
    if found.st_size == 0:
        return "empty"  # about to be written; and what /proc says of its files
    if found.st_size > MAX_TEXT:
        return f"longer than {MAX_TEXT} bytes"
    return None


def read_file(file: str, folder: int, path: str) -> Reading:
    """Read a file of an open folder; a symbolic link is followed. ``path`` is for messages.

    The file is pinned with O_PATH, which opens nothing, and looked at before it is opened: what
    is no regular file, or became another kind in between, is never opened.

    Raises UnreadableFile, AccessRefused or Unavailable (it is gone).
    """
    try:
        pinned = os.open(file, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
    except OSError as exc:
        raise os_error(exc, path) from exc
    try:
        odd = odd_file(os.fstat(pinned))
        if odd is not None:
            raise UnreadableFile(f"{printable(path)}: {odd}")
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            opened = os.open(f"/proc/self/fd/{pinned}", flags)
        except FileNotFoundError as exc:
            raise UnreadableFile(f"{printable(path)}: it needs /proc to be opened safely") from exc
        except OSError as exc:
            raise os_error(exc, path) from exc
    finally:
        os.close(pinned)
    try:
        return _read(opened, path)
    except OSError as exc:
        raise UnreadableFile(f"{printable(path)}: {reason(exc)}") from exc
    finally:
        os.close(opened)


def _read(opened: int, path: str) -> Reading:
    before = os.fstat(opened)
    parts = []
    left = MAX_TEXT + 1
    while left > 0:
        part = os.read(opened, min(left, 1 << 20))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise UnreadableFile(f"{printable(path)}: longer than {MAX_TEXT} bytes")
    # The key from before: if somebody wrote meanwhile, the next look sees another one.
    return Reading(b"".join(parts), key_of(before), before)
