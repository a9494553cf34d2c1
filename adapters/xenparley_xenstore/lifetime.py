"""Connections end before the process forks or is stopped.

A client that watches and does not read endangers its host: with oxenstored it freezes
``/dev/xen/xenbus`` for the whole of dom0 after some 2,000 events, and for good if it is then
killed. A forked child holds copies of the descriptors, a stopped process reads nothing. So

* before every ``os.fork()`` all connections are closed (this is registered once, at import). In
  the parent they come back by themselves; in the child they are over for good: open a new client;
* :class:`StopGuard` does the same on SIGTSTP (Ctrl-Z). It is for programs to install: signals
  belong to the program, and a library takes none unasked. SIGSTOP can't be caught; nothing helps
  against it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import DeadlineExceeded

from .errors import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    from .connection import Connection

    _Handler = Callable[[int, FrameType | None], Any] | int | None

__all__ = ["StopGuard", "close_all", "opening", "remember"]

#: How long the end of a connection is waited for.
_PATIENCE = 0.5

# A plain dict: copying its values is one step of the interpreter, so a signal handler may do it.
_live: dict[int, weakref.ref[Connection]] = {}
#: Held while a connection is opened and while the process forks.
_gate = threading.RLock()


def remember(connection: Connection) -> None:
    """Have this connection closed with the others."""
    key = id(connection)

    def forget(_: object) -> None:
        _live.pop(key, None)

    _live[key] = weakref.ref(connection, forget)


@contextlib.contextmanager
def opening(deadline: float) -> Iterator[None]:
    """Hold off a fork while a connection is opened (bounded by the deadline)."""
    gate = _gate
    if not gate.acquire(timeout=max(deadline - time.monotonic(), 0)):
        raise DeadlineExceeded("no connection in time: the process is forking", channel=CHANNEL)
    try:
        yield
    finally:
        gate.release()


def close_all() -> None:
    """End every connection of this process; takes no lock of theirs.

    The daemon has been told when this returns, or half a second is over.
    """
    found = [reference() for reference in list(_live.values())]
    connections = [connection for connection in found if connection is not None]
    for connection in connections:
        connection.end()
    deadline = time.monotonic() + _PATIENCE
    for connection in connections:
        # Not wait(): that takes a lock, and this may run in a signal handler.
        while not connection.released.is_set() and time.monotonic() < deadline:
            time.sleep(0.002)


_fork_holds_gate = False


def _before_fork() -> None:
    global _fork_holds_gate
    held = _gate.acquire(timeout=_PATIENCE)
    close_all()
    _fork_holds_gate = held


def _after_in_parent() -> None:
    global _fork_holds_gate
    if _fork_holds_gate:
        _fork_holds_gate = False
        _gate.release()


def _after_in_child() -> None:
    global _gate, _fork_holds_gate
    _fork_holds_gate = False
    _gate = threading.RLock()
    for reference in list(_live.values()):
        connection = reference()
        if connection is not None:
            connection.forget_after_fork()
    _live.clear()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)


class StopGuard:
    """Closes the connections when the process is about to be stopped by SIGTSTP.

    A context manager, for the main thread. It composes: a handler that was there before is called
    after the connections are closed; without one the process is stopped as usual, and when it
    goes on the connections come back and subscribers are told Resync. On leaving, the earlier
    handler is put back, unless somebody has installed another one on top.
    """

    def __init__(self) -> None:
        self._previous: _Handler = None
        self._handler: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> StopGuard:
        self._handler = self._stop
        self._previous = signal.signal(signal.SIGTSTP, self._handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if signal.getsignal(signal.SIGTSTP) == self._handler:
            # None: the handler was not installed by Python and can't be put back.
            signal.signal(
                signal.SIGTSTP, signal.SIG_DFL if self._previous is None else self._previous
            )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        if previous == signal.SIG_IGN:
            return
        # Held until the process goes on, so that nobody connects again before it is stopped.
        gate = _gate
        held = gate.acquire(timeout=_PATIENCE)
        try:
            close_all()
            self._pass_on(previous, number, frame)
        finally:
            if held:
                gate.release()

    def _pass_on(self, previous: _Handler, number: int, frame: FrameType | None) -> None:
        if callable(previous):
            previous(number, frame)
            return
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here the process has been continued.
        signal.signal(signal.SIGTSTP, self._handler)
