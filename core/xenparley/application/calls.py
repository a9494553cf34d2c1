"""Calls into adapters that come back in time, whatever the adapter does.

Each call runs on a daemon thread of its channel's; the caller waits for it until the deadline and
a grace beyond. A call that is still out then is given up: its thread can't be stopped, so the
channel is quarantined and never called again. An adapter that keeps its word never meets this.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from xenparley.domain.errors import DeadlineExceeded

__all__ = ["GRACE_S", "Caller", "Overdue"]

T = TypeVar("T")

#: What an adapter may need beyond the deadline to notice it and come back.
GRACE_S = 1.0


class Overdue(Exception):
    """A call did not come back; nobody knows what it did. Never leaves the application."""


class _Job(Generic[T]):
    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.result: T
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as exc:  # noqa: BLE001 - carried to the waiting thread, raised there
            self.error = exc
        finally:
            self.done.release()


class _Worker:
    """A thread that carries out one job after another and reports itself idle in between."""

    __slots__ = ("_idle", "_job", "_wake")

    def __init__(self, name: str, idle: list[_Worker]) -> None:
        self._idle = idle
        self._job: _Job[object] | None = None
        self._wake = threading.Lock()
        self._wake.acquire()
        threading.Thread(target=self._loop, name=f"xenparley-{name}", daemon=True).start()

    def submit(self, job: _Job[object] | None) -> None:
        self._job = job
        self._wake.release()

    def _loop(self) -> None:
        while True:
            self._wake.acquire()
            job, self._job = self._job, None
            if job is None:
                return
            job.run()
            del job
            self._idle.append(self)


class Caller:
    """Runs calls for one channel: several at once, or one at a time when ``serial``."""

    def __init__(self, name: str, *, serial: bool = False) -> None:
        self.name = name
        self._idle: list[_Worker] = []
        self._serial = threading.Lock() if serial else None
        self._closed = False

    def call(self, function: Callable[[], T], deadline: float) -> T:
        """Run the function on a worker, return its result or raise its error.

        Raises DeadlineExceeded when it was not started at all, Overdue when it did not come back.
        """
        serial = self._serial
        if serial is not None:
            if not serial.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise DeadlineExceeded(
                    f"{self.name} was busy with another call until the deadline",
                    channel=self.name,
                )
            function = _then(function, serial.release)
        job = _Job(function)
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker(self.name, self._idle)
        worker.submit(job)  # type: ignore[arg-type]
        if not job.done.acquire(timeout=max(0.0, deadline - time.monotonic()) + GRACE_S):
            raise Overdue(self.name)
        error = job.error
        if error is not None:
            if not isinstance(error, Exception):
                # SystemExit and the like: an adapter must not end the program.
                error = RuntimeError(f"raised {type(error).__name__}: {error}")
            try:
                raise error
            finally:
                # The traceback refers to this frame: without this they would live in a cycle.
                del job, error
        if self._closed:
            self.close()
        return job.result

    def close(self) -> None:
        """Let the idle workers end; a busy one ends when its call does."""
        self._closed = True
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while True:
                self._idle.pop().submit(None)


def _then(function: Callable[[], T], after: Callable[[], None]) -> Callable[[], T]:
    def run() -> T:
        try:
            return function()
        finally:
            after()

    return run
