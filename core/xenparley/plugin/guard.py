"""Runs foreign code in daemon threads with a time limit.

What never returns is abandoned: its thread sleeps on without us, and dies with the process. Jobs
run one after the other on one thread, since two imports at once can see each other's half-made
modules; only when a job takes long does another thread go on with those that wait behind it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

__all__ = ["Job", "run_all"]

T = TypeVar("T")

#: Seconds after which the jobs behind a slow one no longer wait for it.
PATIENCE = 0.25
_TICK = 0.02


class Job(Generic[T]):
    """A call, and once it ran its ``result`` or ``error``; ``abandoned`` when it never returned.

    The call gets the job and may set its ``stage``, a word for how far it came. ``error`` may be
    any BaseException: foreign code that calls ``sys.exit()`` fails by that.
    """

    __slots__ = ("abandoned", "call", "done", "error", "name", "result", "stage", "started")

    def __init__(self, name: str, call: Callable[[Job[T]], T]) -> None:
        self.name = name
        self.call = call
        self.stage = ""
        self.started: float | None = None
        self.done = False
        self.abandoned = False
        self.result: T | None = None
        self.error: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether it ran, or nobody waits for it any more."""
        return self.done or self.abandoned


def run_all(jobs: Iterable[Job[T]], *, timeout: float, patience: float = PATIENCE) -> None:
    """Run each job, in order; return when each is over. ``timeout`` seconds is for each of them.

    The jobs' fields don't change after this returned, not even when an abandoned one ends late.
    """
    todo = list(jobs)
    waiting = deque(todo)
    changed = threading.Condition()

    def work() -> None:
        while True:
            with changed:
                if not waiting:
                    return
                job = waiting.popleft()
                job.started = monotonic()
            result: T | None = None
            error: BaseException | None = None
            try:
                result = job.call(job)
            except BaseException as exc:  # noqa: BLE001 (kept: the caller judges it)
                error = exc
            with changed:
                if job.abandoned:
                    return
                job.result, job.error, job.done = result, error, True
                changed.notify_all()

    def start() -> None:
        threading.Thread(target=work, name="xenparley-plugin", daemon=True).start()

    with changed:
        helped: set[int] = set()
        if todo:
            start()
        while not all(job.over for job in todo):
            # Whoever ends a job wakes us; the short wait only bounds how late a limit is seen.
            changed.wait(_TICK)
            now = monotonic()
            for number, job in enumerate(todo):
                if job.started is None or job.over:
                    continue
                job.abandoned = now >= job.started + timeout
                if number not in helped and (job.abandoned or now >= job.started + patience):
                    helped.add(number)
                    if waiting:
                        start()
