"""The simulated host's own connection to a real xenstored: requests one by one, and its watches."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from xenparley.domain.errors import ChannelLost, XenparleyError
from xenparley.plugin.log import logger
from xenparley_sim.xenstore_tree import StoreFault
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_replies import error_name
from xenparley_wire.xenstore_types import Message, MessageType

__all__ = ["StoreLink"]

#: How many seconds an answer may take: the daemon is on this machine, and serves nobody else.
_PATIENCE_S: Final = 20.0
#: oxenstored's answers on a socket are of any length.
_ANSWER_MAX: Final = 16 << 20


class StoreLink:
    """A connection as domain 0. Safe for threads.

    Two threads of its own: one reads; the other one calls ``tell(payload)`` for each watch event,
    in order, and may make requests meanwhile.
    """

    def __init__(self, path: Path, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        self._lock = threading.RLock()
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        #: Payloads of events, marks of who waits for what came before, and None at the end.
        self._events: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
        self._number = 0
        self._broken: str | None = None
        #: What ended the reading.
        self._why: str | None = None
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as exc:
            self._socket.close()
            raise ChannelLost(f"{path}: {exc}") from exc
        self._reader = threading.Thread(target=self._read, name="sim-store-link", daemon=True)
        self._teller = threading.Thread(target=self._dispatch, name="sim-store-events", daemon=True)
        self._reader.start()
        self._teller.start()

    @property
    def lock(self) -> threading.RLock:
        """Held during each request; whoever holds it sees no request between two of its own."""
        return self._lock

    def close(self) -> None:
        """End the connection, and with it its watches. Idempotent."""
        self._broken = self._broken or "the simulated host ended its connection to xenstored"
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in (self._reader, self._teller):
            if thread is not threading.current_thread():
                thread.join(10)
        self._socket.close()

    def call(self, kind: MessageType, payload: bytes) -> bytes:
        """Ask and return the answer. StoreFault: the daemon's error. ChannelLost: it is gone."""
        with self._lock:
            if self._broken is not None:
                raise ChannelLost(self._broken)
            self._number = (self._number + 1) & 0x7FFFFFFF
            try:
                # One request at a time: it always fits into the socket's buffer.
                self._socket.sendall(encode(kind, self._number, 0, payload))
                answer = self._answers.get(timeout=_PATIENCE_S)
            except OSError as exc:
                self._broken = f"the connection to xenstored broke: {exc}"
                raise ChannelLost(self._broken) from exc
            except queue.Empty as exc:
                self._broken = f"xenstored did not answer within {_PATIENCE_S:g} s"
                raise ChannelLost(self._broken) from exc
            if answer is None or answer.request_id != self._number:
                why = self._why or "xenstored ended the connection"
                self._broken = why
                raise ChannelLost(why)
            if answer.type == MessageType.ERROR:
                raise StoreFault(error_name(answer.payload))
            return answer.payload

    def settle(self) -> None:
        """Wait until all that the daemon told before this moment was dispatched."""
        if threading.current_thread() is self._teller:
            return
        # Its answer comes behind every event that was queued for this connection.
        self.call(MessageType.READ, b"/\0")
        mark = threading.Event()
        self._events.put(mark)
        mark.wait(_PATIENCE_S)

    def _read(self) -> None:
        decoder = Decoder(_ANSWER_MAX)
        try:
            while data := self._socket.recv(65536):
                for message in decoder.feed(data):
                    if message.type == MessageType.WATCH_EVENT:
                        self._events.put(message.payload)
                    else:
                        self._answers.put(message)
        except (OSError, XenparleyError) as exc:
            self._why = f"the connection to xenstored broke: {exc}"
        finally:
            self._answers.put(None)
            self._events.put(None)

    def _dispatch(self) -> None:
        while (event := self._events.get()) is not None:
            if isinstance(event, threading.Event):
                event.set()
                continue
            try:
                self._tell(event)
            except Exception:  # noqa: BLE001 - logged: one watch must not silence the others
                logger("sim").exception("a watch of the simulated host failed")
