"""Guests that the host starts when it boots: the links in the subfolder ``auto``.

xendomains (the boot script of xm and xl) starts what it finds there. A definition is started when
something in ``auto`` *is* its file, whatever the link is called.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Final

from xenparley.domain.errors import Conflict, OperationFailed
from xenparley.domain.identity import printable
from xenparley_xm.errors import os_error
from xenparley_xm.names import TEMPORARY

__all__ = ["AUTO", "link", "links_of", "started", "unlink"]

#: The subfolder's name.
AUTO: Final = "auto"
Identity = tuple[int, int]


@contextlib.contextmanager
def _auto(folder: int, path: str) -> Iterator[int | None]:
    """Open the subfolder; None when there is none."""
    try:
        opened = os.open(AUTO, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        yield None  # then nothing is started
        return
    except OSError as exc:
        raise os_error(exc, f"{path}/{AUTO}") from exc
    try:
        yield opened
    except OSError as exc:
        raise os_error(exc, f"{path}/{AUTO}") from exc
    finally:
        os.close(opened)


def started(folder: int, path: str) -> frozenset[Identity]:
    """Return (device, inode) of every file that is started; one that can't be told isn't."""
    found = set()
    with _auto(folder, path) as auto:
        if auto is not None:
            with os.scandir(auto) as listing:
                for each in listing:
                    if each.name.startswith(TEMPORARY[0]):
                        continue
                    try:
                        target = each.stat()
                    except OSError:  # a link to nothing starts nothing
                        continue
                    found.add((target.st_dev, target.st_ino))
    return frozenset(found)


def links_of(folder: int, path: str, identity: Identity) -> list[str]:
    """Return the names in the subfolder that are this file."""
    found = []
    with _auto(folder, path) as auto:
        if auto is not None:
            with os.scandir(auto) as listing:
                for each in listing:
                    try:
                        target = each.stat()
                    except OSError:
                        continue
                    if (target.st_dev, target.st_ino) == identity:
                        found.append(each.name)
    return found


def link(folder: int, path: str, file: str, identity: Identity) -> None:
    """Link to the file, unless something there is it already.

    A link of the file's name that leads to nothing is replaced. Raises Conflict when the name
    is taken by something else.
    """
    if links_of(folder, path, identity):
        return
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(AUTO, 0o755, dir_fd=folder)
    except OSError as exc:
        raise os_error(exc, f"{path}/{AUTO}") from exc
    with _auto(folder, path) as auto:
        if auto is None:
            raise Conflict(f"{printable(path)}/{AUTO} is no folder")
        where = printable(f"{path}/{AUTO}/{file}")
        target = f"{path}/{file}"
        try:
            os.symlink(target, file, dir_fd=auto)
        except FileExistsError as exc:
            if not _dangling(auto, file):
                raise Conflict(f"{where} is there already, and is another file") from exc
            temporary = f"{TEMPORARY[0]}{os.getpid()}-{os.urandom(6).hex()}{TEMPORARY[1]}"
            os.symlink(target, temporary, dir_fd=auto)
            os.rename(temporary, file, src_dir_fd=auto, dst_dir_fd=auto)
        os.fsync(auto)


def _dangling(auto: int, file: str) -> bool:
    if not stat.S_ISLNK(os.stat(file, dir_fd=auto, follow_symlinks=False).st_mode):
        return False
    try:
        os.stat(file, dir_fd=auto)
    except FileNotFoundError:
        return True
    return False


def unlink(folder: int, path: str, names: list[str]) -> None:
    """Remove these links. Raises OperationFailed for what is no link but the file itself."""
    if not names:
        return
    with _auto(folder, path) as auto:
        if auto is None:
            return
        links = []
        for name in names:
            try:
                found = os.stat(name, dir_fd=auto, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISLNK(found.st_mode):
                where = printable(f"{path}/{AUTO}/{name}")
                raise OperationFailed(f"{where} is no symbolic link: remove it by hand")
            links.append(name)
        for name in links:
            os.unlink(name, dir_fd=auto)
        os.fsync(auto)
