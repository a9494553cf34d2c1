"""One request and its answer, with what may be concluded when the answer does not come.

Reads go over connections that are kept where the server says that it keeps them. A command goes
over a connection of its own, once: XenD carries out what it got of a request that was cut short.
"""

from __future__ import annotations

import http.client
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley_xend.transport import Connection, TimedSocket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley_xend.endpoint import Endpoint

__all__ = ["MAX_RESPONSE", "Answer", "Line"]

#: Longest answer that is read, in bytes. A host with 80 virtual CPUs answers 74 KB for a guest.
MAX_RESPONSE = 64 * 1024 * 1024
#: Idle connections that are kept.
MAX_IDLE = 8
_CHUNK = 1 << 18


class Answer(NamedTuple):
    """A complete answer. ``location`` is its Location header."""

    status: int
    reason: str
    body: bytes
    location: str | None = None


class Line:
    """The way to one endpoint. Safe for several threads; after a fork it starts anew."""

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        self.endpoint = endpoint
        self.closed = False
        self._headers = dict(headers)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._open: set[TimedSocket] = set()
        self._pid = os.getpid()

    def read(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        """Ask something that changes nothing.

        An idle connection that turns out to be closed is replaced, once. Raises ChannelLost,
        ProtocolError, DeadlineExceeded, Unavailable.
        """
        wanted = {**headers, "Connection": "keep-alive"}
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, method, path, body, wanted, deadline, keep=True)
            except ChannelLost:
                self._check_open()
        fresh = self._connect(deadline)
        return self._exchange(fresh, method, path, body, wanted, deadline, keep=True)

    def command(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        """Send a command, once. OutcomeUnknown when a byte went out and no answer came."""
        connection = self._connect(deadline)
        wanted = {**headers, "Connection": "close"}
        try:
            return self._exchange(connection, method, path, body, wanted, deadline, keep=False)
        except (ChannelLost, ProtocolError, DeadlineExceeded) as exc:
            timed = connection.timed
            if timed is None or not timed.sent:
                raise
            raise OutcomeUnknown(
                f"the command was sent to XenD, its answer did not come: {exc.message}"
            ) from exc

    def close(self) -> None:
        """End calls in flight and let go of every connection. Idempotent."""
        with self._lock:
            self.closed = True
            idle, self._idle = self._idle, []
            flying, self._open = self._open, set()
        for connection in idle:
            connection.close()
        for timed in flying:
            timed.abort()

    # -- connections -------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.closed:
            raise Unavailable("the connection to XenD is closed", retry_safe=True)

    def _take(self) -> Connection | None:
        with self._lock:
            self._check_open()
            if self._pid != os.getpid():
                # The parent's connections: let go of them without a word to the server.
                self._idle, self._open, self._pid = [], set(), os.getpid()
            return self._idle.pop() if self._idle else None

    def _connect(self, deadline: float) -> Connection:
        self._check_open()
        connection = Connection(self.endpoint, self._note)
        connection.open(deadline)
        return connection

    def _note(self, timed: TimedSocket) -> None:
        with self._lock:
            if not self.closed:
                self._open.add(timed)
                return
        timed.close()
        raise Unavailable("the connection to XenD is closed", retry_safe=True)

    def _exchange(
        self,
        connection: Connection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
        *,
        keep: bool,
    ) -> Answer:
        timed = connection.timed
        assert timed is not None
        timed.deadline, timed.sent = deadline, 0
        with self._lock:
            self._open.add(timed)
        done = False
        try:
            # Every header is ours: http.client adds the length and a Host, nothing else.
            connection.request(method, path, body=body, headers={**self._headers, **headers})
            response = connection.getresponse()
            answer = self._answer(response, cut=timed.ended)
            done = keep and _keeps(response)
            return answer
        except TimeoutError as exc:
            raise DeadlineExceeded(f"XenD at {self.endpoint} did not answer in time") from exc
        except (http.client.IncompleteRead, ConnectionError) as exc:
            raise ChannelLost(
                f"the connection to XenD at {self.endpoint} broke: {_words(exc)}", retry_safe=True
            ) from exc
        except (http.client.HTTPException, ValueError, UnicodeError) as exc:
            raise ProtocolError(
                f"XenD at {self.endpoint} answered what makes no sense: {_words(exc)}",
                retry_safe=True,
            ) from exc
        except OSError as exc:
            raise ChannelLost(
                f"the connection to XenD at {self.endpoint} broke: {_words(exc)}", retry_safe=True
            ) from exc
        finally:
            self._let_go(connection, timed, keep=done)

    def _let_go(self, connection: Connection, timed: TimedSocket, *, keep: bool) -> None:
        with self._lock:
            self._open.discard(timed)
            if keep and not self.closed and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _answer(self, response: http.client.HTTPResponse, *, cut: bool) -> Answer:
        with response:
            if cut:
                # http.client takes a head that was cut for a whole one.
                raise ConnectionError("it ended within the answer's head")
            lengths = response.headers.get_all("content-length") or []
            if response.headers.get("transfer-encoding"):
                raise ProtocolError("XenD never sends chunks", retry_safe=True)
            if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].strip().isdigit()):
                raise ProtocolError("the answer's length is not said", retry_safe=True)
            length = int(lengths[0])
            if length > MAX_RESPONSE:
                raise ProtocolError(
                    f"an answer of {length} bytes, more than {MAX_RESPONSE}", retry_safe=True
                )
            body = bytearray()
            # Piece by piece: a length that is a lie reserves no memory.
            while len(body) < length:
                piece = response.read(min(_CHUNK, length - len(body)))
                if not piece:
                    raise http.client.IncompleteRead(bytes(body[:0]), length - len(body))
                body += piece
            return Answer(
                response.status, response.reason, bytes(body), response.headers.get("location")
            )


def _keeps(response: http.client.HTTPResponse) -> bool:
    """Say whether the server keeps the connection; XenD does only when it says so."""
    return (response.headers.get("connection") or "").strip().lower() == "keep-alive"


def _words(exc: BaseException) -> str:
    if isinstance(exc, XenparleyError):
        return exc.message
    words = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    with suppress(TypeError):
        return printable(words, limit=200)
    return type(exc).__name__
