"""Bytes to and from a XenStore daemon: what a connection needs of a socket or a device.

A transport has one reader (:meth:`Transport.receive`, which blocks) and any number of writers.
:meth:`Transport.interrupt` takes no lock, so a signal handler may call it: it ends the connection
at the daemon's side and lets the reader return.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Protocol

from xenparley.domain.errors import AccessRefused, ChannelLost, DeadlineExceeded, Unavailable

from .errors import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from .endpoints import Endpoint

__all__ = [
    "CHUNK",
    "SOCKET_ANSWER_MAX",
    "PartlySent",
    "SocketTransport",
    "Transport",
    "open_refused",
    "start_thread",
]

#: Bytes asked for in one read: one call takes in a whole burst of small answers.
CHUNK = 65536
#: oxenstored answers a listing of any length in one message on a socket; this is where we stop.
SOCKET_ANSWER_MAX = 16 << 20

_MISSING = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ECONNREFUSED, errno.ENOTDIR)


class PartlySent(ChannelLost):
    """Sending ended after ``sent`` bytes of what was to be sent."""

    def __init__(self, message: str, sent: int) -> None:
        super().__init__(message, channel=CHANNEL, retry_safe=sent == 0)
        self.sent = sent


class Transport(Protocol):
    """One connection's bytes."""

    #: Longest payload of a request.
    request_max: int
    #: Longest payload of an answer that is taken.
    answer_max: int
    #: Whether several requests may be under way; else each waits for the answer before it.
    batches: bool
    #: Where it leads, for messages.
    name: str

    def receive(self) -> bytes:
        """Block for the next bytes; empty when the connection is over. One thread only."""
        ...

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it. Raises DeadlineExceeded (nothing sent), PartlySent."""
        ...

    def offer(self, data: bytes) -> bool:
        """Send all of it if that needs no waiting; return False where nothing was sent.

        For whole requests, 8 KiB at most. Raises PartlySent.
        """
        ...

    def interrupt(self) -> None:
        """End the connection from any thread or signal handler; takes no lock."""
        ...

    def close(self) -> None:
        """Free the descriptor; called by the reader when it is done. Idempotent."""
        ...

    def drop(self) -> None:
        """Free the copy of the descriptor that a forked child holds; takes no lock."""
        ...


def open_refused(endpoint: Endpoint, exc: OSError) -> Unavailable | AccessRefused:
    """Return what to raise for a failed open, in words."""
    what = "device" if endpoint.device else "socket"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return AccessRefused(f"no access to XenStore {what} {endpoint.path}", channel=CHANNEL)
    reason = exc.strerror or str(exc)
    if exc.errno in _MISSING:
        reason = f"nobody is there ({reason})"
    return Unavailable(f"XenStore {what} {endpoint.path}: {reason}", channel=CHANNEL)


class SocketTransport:
    """A UNIX socket to xenstored."""

    request_max = 4096
    answer_max = SOCKET_ANSWER_MAX
    batches = True

    def __init__(self, endpoint: Endpoint, deadline: float) -> None:
        self.name = endpoint.path
        #: Held while bytes go out: two callers' requests don't mix, and the descriptor is not
        #: closed (and its number given to another file) under a sender.
        self._sending = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._connect(endpoint, deadline)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, endpoint: Endpoint, deadline: float) -> None:
        """Connect; a full backlog answers EAGAIN at once, so it is asked again."""
        self._socket.setblocking(False)
        while True:
            try:
                self._socket.connect(endpoint.path)
                break
            except BlockingIOError as exc:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise DeadlineExceeded(
                        f"XenStore socket {endpoint.path} takes no connections", channel=CHANNEL
                    ) from exc
                time.sleep(min(0.01, left))
            except OSError as exc:
                raise open_refused(endpoint, exc) from exc
            except ValueError as exc:
                raise Unavailable(f"not a socket path: {endpoint.path!r}", channel=CHANNEL) from exc
        self._socket.setblocking(True)

    def receive(self) -> bytes:
        """Block for the next bytes."""
        try:
            return self._socket.recv(CHUNK)
        except OSError as exc:
            if exc.errno in (errno.ECONNRESET, errno.EBADF, errno.ENOTCONN):
                return b""
            raise

    def send(self, data: bytes, deadline: float) -> None:
        """Send without blocking; wait for room until the deadline."""
        if not self._sending.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise DeadlineExceeded(f"{self.name} takes no requests", channel=CHANNEL)
        try:
            self._send_all(data, deadline)
        finally:
            self._sending.release()

    def _send_all(self, data: bytes, deadline: float) -> None:
        sent = 0
        view: bytes | memoryview = data
        while True:
            try:
                sent += self._socket.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._await_room(sent, deadline)
            except OSError as exc:
                raise PartlySent(
                    f"connection to {self.name} lost: {exc.strerror or exc}", sent
                ) from exc
            if sent == len(data):
                return
            view = memoryview(data)[sent:]

    def offer(self, data: bytes) -> bool:
        """Send if nobody else does and the socket takes it at once."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            sent = self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise PartlySent(f"connection to {self.name} lost: {exc.strerror or exc}", 0) from exc
        finally:
            self._sending.release()
        if sent != len(data):
            # Linux takes so little in one piece or not at all.
            raise PartlySent(f"{self.name} took a part of a burst", sent)
        return True

    def _await_room(self, sent: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left > 0:
            poller = select.poll()
            poller.register(self._socket.fileno(), select.POLLOUT)
            poller.poll(min(left, 1.0) * 1000)
            return
        if sent:
            raise PartlySent(f"{self.name} takes no more bytes", sent)
        raise DeadlineExceeded(f"{self.name} takes no requests", channel=CHANNEL)

    def interrupt(self) -> None:
        """Shut both directions: the daemon sees the end at once, and so does the reader."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the descriptor; after the interruption no sender holds it for long."""
        held = self._sending.acquire(timeout=2.0)
        self._socket.close()
        if held:
            self._sending.release()

    def drop(self) -> None:
        """Close without the lock: the thread that may hold it does not exist in a child."""
        self._socket.close()


def start_thread(name: str, target: Callable[[], None]) -> threading.Thread:
    """Start a daemon thread: it never keeps the interpreter alive."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
