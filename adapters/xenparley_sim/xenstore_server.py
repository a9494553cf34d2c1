"""A XenStore daemon of our own on a UNIX socket: the real wire protocol over :class:`Store`.

For tests and for the simulated host. It does what the C daemon does (4.17, and the younger
features and quotas), or, by a :class:`Dialect`, what oxenstored does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from pathlib import Path
from typing import NamedTuple

from .xenstore_session import OCAML, Dialect, Session
from .xenstore_store import Quota, Store, StoreFault

__all__ = ["OCAML", "Dialect", "Quota", "Store", "StoreFault", "XenStoreServer"]

#: Bytes of answers that a client may leave unread before its requests are read no more.
_UNREAD_MAX = 4 << 20
#: Bytes of answers, events among them, at which a client that never reads is cut off.
_UNREAD_END = 64 << 20


class _Client(NamedTuple):
    socket: socket.socket
    session: Session


class XenStoreServer:
    """Serves a store on a socket, from one thread. ``start()`` it; ``close()`` removes the socket.

    ``domain_id`` is who the clients are: 0, as on a real host's socket, or a guest;
    ``read_only`` they may change nothing, as on the second socket of releases up to 4.14.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        store: Store | None = None,
        *,
        dialect: Dialect | None = None,
        domain_id: int = 0,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path)
        self.store = store if store is not None else Store()
        self._dialect = dialect or Dialect()
        self._domain_id = domain_id
        self._read_only = read_only
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        #: Clients to whom the simulated host's thread queued events.
        self._pending: set[int] = set()
        self._lock = threading.Lock()
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; a socket file that is left over is replaced."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._listener.bind(str(self.path))
        self.path.chmod(0o600)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._running = True
        self._thread = threading.Thread(target=self._serve, name="sim-xenstored", daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End at once, as kill -9 does: the socket file stays, what was queued is lost."""
        self._running = False
        self._wake()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None
        for number in list(self._clients):
            self._drop(number)
        self._selector.close()
        for each in (self._listener, self._woken, self._waker):
            each.close()

    def close(self) -> None:
        """End and remove the socket file."""
        self.kill()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def __enter__(self) -> XenStoreServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._clients)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _queued(self, number: int) -> None:
        """An event was queued for a client, by whatever thread changed the store."""
        with self._lock:
            fresh = not self._pending
            self._pending.add(number)
        if fresh and threading.current_thread() is not self._thread:
            self._wake()

    def _serve(self) -> None:
        while self._running:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                else:
                    self._serve_client(key.fd, events)
            with self._lock:
                pending, self._pending = self._pending, set()
            for number in pending:
                self._flush(number)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connected, _ = self._listener.accept()
            connected.setblocking(False)
            number = connected.fileno()
            session = Session(
                self.store,
                self._dialect,
                self._domain_id,
                lambda: self._queued(number),
                read_only=self._read_only,
            )
            self._clients[number] = _Client(connected, session)
            self._selector.register(connected, selectors.EVENT_READ)

    def _serve_client(self, number: int, events: int) -> None:
        client = self._clients.get(number)
        if client is None:
            return
        if events & selectors.EVENT_READ:
            try:
                data = client.socket.recv(65536)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data is not None and not (data and client.session.feed(data)):
                self._drop(number)
                return
        self._flush(number)

    def _flush(self, number: int) -> None:
        """Send what fits; read on only from a client that reads."""
        client = self._clients.get(number)
        if client is None:
            return
        session = client.session
        with session.lock:
            try:
                while session.outgoing:
                    sent = client.socket.send(memoryview(session.outgoing)[:262144].toreadonly())
                    del session.outgoing[:sent]
            except BlockingIOError:
                pass
            except OSError:
                session.outgoing.clear()
            left = len(session.outgoing)
        if left > _UNREAD_END:
            self._drop(number)
            return
        wanted = selectors.EVENT_READ if left < _UNREAD_MAX else 0
        if left:
            wanted |= selectors.EVENT_WRITE
        if self._selector.get_key(number).events != wanted:
            self._selector.modify(number, wanted)

    def _drop(self, number: int) -> None:
        client = self._clients.pop(number, None)
        if client is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(number)
            client.session.close()
            client.socket.close()
