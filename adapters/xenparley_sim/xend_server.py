"""The simulated XenD's sockets: HTTP on TCP and a UNIX socket, XML-RPC on another."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from xenparley_sim import xend_http, xend_xmlrpc
from xenparley_sim.xend_errors import NeverAnswers
from xenparley_sim.xend_http import Reply, Request

if TYPE_CHECKING:
    from xenparley_sim.xend_host import XendHost

__all__ = ["XendServer"]

#: Told of each request before it is carried out; True: it has dealt with the connection.
Meddler = Callable[[Request, socket.socket], bool]
_MAX_HEAD = 65536
_MAX_BODY = 16 * 1024 * 1024


class XendServer:
    """A XenD that listens. A context manager.

    ``http_path`` and ``xmlrpc_path`` are UNIX sockets (None: not there), ``port`` a TCP port on
    127.0.0.1 (0: any; None: none). As the real one does, it carries out what it got of a request
    when the client hangs up. ``meddle`` may be set to misbehave.
    """

    def __init__(
        self,
        host: XendHost,
        *,
        http_path: Path | None = None,
        xmlrpc_path: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.host = host
        self.meddle: Meddler | None = None
        self.port: int | None = None
        #: How many replies the connection was left open behind.
        self.left_open = 0
        self._listeners: list[socket.socket] = []
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._paths: list[Path] = []
        self._lock = threading.Lock()
        self._closed = False
        try:
            if http_path is not None:
                self._listen(self._unix(http_path), self._serve_http)
            if xmlrpc_path is not None and host.made_as.xmlrpc:
                self._listen(self._unix(xmlrpc_path), self._serve_xmlrpc)
            if port is not None:
                tcp = socket.create_server(("127.0.0.1", port), backlog=128)
                self.port = tcp.getsockname()[1]
                self._listen(tcp, self._serve_http)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> XendServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, drop every connection, wait for the threads. Idempotent."""
        with self._lock:
            self._closed = True
            connections = [*self._connections]
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _unix(self, path: Path) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(os.fspath(path))
            listener.listen(128)
        except BaseException:
            listener.close()
            raise
        self._paths.append(path)
        return listener

    def _listen(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        self._listeners.append(listener)
        self._start(self._accept, listener, serve)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._connections.add(connection)
            self._start(self._serve, connection, serve)

    def _serve(self, connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        try:
            with contextlib.suppress(OSError):
                serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _serve_http(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        with reader:
            while True:
                request = _receive(reader)
                if request is None:
                    return
                keeps = request.headers.get("connection", "").lower() == "keep-alive"
                if self.meddle is not None and self.meddle(request, connection):
                    return
                try:
                    reply = xend_http.answer(self.host, request)
                except NeverAnswers:
                    # Its thread died: the connection stays open, and nothing comes.
                    connection.recv(1)
                    return
                self.left_open += reply.open or keeps
                connection.sendall(_http(reply, keeps=keeps))
                if reply.status == 413:
                    # The rest of the request was not read: the kernel resets the connection.
                    _reset(connection)
                    return
                if reply.open and not keeps:
                    while connection.recv(4096):
                        continue
                if not keeps:
                    return

    def _serve_xmlrpc(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as reader:
            request = _receive(reader)
            if request is None or (self.meddle is not None and self.meddle(request, connection)):
                return
            try:
                reply = xend_xmlrpc.answer(self.host, request)
            except NeverAnswers:
                connection.recv(1)
                return
            # Python's BaseHTTPServer: HTTP/1.0, and the connection closes.
            head = (
                f"HTTP/1.0 {reply.status} {reply.reason}\r\nServer: BaseHTTP/0.3 Python/2.4.4\r\n"
                f"Content-type: {reply.kind}\r\nContent-length: {len(reply.body)}\r\n\r\n"
            )
            connection.sendall(head.encode("latin-1", "replace") + reply.body)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _receive(reader: object) -> Request | None:
    """Read a request, or as much of it as came; None at the end or for no HTTP."""
    head = b""
    readline = reader.readline  # type: ignore[attr-defined]
    while True:
        line = readline(_MAX_HEAD)
        if not line or len(head) > _MAX_HEAD:
            break
        head += line
        if line in (b"\r\n", b"\n"):
            break
    if not head:
        return None
    request = xend_http.parse(head, b"")
    said = request.headers.get("content-length", "0")
    length = min(int(said), _MAX_BODY) if said.isdigit() else 0
    body = reader.read(length) if length else b""  # type: ignore[attr-defined]
    return request._replace(body=body)


def _http(reply: Reply, *, keeps: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {reply.reason}", f"Content-length: {len(reply.body)}"]
    lines.append("Expires: -1")
    if reply.location is not None:
        lines.append(f"Location: {reply.location}")
    if keeps:
        lines.append("Connection: keep-alive")
    if reply.kind is not None:
        lines.append(f"Content-type: {reply.kind}")
    lines += ["Pragma: no-cache", "Cache-control: no-cache", "", ""]
    head = "\r\n".join(line.replace("\n", " ") for line in lines[:-2]) + "\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + reply.body
