"""Hypercalls on a thread of their own, so that a caller's deadline holds.

An ioctl can't be abandoned: nothing can take a thread out of the kernel. So calls are made by a
worker thread; a caller whose time runs out leaves, and the worker, still inside, is replaced.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    Unavailable,
)
from xenparley_hypercall.errors import translated
from xenparley_hypercall.transport import Form, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley.domain.errors import XenparleyError
    from xenparley_hypercall.device import Buffer, Device
    from xenparley_wire.abi.abi import Request

__all__ = ["Turn", "Worker", "Workers"]

T = TypeVar("T")

#: Workers that may be stuck inside the kernel before no new one is made.
MAX_STUCK: Final = 4


class Turn:
    """One caller's turn on the worker: the hypercalls that its job may make.

    ``operation`` and ``guest`` are for messages. Every call checks the deadline first; a command
    that hasn't been sent by then is certainly not sent any more.
    """

    def __init__(self, deadline: float, operation: str, guest: str | None) -> None:
        self.deadline = deadline
        self.operation = operation
        self.guest = guest
        self._lock = threading.Lock()
        #: How many commands were sent.
        self.acted = 0
        self._given_up = False
        self._transport: Transport | None = None

    @property
    def transport(self) -> Transport:
        """The worker's transport, while the job runs."""
        if self._transport is None:
            raise Unavailable("the hypercall worker has gone", operation=self.operation)
        return self._transport

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Send a request that changes nothing. Returns the result and the struct."""
        self._check(command=False)
        try:
            return self.transport.send(request)
        except OSError as exc:
            raise translated(exc, self.operation, self.guest) from exc

    def act(self, request: Request) -> tuple[int, bytes]:
        """Send a command. From here on a lost answer means that the outcome is unknown."""
        self._check(command=True)
        try:
            return self.transport.send(request)
        except OSError as exc:
            raise translated(exc, self.operation, self.guest, command=True) from exc

    def hypercall(self, number: int, *args: int) -> int:
        """Do a hypercall that changes nothing and has no op struct (xen_version)."""
        self._check(command=False)
        try:
            return self.transport.hypercall(number, *args)
        except OSError as exc:
            raise translated(exc, self.operation, self.guest) from exc

    def buffer(self, size: int, use: str = "data") -> Buffer:
        """Return a zeroed buffer for what the op struct points to."""
        try:
            return self.transport.buffer(size, use)
        except OSError as exc:
            raise Unavailable(
                f"{self.operation}: no memory for the hypercall: {exc}",
                operation=self.operation,
                guest=self.guest,
            ) from exc

    def check(self) -> None:
        """Raise the error for a caller whose time ran out, if it did."""
        self._check(command=False)

    def run(self, transport: Transport, job: Callable[[Turn], T]) -> T:
        """Do the job with this transport. Called by the worker."""
        self._transport = transport
        try:
            return job(self)
        finally:
            self._transport = None

    def give_up(self, *, closed: bool = False) -> XenparleyError:
        """Return the error for a caller who leaves; nothing is sent after this.

        ``closed``: not because the time ran out, but because the channel was closed.
        """
        with self._lock:
            self._given_up = True
            if closed and not self.acted:
                return ChannelLost(
                    f"{self.operation}: the hypercall channel was closed meanwhile",
                    operation=self.operation,
                    guest=self.guest,
                )
            return self._late()

    def _check(self, *, command: bool) -> None:
        with self._lock:
            if self._given_up or time.monotonic() >= self.deadline:
                raise self._late()
            if command:
                self.acted += 1

    def _late(self) -> DeadlineExceeded | OutcomeUnknown:
        if self.acted:
            return OutcomeUnknown(
                f"{self.operation}: the hypercall was made and hasn't returned in time",
                operation=self.operation,
                guest=self.guest,
            )
        return DeadlineExceeded(
            f"{self.operation}: the hypervisor didn't answer in time",
            operation=self.operation,
            guest=self.guest,
        )


class Worker:
    """One thread and its transport."""

    def __init__(self, device: Device, form: Form) -> None:
        self.transport = Transport(device, form)
        self._queue: SimpleQueue[Callable[[Transport], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="xenparley-hypercall", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[Transport], None] | None) -> None:
        """Hand over a call; None ends the thread, which then gives its buffers back."""
        self._queue.put(call)

    def alive(self) -> bool:
        """Say whether the thread still runs."""
        return self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout)

    def _serve(self) -> None:
        while True:
            call = self._queue.get()
            if call is None:
                break
            call(self.transport)
            del call
        self.transport.close()


class _Call(Generic[T]):
    """One call in flight. What it came to is put into ``answers`` by the worker or by close()."""

    __slots__ = ("answers", "job", "turn")

    def __init__(self, turn: Turn, job: Callable[[Turn], T]) -> None:
        self.turn = turn
        self.job = job
        #: (value, None) or (None, error); what comes after the first is read by nobody.
        self.answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def do(self, transport: Transport) -> None:
        """Do it. Called by the worker."""
        try:
            value = self.turn.run(transport, self.job)
        except BaseException as exc:  # noqa: BLE001 - handed to the caller, who raises it
            self.answers.put((None, exc))
        else:
            self.answers.put((value, None))


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
            worker.submit(call.do)
            try:
                value, error = call.answers.get(timeout=_left(deadline))
            except Empty:
                error = turn.give_up()
                with self._state:
                    self._leave(worker)
                raise error from None
            finally:
                self._current = None
        finally:
            self._turns.release()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def close(self) -> None:
        """End the worker; a call in flight ends now. A worker that is stuck ends when it can."""
        with self._state:
            self._closed = True
            worker, call = self._worker, self._current
            if worker is not None:
                self._leave(worker)
        if call is not None:
            call.answers.put((None, call.turn.give_up(closed=True)))
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
        self._stuck = [worker for worker in self._stuck if worker.alive()]
        if self._worker is None:
            if len(self._stuck) >= MAX_STUCK:
                raise Unavailable(
                    f"{len(self._stuck)} hypercalls have not returned; no more are made",
                    operation=operation,
                )
            self._worker = Worker(self._device, self.form)
        return self._worker


def _left(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
