"""The kernel's XenStore device, ``/dev/xen/xenbus`` or ``/proc/xen/xenbus``.

What was measured there (Linux 6.1):

* One write may hold one request only: the rest is thrown away and still reported as written.
* A request may have 4096 bytes in all, so 4080 of payload.
* **One request at a time for each descriptor.** The kernel keeps a request's body in the
  descriptor's one buffer until its own thread sends it, so a second write before the first answer
  changes what is asked: with two in flight 69 of 640 reads got another node's value without any
  error, and a write would go to another node. The next request is written when the last one has
  been answered.
* Up to Linux 4.8 at least a write carries the request out before it returns, and where the ring is
  frozen neither an open nor a write ever returns. So opening and writing happen on threads of
  their own, which a deadline can leave behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import DeadlineExceeded, ProtocolError
from xenparley_wire.xenstore import HEADER, Decoder
from xenparley_wire.xenstore_types import HEADER_SIZE, MessageType

from .errors import CHANNEL
from .transport import CHUNK, PartlySent, open_refused, start_thread

if TYPE_CHECKING:
    from .endpoints import Endpoint

__all__ = ["DeviceTransport"]

#: How a node is opened; tests put another one in its place.
open_node = os.open
#: Requests that may wait for the writing thread; more means that the ring stands still.
_WAITING_MAX = 1024
#: How long a request may stay without its answer before the connection is given up, in seconds:
#: oxenstored never answers one that it does not know, and everything behind it waits.
_ANSWER_MAX = 30.0


class DeviceTransport:
    """A descriptor of the kernel's node: one reader, one writer, one request a write."""

    request_max = 4096 - HEADER_SIZE
    answer_max = 4096
    batches = False

    def __init__(self, endpoint: Endpoint, deadline: float) -> None:
        self.name = endpoint.path
        self._descriptor = _open(endpoint, deadline)
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._requests: queue.Queue[bytes | None] = queue.Queue(_WAITING_MAX)
        self._over = False
        self._reader_done = False
        #: Free while no request is in the kernel; the reader frees it with each answer.
        self._turn = threading.Semaphore(1)
        self._answers = Decoder(self.answer_max)
        #: Held while the descriptor is in use by a write, so that it is not closed (and its
        #: number given to another file) under it.
        self._writing = threading.Lock()
        start_thread("xenstore-device-writer", self._write_all)

    def receive(self) -> bytes:
        """Wait for bytes or for the interruption."""
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while not self._over:
            poller.poll()
            if self._over:
                break
            try:
                data = os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                continue
            self._count_answers(data)
            return data
        return b""

    def _count_answers(self, data: bytes) -> None:
        """Give the turn back for each answer; nonsense ends the connection elsewhere."""
        with contextlib.suppress(ProtocolError):
            for message in self._answers.feed(data):
                if message.type != MessageType.WATCH_EVENT:
                    self._turn.release()

    def send(self, data: bytes, deadline: float) -> None:
        """Hand over one or more whole requests; each is written by itself."""
        if self._over:
            raise PartlySent(f"connection to {self.name} lost", 0)
        position = 0
        while position < len(data):
            _, _, _, length = HEADER.unpack_from(data, position)
            end = position + HEADER_SIZE + length
            try:
                left = deadline - time.monotonic()
                self._requests.put(data[position:end], timeout=max(left, 0))
            except queue.Full as exc:
                if position:
                    raise PartlySent(f"{self.name} takes no more requests", position) from exc
                raise DeadlineExceeded(f"{self.name} takes no requests", channel=CHANNEL) from exc
            position = end

    def offer(self, data: bytes) -> bool:
        """Leave it to the caller: here each request waits for the answer to the one before."""
        return False

    def _write_all(self) -> None:
        while not self._over:
            request = self._requests.get()
            if request is None or not self._turn.acquire(timeout=_ANSWER_MAX):
                break
            with self._writing:
                if self._over:
                    break
                try:
                    _write_one(self._descriptor, request)
                except OSError:
                    # The reader ends the connection and tells everybody who waits.
                    break
        self.interrupt()
        if self._reader_done:
            self._release()

    def interrupt(self) -> None:
        """Mark the end and wake the reader, which closes."""
        self._over = True
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def close(self) -> None:
        """Close, unless a write is stuck in the kernel: then the writer closes once it returns."""
        self._over = True
        self._reader_done = True
        self._turn.release()
        with contextlib.suppress(queue.Full):
            self._requests.put_nowait(None)
        self._release()

    def drop(self) -> None:
        """Close without the lock: the thread that may hold it does not exist in a child."""
        self._writing = threading.Lock()
        self._release()

    def _release(self) -> None:
        if not self._writing.acquire(timeout=0.1):
            return
        try:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            self._woken.close()
            self._waker.close()
        finally:
            self._writing.release()


def _write_one(descriptor: int, request: bytes) -> None:
    """Write one request; a non-blocking node that is full is waited for."""
    while True:
        try:
            written = os.write(descriptor, request)
        except BlockingIOError:
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll(1000)
            continue
        if written != len(request):
            raise OSError(errno.EIO, "the device took a part of a request")
        return


def _open(endpoint: Endpoint, deadline: float) -> int:
    """Open on a thread of its own; a late descriptor is closed by that thread."""
    lock = threading.Lock()
    outcome: list[int | OSError] = []
    given_up = False
    done = threading.Event()

    def attempt() -> None:
        result: int | OSError
        try:
            result = open_node(endpoint.path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as exc:
            result = exc
        with lock:
            outcome.append(result)
            done.set()
            if given_up and isinstance(result, int):
                os.close(result)

    start_thread("xenstore-device-open", attempt)
    done.wait(max(deadline - time.monotonic(), 0))
    with lock:
        if not outcome:
            given_up = True
            raise DeadlineExceeded(
                f"{endpoint.path} does not open: the kernel's XenStore ring stands still",
                channel=CHANNEL,
            )
    result = outcome[0]
    if isinstance(result, OSError):
        raise open_refused(endpoint, result) from result
    return result
