"""Hypercalls on a thread of their own, so that a caller's deadline holds.

An ioctl can't be abandoned: nothing can take a thread out of the kernel. So calls are made by a
worker thread; a caller whose time runs out leaves, and the worker, still inside, is replaced.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from xenparley.domain.errors import DeadlineExceeded, OutcomeUnknown, Unavailable
from xenparley_hypercall.errors import translated
from xenparley_hypercall.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def give_up(self) -> DeadlineExceeded | OutcomeUnknown:
        """Return the error for a caller whose time ran out; nothing is sent after this."""
        with self._lock:
            self._given_up = True
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


class _Result(Generic[T]):
    """Where a worker leaves what a job returned or raised."""

    __slots__ = ("done", "error", "value")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.value: T | None = None
        self.error: BaseException | None = None


class Worker:
    """One thread and its transport. ``stuck`` when a caller has left it inside a hypercall."""

    def __init__(self, device: Device) -> None:
        self.transport = Transport(device)
        self.stuck = False
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="xenparley-hypercall", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], None] | None) -> None:
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
            call()
            del call
        self.transport.close()


class Workers:
    """The worker in use, and those that are stuck."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._turns = threading.Lock()
        self._worker: Worker | None = None
        self._stuck: list[Worker] = []
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
        hypercalls never returned.
        """
        turn = Turn(deadline, operation, guest)
        if not self._turns.acquire(timeout=_left(deadline)):
            raise turn.give_up()
        try:
            worker = self._ready(operation)
            result: _Result[T] = _Result()

            def call() -> None:
                try:
                    result.value = turn.run(worker.transport, job)
                except BaseException as exc:  # noqa: BLE001 - handed to the caller, who raises it
                    result.error = exc
                finally:
                    result.done.release()

            worker.submit(call)
            if not result.done.acquire(timeout=_left(deadline)):
                error = turn.give_up()
                worker.stuck = True
                worker.submit(None)
                self._stuck.append(worker)
                self._worker = None
                raise error
        finally:
            self._turns.release()
        if result.error is not None:
            raise result.error
        return result.value  # type: ignore[return-value]

    def close(self) -> None:
        """End the worker. One that is stuck ends when its hypercall returns."""
        with self._turns:
            self._closed = True
            worker, self._worker = self._worker, None
            if worker is not None:
                worker.submit(None)
                worker.join(5.0)

    def idle(self) -> bool:
        """Say whether no thread of this is inside a hypercall any more."""
        return not any(worker.alive() for worker in self._stuck)

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
            self._worker = Worker(self._device)
        return self._worker


def _left(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
