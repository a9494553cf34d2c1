"""The folder, looked at: every file that may be a guest's, read once and then only looked at.

A file is told from its earlier self by device, inode, times and size; only one that differs is
read again. One that can't be read is told with the reason, and hides no other.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from xenparley.domain.errors import DeadlineExceeded, Unavailable, XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.identity import printable
from xenparley_xm.errors import os_error, reason
from xenparley_xm.grammar import Grammar
from xenparley_xm.names import derived_uuid, skipped
from xenparley_xm.reading import FileKey, odd_file, read_file, same, settled
from xenparley_xm.summary import Summary, apparent_name, claims_a_guest, summarise

__all__ = ["Entry", "Folder", "Scan"]

#: More files than this are not looked at: nobody has so many guests, and each is remembered.
MAX_FILES: Final = 100_000


class Entry(NamedTuple):
    """One file, as last read.

    ``uuid`` is the guest's, or made from the path. ``trouble`` says why the file can't be read
    as a whole (then ``name`` is None or what the file seems to say, and there are no values).
    ``guest`` is false for a file that defines none; ``trouble`` then says why that is so.
    """

    file: str
    key: FileKey
    sure: bool
    guest: bool
    digest: bytes
    uuid: str
    name: str | None
    summary: Summary | None
    trouble: str | None


class Scan(NamedTuple):
    """One look at the folder: guests' files by name of the file, and what was left out, why."""

    entries: tuple[Entry, ...]
    left_out: dict[str, str]

    def by_uuid(self, uuid: str) -> list[Entry]:
        """Return the files that define this UUID."""
        return [entry for entry in self.entries if entry.uuid == uuid]

    def by_name(self, name: str) -> list[Entry]:
        """Return the files that define a guest of this name."""
        return [entry for entry in self.entries if entry.name == name]


class Folder:
    """A folder of guests' files. Thread-safe; scans of several threads come one after another."""

    def __init__(self, path: str, grammar: Grammar) -> None:
        self.path = os.path.normpath(path)
        self._prefix = self.path.rstrip("/") + "/"
        self.grammar = grammar
        self.closed = False
        self._lock = threading.Lock()
        self._known: dict[str, Entry] = {}

    def where(self, file: str) -> str:
        """Return a file's path, for messages."""
        return self._prefix + file

    def open(self) -> int:
        """Open the folder itself; the caller closes it. Raises Unavailable, AccessRefused."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(self.path, flags)
        except OSError as exc:
            raise os_error(exc, self.path) from exc

    def scan(self, deadline: float) -> Scan:
        """Look at every file. Raises Unavailable (no folder), AccessRefused, DeadlineExceeded."""
        if not self._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            raise self._late()
        try:
            folder = self.open()
            try:
                return self._scan(folder, deadline)
            finally:
                os.close(folder)
        finally:
            self._lock.release()

    def names(self) -> tuple[int, dict[str, str]]:
        """Return how many files may be guests', and what is skipped by name, or as last read."""
        folder = self.open()
        try:
            with os.scandir(folder) as listing:
                names = [each.name for each in listing]
        except OSError as exc:
            raise os_error(exc, self.path) from exc
        finally:
            os.close(folder)
        left_out = {name: why for name in names if (why := skipped(name))}
        known = self._known
        for name in names:
            entry = known.get(name)
            if entry is not None and entry.trouble:
                left_out[name] = entry.trouble
        return len(names) - sum(1 for name in names if skipped(name)), left_out

    def touched(self, file: str, seconds: float) -> bool:
        """Say whether a file was changed less than so long ago."""
        try:
            found = Path(self.where(file)).stat()
        except OSError:
            return False
        return abs(time.time() - found.st_ctime) < seconds

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"no time left to look at {printable(self.path)}")

    def _scan(self, folder: int, deadline: float) -> Scan:
        left_out: dict[str, str] = {}
        known, seen = self._known, {}
        try:
            with os.scandir(folder) as listing:
                for count, each in enumerate(listing):
                    if time.monotonic() >= deadline:
                        raise self._late()
                    if self.closed:
                        raise Unavailable("the channel is closed")
                    if count >= MAX_FILES:
                        left_out[""] = f"more than {MAX_FILES} files: the rest is left out"
                        break
                    file = each.name
                    if why := skipped(file):
                        left_out[file] = why
                        continue
                    try:
                        # A symbolic link is followed, as libvirt and xm do.
                        found = each.stat()
                    except OSError as exc:
                        left_out[file] = f"a broken link, or gone: {reason(exc)}"
                        continue
                    entry = known.get(file)
                    if entry is None or not entry.sure or not same(entry.key, found):
                        why = odd_file(found)
                        entry = None if why else self._read(file, folder)
                    if entry is None:
                        left_out[file] = why or "gone"
                        continue
                    seen[file] = entry
                    if not entry.guest:
                        left_out[file] = entry.trouble or "no guest"
        except OSError as exc:
            raise os_error(exc, self.path) from exc
        self._known = seen
        entries = (seen[file] for file in sorted(seen))
        return Scan(tuple(entry for entry in entries if entry.guest), left_out)

    def _read(self, file: str, folder: int) -> Entry | None:
        """Read one file; None when it is gone meanwhile."""
        path = self.where(file)
        shown = printable(path)
        try:
            read = read_file(file, folder, path)
        except Unavailable:
            return None
        except XenparleyError as exc:
            # It may be a guest's: it is told as one, by a UUID from its path.
            unread = FileKey(0, 0, 0, 0, 0)
            made = derived_uuid(path)
            return Entry(file, unread, False, True, b"", made, None, None, exc.message)
        sure = settled(read.key)
        digest = hashlib.blake2b(read.data, digest_size=16).digest()
        summary, trouble, guest, name = None, None, True, None
        try:
            summary = summarise(self.grammar.parse(read.data, path), self.grammar.toolstack, shown)
        except XenparleyError as exc:
            trouble = exc.message
            guest = claims_a_guest(read.data)
            name = apparent_name(read.data)
        if summary is not None:
            name = summary.name
        elif trouble is None:
            guest, trouble = False, f"{shown} names no guest"
        uuid = summary.uuid if summary is not None else None
        return Entry(
            file, read.key, sure, guest, digest, uuid or derived_uuid(path), name, summary, trouble
        )


#: What a row of a listing can tell of a file that can't be read.
UNREAD: Final = (
    Field.MEMORY,
    Field.MAX_MEMORY,
    Field.VCPUS,
    Field.MAX_VCPUS,
    Field.VIRT,
)
