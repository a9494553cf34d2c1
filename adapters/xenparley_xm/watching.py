"""Waiting until something may have happened in the folder: inotify, or simply time passing.

Neither tells *what* happened: that is found by looking. So nothing depends on which events an
editor's way of saving causes, and a lost event costs time, not truth.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from enum import Enum
from importlib import import_module
from typing import Any, Final, Protocol

from xenparley.plugin.log import logger

__all__ = ["InotifyWatch", "PollingWatch", "Signal", "Watch", "open_watch"]

#: Seconds between looks where nobody tells of changes.
POLL_S: Final = 1.0
#: With inotify too one looks now and then: files behind symbolic links are not watched.
SELDOM_S: Final = 15.0


class Signal(Enum):
    """What came of a wait."""

    #: The time passed.
    TIME = "time"
    #: Something happened in the folder.
    CHANGED = "changed"
    #: More happened than the kernel could keep.
    LOST = "lost"


class Watch(Protocol):
    """Waits. ``interval`` is how long one may go without looking, in seconds."""

    interval: float

    def wait(self, seconds: float) -> Signal:
        """Wait for a change, or this long."""
        ...

    def wake(self) -> None:
        """End a wait that is going on in another thread, and the next one."""
        ...

    def close(self) -> None:
        """Give everything back; after the waiting thread has ended."""
        ...


class PollingWatch:
    """Knows of nothing; time passes."""

    def __init__(self, interval: float = POLL_S) -> None:
        self.interval = interval
        self._woken = threading.Event()

    def wait(self, seconds: float) -> Signal:
        """Wait this long."""
        self._woken.wait(seconds)
        return Signal.TIME

    def wake(self) -> None:
        """End a wait."""
        self._woken.set()

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


class InotifyWatch:
    """The kernel tells. Raises OSError where there is no inotify, or no watch to be had."""

    def __init__(self, path: str, interval: float = SELDOM_S) -> None:
        library: Any = import_module("inotify_simple")
        flags = library.flags
        self.interval = interval
        self._path = path
        self._flags = flags
        self._mask = int(
            flags.CREATE
            | flags.CLOSE_WRITE
            | flags.DELETE
            | flags.MOVED_FROM
            | flags.MOVED_TO
            | flags.ATTRIB
            | flags.DELETE_SELF
            | flags.MOVE_SELF
            | flags.ONLYDIR
        )
        self._inotify = library.INotify(nonblocking=True)
        try:
            self._woken, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except BaseException:
            self._inotify.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._watched: int | None = None
        try:
            self._arm()
        except BaseException:
            self.close()
            raise

    def _arm(self) -> None:
        self._watched = self._inotify.add_watch(self._path, self._mask)

    def wait(self, seconds: float) -> Signal:
        """Wait for a change; without a folder to watch, until it is there again or for a while."""
        if self._watched is None:
            try:
                self._arm()
            except OSError:
                # It is still away: looking at it is what finds it again.
                seconds = min(seconds, POLL_S)
            else:
                return Signal.CHANGED
        ready = self._poll.poll(max(0, int(seconds * 1000)))
        if not any(fd == self._inotify.fileno() for fd, _ in ready):
            return Signal.TIME
        lost = False
        with contextlib.suppress(BlockingIOError):
            for event in self._inotify.read(timeout=0):
                if event.mask & self._flags.Q_OVERFLOW:
                    lost = True
                if event.mask & (self._flags.MOVE_SELF | self._flags.IGNORED):
                    self._disarm(event.mask)
        return Signal.LOST if lost else Signal.CHANGED

    def _disarm(self, mask: int) -> None:
        """Forget the folder that was watched: it is gone, or has another name now."""
        if self._watched is not None and not mask & self._flags.IGNORED:
            with contextlib.suppress(OSError):  # it may be gone in the meantime
                self._inotify.rm_watch(self._watched)
        self._watched = None

    def wake(self) -> None:
        """End a wait."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._waker, b"w")

    def close(self) -> None:
        """Close the descriptors."""
        self._inotify.close()
        os.close(self._woken)
        os.close(self._waker)


def open_watch(path: str, kind: str) -> Watch:
    """Return a watch of this kind: ``poll``, ``inotify``, or ``auto`` for the better one there is.

    Raises OSError or ImportError when inotify was asked for and can't be had.
    """
    if kind == "poll":
        return PollingWatch()
    try:
        return InotifyWatch(path)
    except (OSError, ImportError) as exc:
        if kind == "inotify":
            raise
        logger("xm").debug("no inotify for %s (%s): it is looked at every second", path, exc)
        return PollingWatch()


def quiet(watch: Watch, pause: float, longest: float) -> Signal:
    """Wait until nothing has happened for ``pause`` seconds, but no longer than ``longest``."""
    until = time.monotonic() + longest
    lost = Signal.CHANGED
    while time.monotonic() < until:
        said = watch.wait(pause)
        if said is Signal.TIME:
            break
        if said is Signal.LOST:
            lost = said
    return lost
