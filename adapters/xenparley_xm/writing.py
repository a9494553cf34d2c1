"""Changing the folder: one writer at a time, and each file is the old one or the new one, whole.

The lock is flock() on the folder itself, so no lock file lies about. Editors don't take it: right
before a file is replaced or removed it is looked at again, and one that changed since it was read
is a Conflict. (What happens between that look and the rename, some microseconds, can't be seen.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from xenparley.domain.errors import (
    Conflict,
    DeadlineExceeded,
    OutcomeUnknown,
    Unavailable,
    Unsupported,
)
from xenparley.domain.identity import printable
from xenparley_formats.text_document import TextDocument, Value
from xenparley_xm.errors import os_error, reason
from xenparley_xm.folder import Folder
from xenparley_xm.names import TEMPORARY
from xenparley_xm.reading import FileKey, Reading, key_of

__all__ = ["Writer", "holds_secret", "writing"]

_SECRET_KEY: Final = re.compile(r"passw", re.IGNORECASE)
_SECRET_ITEM: Final = re.compile(r"passw[a-z]*\s*=\s*[^,\s]", re.IGNORECASE)
#: Attributes that go over to the new file: its owner's, its access list, its SELinux label.
_KEPT: Final = ("user.", "system.posix_acl_access", "security.selinux")
_UNKNOWN_ATTRIBUTES: Final = frozenset({errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EACCES})


@contextlib.contextmanager
def writing(folder: Folder, deadline: float) -> Iterator[Writer]:
    """Hold the folder's lock. Raises DeadlineExceeded, Unavailable, AccessRefused."""
    opened = _locked(folder, deadline)
    try:
        writer = Writer(folder, opened, deadline)
        writer.sweep()
        yield writer
    finally:
        os.close(opened)  # which unlocks


def _locked(folder: Folder, deadline: float) -> int:
    pause = 0.001
    while True:
        opened = folder.open()
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(opened), Path(folder.path).stat()):
                return opened
        except BlockingIOError:
            pass  # somebody writes: again, until the deadline
        except FileNotFoundError:
            pass  # the folder was moved away while we waited: open() will tell
        except OSError as exc:
            os.close(opened)
            raise os_error(exc, f"{folder.path} can't be locked") from exc
        except BaseException:
            os.close(opened)
            raise
        os.close(opened)
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"{printable(folder.path)} is locked by another writer")
        if folder.closed:
            raise Unavailable("the channel is closed")
        time.sleep(min(pause, left))
        pause = min(pause * 2, 0.05)


def holds_secret(document: TextDocument) -> bool:
    """Say whether a document has a password in it."""
    return any(
        (_SECRET_KEY.search(key) is not None and value not in (None, ""))
        or any(_SECRET_ITEM.search(text) for text in _texts(value))
        for key, value in document.values().items()
    )


def _texts(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


class Writer:
    """What may be done while the lock is held."""

    def __init__(self, folder: Folder, opened: int, deadline: float) -> None:
        self.folder = folder
        self.opened = opened
        self.deadline = deadline

    def sweep(self) -> None:
        """Remove what writers left behind that were killed."""
        try:
            names = os.listdir(self.opened)  # noqa: PTH208 - of a descriptor, no path
            for name in names:
                if name.startswith(TEMPORARY[0]) and name.endswith(TEMPORARY[1]):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=self.opened)
        except OSError as exc:
            raise os_error(exc, self.folder.path) from exc

    def exists(self, file: str) -> bool:
        """Say whether there is anything of this name; one that no file can have counts too."""
        try:
            os.stat(file, dir_fd=self.opened, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                return True
            raise os_error(exc, self.folder.where(file)) from exc
        return True

    def refuse_link(self, file: str) -> None:
        """Raise Unsupported for a symbolic link: what it leads to is not ours to replace."""
        path = self.folder.where(file)
        try:
            target = os.readlink(file, dir_fd=self.opened)
        except OSError as exc:
            if exc.errno == errno.EINVAL:
                return
            raise os_error(exc, path) from exc
        raise Unsupported(
            f"{printable(path)} is a symbolic link to {printable(target)}: change that file"
        )

    def create(self, file: str, data: bytes, *, secret: bool) -> None:
        """Add a file. Raises Conflict when something of its name came meanwhile."""
        path = self.folder.where(file)
        with self._temporary(path, data, 0o600 if secret else 0o644, None) as temporary:
            self._hurry()
            try:
                os.link(temporary, file, src_dir_fd=self.opened, dst_dir_fd=self.opened)
            except FileExistsError as exc:
                raise Conflict(f"{printable(path)} appeared meanwhile", retry_safe=True) from exc
            except OSError as exc:
                if exc.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                    raise os_error(exc, path) from exc
                # A file system without hard links; our lock keeps the other writers away.
                if self.exists(file):
                    raise Conflict(f"{printable(path)} appeared meanwhile") from exc
                self._rename(temporary, file, path)
        self._settle(path, "written")

    def replace(self, file: str, data: bytes, read: Reading, *, secret: bool) -> None:
        """Put new content in a file's place, with its owner, mode and attributes.

        Raises Conflict when the file is no longer as it was read.
        """
        path = self.folder.where(file)
        mode = stat.S_IMODE(read.found.st_mode)
        if secret:
            mode &= ~0o077
        with self._temporary(path, data, mode, read) as temporary:
            self._hurry()
            self._compare(file, read.key, path)
            self._rename(temporary, file, path)
        self._settle(path, "replaced")

    def remove(self, file: str, key: FileKey) -> None:
        """Remove a file (of a symbolic link, the link). Conflict: it changed since it was read."""
        path = self.folder.where(file)
        self._hurry()
        self._compare(file, key, path, follow=True)
        try:
            os.unlink(file, dir_fd=self.opened)
        except OSError as exc:
            raise os_error(exc, path) from exc
        self._settle(path, "removed")

    def _compare(self, file: str, key: FileKey, path: str, *, follow: bool = False) -> None:
        try:
            now = key_of(os.stat(file, dir_fd=self.opened, follow_symlinks=follow))
        except FileNotFoundError as exc:
            raise Conflict(f"{printable(path)} disappeared meanwhile") from exc
        except OSError as exc:
            raise os_error(exc, path) from exc
        if now != key:
            raise Conflict(f"{printable(path)} was changed meanwhile by somebody else")

    def _hurry(self) -> None:
        if time.monotonic() >= self.deadline:
            raise DeadlineExceeded("no time left; nothing was changed")
        if self.folder.closed:
            raise Unavailable("the channel is closed")

    @contextlib.contextmanager
    def _temporary(self, path: str, data: bytes, mode: int, old: Reading | None) -> Iterator[str]:
        """Write a file under a name of its own; it is gone at the end, unless it was renamed."""
        name = f"{TEMPORARY[0]}{os.getpid()}-{os.urandom(6).hex()}{TEMPORARY[1]}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            opened = os.open(name, flags, 0o600, dir_fd=self.opened)
        except OSError as exc:
            raise os_error(exc, f"a new file in {self.folder.path}") from exc
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(opened, view) :]
                if old is not None:
                    if (old.found.st_uid, old.found.st_gid) != (os.geteuid(), os.getegid()):
                        os.fchown(opened, old.found.st_uid, old.found.st_gid)
                    _attributes(path, opened)
                os.fchmod(opened, mode)
                os.fsync(opened)
            except OSError as exc:
                raise os_error(exc, path) from exc
            finally:
                os.close(opened)
            yield name
        finally:
            # Renamed away, or swept by the next writer: what was done stays done.
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self.opened)

    def _rename(self, temporary: str, file: str, path: str) -> None:
        try:
            os.rename(temporary, file, src_dir_fd=self.opened, dst_dir_fd=self.opened)
        except OSError as exc:
            raise os_error(exc, path) from exc

    def _settle(self, path: str, done: str) -> None:
        """Have the folder's new entry survive a power failure."""
        try:
            os.fsync(self.opened)
        except OSError as exc:
            raise OutcomeUnknown(
                f"{printable(path)} was {done}, but the disk may not have it: {reason(exc)}"
            ) from exc


def _attributes(path: str, opened: int) -> None:
    """Give the new file the old one's extended attributes; what the system refuses stays behind."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in _UNKNOWN_ATTRIBUTES:
            return  # a file system without them
        raise
    for name in names:
        if name.startswith(_KEPT):
            os.setxattr(opened, name, os.getxattr(path, name, follow_symlinks=False))
