"""A UNIX socket between client and daemon that can stall, drop, refuse, garble or be absent."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from pathlib import Path

from xenparley_wire.xenstore import HEADER, encode
from xenparley_wire.xenstore_types import MessageType

__all__ = ["MODES", "Proxy"]

MODES = ("pass", "stall", "drop", "refuse", "garble", "absent")


class Proxy:
    """Passes bytes on, unless told otherwise. A context manager."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path, self._target = Path(path), str(target)
        self._mode = "pass"
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._over = False
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Proxy:
        self._listen()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._waker.send(b"x")
        self._thread.join(10)
        for each in [*self._pairs]:
            self._drop(each)
        self._unlisten()
        self._selector.close()
        self._woken.close()
        self._waker.close()

    @contextlib.contextmanager
    def fault(self, mode: str):
        """Be that for a while."""
        self._set(mode)
        try:
            yield
        finally:
            self._set("pass")

    def _set(self, mode: str) -> None:
        self._settled.clear()
        self._mode = mode
        self._waker.send(b"x")
        assert self._settled.wait(10)

    def _listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            self.path.unlink()

    def _run(self) -> None:
        while not self._over:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(100)
                    self._changed()
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._pass_on(key.fileobj)

    def _changed(self) -> None:
        """Take the new mode up: what was held back by a stall is lost with its connection."""
        if self._mode == "absent":
            self._unlisten()
            for client in [*self._clients]:
                self._drop(client)
        elif self._listener is None:
            self._listen()
        if self._mode == "pass":
            for client in [c for c in self._clients if c not in self._readable()]:
                self._drop(client)
        self._settled.set()

    def _readable(self) -> set[object]:
        return {key.fileobj for key in self._selector.get_map().values()}

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        self._pairs[client], self._pairs[server] = server, client
        self._clients.add(client)
        for each in (client, server):
            self._selector.register(each, selectors.EVENT_READ)

    def _drop(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        if other is None:
            return
        del self._pairs[other]
        for each in (one, other):
            self._clients.discard(each)
            with contextlib.suppress(KeyError):
                self._selector.unregister(each)
            each.close()

    def _pass_on(self, source: socket.socket) -> None:
        if source not in self._pairs:
            return
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._drop(source)
            return
        if source not in self._clients or self._mode == "pass":
            with contextlib.suppress(OSError):
                self._pairs[source].sendall(data)
        elif self._mode == "stall":
            # It was taken; nothing more is read from this client.
            self._selector.unregister(source)
        elif self._mode == "drop":
            self._drop(source)
        elif self._mode == "garble":
            source.sendall(b"\xde\xad\xbe\xef" * 64)
        elif self._mode == "refuse":
            position = 0
            while position < len(data):
                _, request_id, transaction_id, length = HEADER.unpack_from(data, position)
                position += HEADER.size + length
                source.sendall(encode(MessageType.ERROR, request_id, transaction_id, b"EACCES\0"))
