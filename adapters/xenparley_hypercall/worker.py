"""Hypercalls on a thread of their own, so that a caller's deadline holds.

An ioctl can't be abandoned: nothing can take a thread out of the kernel. So calls are made by a
worker thread; a caller whose time runs out leaves, and the worker, still inside, is replaced.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from xenparley.domain.errors import Unavailable
from xenparley_hypercall.bell import Bell
from xenparley_hypercall.follower import Follower
from xenparley_hypercall.transport import Form, Transport
from xenparley_hypercall.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_hypercall.device import Device

__all__ = ["Worker", "Workers"]

T = TypeVar("T")

#: Workers that may be stuck inside the kernel before no new one is made.
MAX_STUCK: Final = 4


class Worker:
    """One thread, its transport, and the bells by which it and its caller wake each other."""

    def __init__(self, device: Device, form: Form) -> None:
        self.transport = Transport(device, form)
        #: Rung when a call has come to something.
        self.answered = Bell()
        self._asked = Bell()
        self._calls: deque[_Call[Any] | None] = deque()
        self._thread = threading.Thread(target=self._serve, name="xenparley-hypercall", daemon=True)
        self._thread.start()
        self._follower = Follower(self._thread.native_id)

    def submit(self, call: _Call[Any] | None) -> None:
        """Hand over a call; None ends the thread, which then gives its buffers back."""
        self._calls.append(call)
        if call is not None:
            self._follower.come()
        self._asked.ring()

    def alive(self) -> bool:
        """Say whether the thread still runs."""
        return self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout)

    def _serve(self) -> None:
        calls, asked, answered = self._calls, self._asked, self.answered
        while True:
            while not calls:
                asked.sleep()
            call = calls.popleft()
            if call is None:
                break
            call.do(self.transport)
            # What it refers to must not live on while this sleeps.
            del call
            answered.ring()
        self.transport.close()


class _Call(Generic[T]):
    """One call in flight. What it came to is told by the worker or by close(), the first counts."""

    __slots__ = ("answers", "job", "turn")

    def __init__(self, turn: Turn, job: Callable[[Turn], T]) -> None:
        self.turn = turn
        self.job = job
        #: (value, None) or (None, error).
        self.answers: deque[tuple[T | None, BaseException | None]] = deque()

    def do(self, transport: Transport) -> None:
        """Do it. Called by the worker."""
        try:
            value = self.turn.run(transport, self.job)
        except BaseException as exc:  # noqa: BLE001 - handed to the caller, who raises it
            self.answers.append((None, exc))
        else:
            self.answers.append((value, None))


class Workers:
    """The worker in use, and those that are stuck."""

    def __init__(self, device: Device, form: Form | None = None) -> None:
        self._device = device
        self.form = form or Form()
        #: Held by the caller whose turn it is.
        self._turns = threading.Lock()
        #: Guards the attributes below; never held while waiting.
        self._state = threading.Lock()
        self._worker: Worker | None = None
        self._stuck: list[Worker] = []
        self._current: _Call[Any] | None = None
        self._closed = False

    def run(
        self,
        job: Callable[[Turn], T],
        *,
        deadline: float,
        operation: str,
        guest: str | None = None,
    ) -> T:
        """Do the job on the worker and return what it returns.

        Raises what the job raises; :class:`DeadlineExceeded` when the time runs out and no
        command was sent, :class:`OutcomeUnknown` when one was; :class:`Unavailable` when too many
        hypercalls never returned, or after :meth:`close`.
        """
        turn = Turn(deadline, operation, guest)
        turn.check()
        if not self._turns.acquire(timeout=_left(deadline)):
            raise turn.give_up()
        try:
            call = _Call(turn, job)
            with self._state:
                worker = self._ready(operation)
                self._current = call
            worker.submit(call)
            try:
                self._wait(worker, call, deadline)
            except BaseException:
                # Late, or interrupted: what wasn't sent by now isn't sent any more.
                turn.give_up()
                raise
            finally:
                self._current = None
        finally:
            self._turns.release()
        value, error = call.answers[0]
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def _wait(self, worker: Worker, call: _Call[Any], deadline: float) -> None:
        # The bell may ring for a caller who was interrupted before it heard.
        while not call.answers and worker.answered.sleep_until(deadline):
            pass
        if not call.answers:
            with self._state:
                self._leave(worker)
            raise call.turn.give_up()

    def close(self) -> None:
        """End the worker; a call in flight ends now. A worker that is stuck ends when it can."""
        with self._state:
            self._closed = True
            worker, call = self._worker, self._current
            if worker is not None:
                self._leave(worker)
        if call is not None:
            call.answers.append((None, call.turn.give_up(closed=True)))
            if worker is not None:
                worker.answered.ring()
        elif worker is not None:
            worker.join(5.0)

    def idle(self) -> bool:
        """Say whether no thread of this is inside a hypercall any more."""
        return not any(worker.alive() for worker in self._stuck)

    def _leave(self, worker: Worker) -> None:
        """Let the worker end by itself, and have a new one made for the next call."""
        worker.submit(None)
        self._stuck.append(worker)
        if self._worker is worker:
            self._worker = None

    def _ready(self, operation: str) -> Worker:
        if self._closed:
            raise Unavailable("the hypercall channel is closed", operation=operation)
        if self._worker is None:
            self._stuck = [worker for worker in self._stuck if worker.alive()]
            if len(self._stuck) >= MAX_STUCK:
                raise Unavailable(
                    f"{len(self._stuck)} hypercalls have not returned; no more are made",
                    operation=operation,
                )
            self._worker = Worker(self._device, self.form)
        return self._worker


def _left(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
