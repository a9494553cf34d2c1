"""One caller's turn on the worker: what its job may do, and until when."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    Unavailable,
)
from xenparley_hypercall.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley.domain.errors import XenparleyError
    from xenparley_hypercall.device import Buffer
    from xenparley_hypercall.transport import Transport
    from xenparley_wire.abi.abi import Request

__all__ = ["Turn"]

T = TypeVar("T")


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
