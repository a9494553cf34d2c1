"""Sockets with a deadline, and an HTTP connection over them.

A socket's own time-out starts anew with each read, so a peer that sends a byte now and then could
hold a call for ever: here each read gets what is left until the deadline. How many bytes went out
is counted, since a command counts as not sent only when none did.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, cast

from xenparley.domain.errors import AccessRefused, DeadlineExceeded, Unavailable
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_xend.endpoint import Endpoint

__all__ = ["Connection", "TimedSocket"]


class TimedSocket:
    """A connected socket; ``deadline`` bounds each of its calls. What http.client needs of one."""

    def __init__(self, raw: socket.socket, deadline: float) -> None:
        self.raw = raw
        self.deadline = deadline
        #: Bytes that went out since this was last set to 0.
        self.sent = 0
        #: The peer sends no more.
        self.ended = False
        self._readers = 0
        self._closing = False

    def remaining(self) -> float:
        """Return the seconds left. Raises TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        view = memoryview(data)
        while view:
            self.raw.settimeout(self.remaining())
            count = self.raw.send(view)
            self.sent += count
            view = view[count:]

    def makefile(self, mode: str = "rb", *_: object) -> io.BufferedReader:
        """Return a reader of what comes in; the socket stays open as long as it does."""
        self._readers += 1
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Close it, once nobody reads any more. Idempotent."""
        self._closing = True
        if self._readers <= 0:
            self.raw.close()

    def reader_closed(self) -> None:
        """A reader was closed."""
        self._readers -= 1
        if self._closing:
            self.close()

    def abort(self) -> None:
        """End it from another thread: a read that waits ends now."""
        try:
            self.raw.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It was not connected any more, which is what is wanted.
            return


class _Incoming(io.RawIOBase):
    """The readable side of a TimedSocket."""

    def __init__(self, sock: TimedSocket) -> None:
        super().__init__()
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._sock.raw.settimeout(self._sock.remaining())
        count = self._sock.raw.recv_into(buffer)
        self._sock.ended = not count
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.reader_closed()


class Connection(http.client.HTTPConnection):
    """One HTTP connection to an endpoint. No proxy, no redirects: http.client knows neither."""

    def __init__(
        self, endpoint: Endpoint, opened: Callable[[TimedSocket], None] | None = None
    ) -> None:
        super().__init__("localhost" if endpoint.host is None else endpoint.host, endpoint.port)
        self.endpoint = endpoint
        self.timed: TimedSocket | None = None
        self._opened = opened
        # A connection that was closed is not opened again behind our back.
        self.auto_open = 0

    def open(self, deadline: float) -> None:
        """Connect. Raises Unavailable, AccessRefused or DeadlineExceeded; nothing was sent."""
        try:
            raw = self._dial(deadline)
        except TimeoutError as exc:
            raise DeadlineExceeded(f"no connection to {self.endpoint} in time") from exc
        except PermissionError as exc:
            raise AccessRefused(f"{self.endpoint}: {exc.strerror or exc}") from exc
        except (OSError, UnicodeError, ValueError) as exc:
            words = getattr(exc, "strerror", None) or str(exc)
            raise Unavailable(f"{self.endpoint}: {printable(words)}", retry_safe=True) from exc
        self.timed = TimedSocket(raw, deadline)
        self.sock = cast("socket.socket", self.timed)
        if self._opened is not None:
            self._opened(self.timed)

    def _dial(self, deadline: float) -> socket.socket:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        endpoint = self.endpoint
        if endpoint.path is not None:
            raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                raw.settimeout(left)
                raw.connect(endpoint.path)
            except BlockingIOError as exc:
                # A UNIX socket whose queue is full says so instead of waiting.
                raw.close()
                raise TimeoutError("its queue is full") from exc
            except BaseException:
                raw.close()
                raise
            return raw
        raw = socket.create_connection((endpoint.host or "localhost", endpoint.port), left)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw
