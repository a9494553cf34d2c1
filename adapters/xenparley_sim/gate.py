"""A place where clients connect, in front of a server: it passes bytes on, unless told otherwise.

Between the two sits what can go wrong on a host: the daemon is not there, denies access, is slow,
dies in the middle of an answer, or answers what makes no sense.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODES", "Gate", "Through"]

MODES: Final = ("open", "absent", "refused", "slow", "hung", "dead", "lying")
_NONSENSE: Final = b"\xde\xad\xbe\xef" * 64


class Through:
    """What a connection's bytes go through, both ways; this one leaves them as they are."""

    def requests(self, data: bytes) -> bytes:
        """Return what the server is to get for what the client sent. OSError ends both."""
        return data

    def answers(self, data: bytes) -> bytes:
        """Return what the client is to get for what the server sent. OSError ends both."""
        return data


class Gate:
    """Listens on ``path``, or on 127.0.0.1's ``port`` (0: any); leads to the socket ``target``.

    ``denial`` answers requests as a daemon does that denies access: it takes the bytes so far and
    returns the answer, and how many of them it took. The gate listens once :meth:`open` was
    called; ``through`` makes what the bytes of a connection go through. Safe for threads. Each
    connection has two threads of its own, so that a client which reads nothing holds up nobody
    else.
    """

    def __init__(
        self,
        target: Path,
        denial: Callable[[bytes], tuple[bytes, int]],
        *,
        path: Path | None = None,
        port: int = 0,
        through: Callable[[], Through] = Through,
    ) -> None:
        self.path = path
        self._through = through
        self.port = port
        self.target = os.fspath(target)
        self._denial = denial
        self._mode = "absent"
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._listener: socket.socket | None = None
        self._pairs: set[_Pair] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def mode(self) -> str:
        """How it is now: one of :data:`MODES`."""
        return self._mode

    @property
    def seconds(self) -> float:
        """How long a slow daemon holds each request back."""
        return self._seconds

    def open(self) -> None:
        """Listen, and pass everything on."""
        self.set("open")

    def set(self, mode: str, seconds: float = 1.0) -> None:
        """Be that from now on. ``absent`` ends the connections; so does an end of nonsense."""
        if mode not in MODES:
            raise ValueError(f"not a mode of a gate: {mode!r}")
        with self._lock:
            if self._closed:
                return
            before, self._mode, self._seconds = self._mode, mode, seconds
            # Who sleeps for a slow daemon looks again.
            self._changed.set()
            self._changed = threading.Event()
        if mode == "absent":
            self._unlisten()
        else:
            self._listen()
        if mode == "absent" or before in ("refused", "hung", "dead", "lying"):
            for pair in tuple(self._pairs):
                pair.end()

    def close(self) -> None:
        """End every connection and remove the socket. Idempotent."""
        self.set("absent")
        with self._lock:
            self._closed = True
            threads = [*self._threads]
        for pair in tuple(self._pairs):
            pair.end()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def _listen(self) -> None:
        if self._listener is not None:
            return
        if self.path is None:
            listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self.port = listener.getsockname()[1]
        else:
            listener = socket.socket(socket.AF_UNIX)
            try:
                listener.bind(os.fspath(self.path))
                listener.listen(128)
            except BaseException:
                listener.close()
                raise
        self._listener = listener
        self._start(lambda: self._accept(listener))

    def _unlisten(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            if self.path is not None:
                self.path.unlink(missing_ok=True)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="sim-gate", daemon=True)
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                # The daemon behind has gone: to the client that looks like its end.
                server.close()
                client.close()
                continue
            pair = _Pair(client, server, self._through())
            self._pairs.add(pair)
            self._start(lambda pair=pair: self._run(pair, self._requests))  # type: ignore[misc]
            self._start(lambda pair=pair: self._run(pair, self._answers))  # type: ignore[misc]

    def _run(self, pair: _Pair, pump: Callable[[_Pair], None]) -> None:
        try:
            with contextlib.suppress(OSError):
                pump(pair)
        finally:
            if pair.finish():
                self._pairs.discard(pair)

    def _requests(self, pair: _Pair) -> None:
        waiting = b""
        while data := pair.client.recv(65536):
            if self._mode == "refused":
                waiting += data
                answer, taken = self._denial(waiting)
                waiting = waiting[taken:]
                if not taken and len(waiting) > 1 << 20:
                    return
                pair.client.sendall(answer)
                continue
            if self._mode == "hung":
                # It was taken; whoever ends this ends the connection too.
                continue
            if self._mode == "slow":
                self._changed.wait(self._seconds)
            pair.server.sendall(pair.through.requests(data))

    def _answers(self, pair: _Pair) -> None:
        while data := pair.server.recv(65536):
            data = pair.through.answers(data)
            if self._mode == "dead":
                pair.client.sendall(data[: len(data) // 2])
                return
            if self._mode == "lying":
                pair.client.sendall(_NONSENSE)
                return
            pair.client.sendall(data)


class _Pair:
    """The two ends of one connection; closed by the second of its two threads."""

    def __init__(self, client: socket.socket, server: socket.socket, through: Through) -> None:
        self.through = through
        self.client = client
        self.server = server
        self._lock = threading.Lock()
        self._running = 2

    def end(self) -> None:
        """Have both threads return."""
        for each in (self.client, self.server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def finish(self) -> bool:
        """One thread is done: the other one is to follow. True for the last."""
        self.end()
        with self._lock:
            self._running -= 1
            if self._running:
                return False
        self.client.close()
        self.server.close()
        return True
