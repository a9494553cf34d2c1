"""A server on a UNIX socket that answers with given bytes, and notes what it was sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["ScriptedHttp", "read_request", "sxp_answer"]


def read_request(connection: socket.socket) -> bytes:
    """Read one request, head and body; what there is when the client hangs up."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def sxp_answer(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    """Return an answer as XenD sends it."""
    lines = [f"HTTP/1.1 {status}", f"Content-length: {len(body)}", "Expires: -1", *more]
    lines += ["Content-type: application/sxp", "Pragma: no-cache", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class ScriptedHttp:
    """Serves each request by ``act(connection, request)``; then the connection closes."""

    def __init__(self, path: Path, act: Callable[[socket.socket, bytes], None]) -> None:
        self.path, self._act = path, act
        self.requests: list[bytes] = []
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> ScriptedHttp:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(10)
        for thread in self._threads:
            thread.join(10)
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            request = read_request(connection)
            if request:
                self.requests.append(request)
                self._act(connection, request)
