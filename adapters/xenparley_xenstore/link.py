"""A link to the store that outlives its connections.

It connects on demand, one attempt at a time. While anybody is subscribed, a lost connection is
sought again in the background; the watches are registered anew and every subscriber is told
``Resync``. One watch is registered for each path, however many subscribe to it: on the C daemon
each write anywhere costs a comparison with every watch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    Attempt,
    DeadlineExceeded,
    NoChannel,
    Unavailable,
    XenparleyError,
)
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType

from . import lifetime
from .connection import Connection
from .device import DeviceTransport
from .errors import CHANNEL, store_error
from .subscription import Change, Resync, Subscription
from .transport import SocketTransport, Transport, start_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .endpoints import Endpoint

__all__ = ["Link"]

_log = logging.getLogger("xenparley.xenstore")

#: Seconds between attempts to get back: the first, and the longest.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
#: How long one attempt in the background may take.
_ATTEMPT = 5.0
#: How long unwatching may take.
_PATIENCE = 1.0
#: Watches registered in one burst.
_BURST = 16


class Link:
    """Stays connected to the first endpoint that answers."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = list(endpoints)
        self._connection: Connection | None = None
        self._closed = False
        self._process = os.getpid()
        #: One connects, the others wait; never held while the state below is changed.
        self._connecting = threading.Lock()
        #: Guards the tables of watches.
        self._lock = threading.RLock()
        self._watchers: dict[str, list[Subscription]] = {}
        self._tokens: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._counter = 0
        self._seeking = False
        self._wake = threading.Event()

    @property
    def name(self) -> str:
        """Where the link leads, or would."""
        connection = self._connection
        if connection is not None:
            return connection.name
        return self._endpoints[0].path if self._endpoints else "nowhere"

    def connection(self, deadline: float) -> Connection:
        """Return a living connection, made now if need be.

        Raises:
            NoChannel: nobody answers; each place with its reason.
            AccessRefused: somebody is there, but not for this user.
            DeadlineExceeded: it took too long.
        """
        connection = self._connection
        if connection is not None and connection.alive:
            return connection
        if os.getpid() != self._process:
            raise Unavailable("this XenStore client belongs to the parent process", channel=CHANNEL)
        if not self._connecting.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise DeadlineExceeded(f"no connection to {self.name} in time", channel=CHANNEL)
        try:
            connection = self._connection
            if connection is not None and connection.alive:
                return connection
            return self._connect(deadline, again=connection is not None)
        finally:
            self._connecting.release()

    def _connect(self, deadline: float, again: bool) -> Connection:
        if self._closed:
            raise Unavailable("the XenStore client is closed", channel=CHANNEL)
        with lifetime.opening(deadline):
            transport = _open_first(self._endpoints, deadline)
            connection = Connection(transport, self._on_event, self._on_end)
            lifetime.remember(connection)
        try:
            with self._lock:
                watches = list(self._tokens.items())
            self._register(connection, watches, deadline)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        if self._closed:
            connection.close()
            raise Unavailable("the XenStore client is closed", channel=CHANNEL)
        if again:
            self._tell_all(Resync("reconnected"))
        return connection

    def close(self) -> None:
        """End the connection and every subscription. Idempotent."""
        self._closed = True
        self._wake.set()
        with self._lock:
            watchers = {id(s): s for listed in self._watchers.values() for s in listed}
        for subscription in watchers.values():
            subscription.close()
        connection = self._connection
        if connection is not None:
            connection.close()

    # Watches

    def subscribe(self, paths: Sequence[str], capacity: int, deadline: float) -> Subscription:
        """Watch some paths; every one is registered when this returns, or none is."""
        subscription = Subscription(capacity, self._add, self._remove)
        try:
            self._add(subscription, paths, deadline)
        except BaseException:
            subscription.close()
            raise
        return subscription

    def _add(self, subscription: Subscription, paths: Sequence[str], deadline: float) -> None:
        fresh: list[tuple[str, str]] = []
        with self._lock:
            for path in paths:
                present = self._watchers.get(path)
                if present is None:
                    self._counter += 1
                    token = f"xenparley-{self._counter}"
                    requests.watch(path, token)
                    self._watchers[path] = [subscription]
                    self._tokens[path] = token
                    self._paths[token] = path
                    fresh.append((path, token))
                elif subscription not in present:
                    present.append(subscription)
                    # As the daemon does for a new watch.
                    subscription.put(Change(path, path))
        try:
            # A connection made just now has them already, and answers EEXIST.
            self._register(self.connection(deadline), fresh, deadline)
        except BaseException:
            self._remove(subscription, [path for path, _ in fresh])
            raise

    def _register(
        self, connection: Connection, watches: Sequence[tuple[str, str]], deadline: float
    ) -> None:
        """Register watches (path, token), some at a time."""
        exchange = connection.exchange(deadline)
        for start in range(0, len(watches), _BURST):
            burst = watches[start : start + _BURST]
            ids = exchange.send(
                [(MessageType.WATCH, requests.watch(path, token)) for path, token in burst]
            )
            for answer in exchange.take():
                if answer.type == MessageType.ERROR:
                    name = replies.error_name(answer.payload)
                    if name != "EEXIST":
                        raise store_error(name, "WATCH", burst[answer.request_id - ids.start][0])

    def _remove(self, subscription: Subscription, paths: Sequence[str] | None) -> None:
        """Take some paths, or all of them, from a subscription; unwatch what nobody wants."""
        gone: list[tuple[str, str]] = []
        with self._lock:
            for each in list(self._watchers) if paths is None else paths:
                present = self._watchers.get(each)
                if present is None or subscription not in present:
                    continue
                present.remove(subscription)
                if not present:
                    del self._watchers[each]
                    token = self._tokens.pop(each)
                    del self._paths[token]
                    gone.append((each, token))
        connection = self._connection
        if not gone or connection is None or not connection.alive or connection.on_reader:
            return
        exchange = connection.exchange(time.monotonic() + _PATIENCE)
        try:
            for start in range(0, len(gone), _BURST):
                exchange.take()
                exchange.send(
                    [
                        (MessageType.UNWATCH, requests.watch(each, token))
                        for each, token in gone[start : start + _BURST]
                    ]
                )
            # Nobody needs the last answers: events of these watches are dropped from now on.
            connection.abandon(exchange)
        except XenparleyError as exc:
            # The daemon forgets the watches with the connection.
            _log.debug("unwatching at %s failed: %s", connection.name, exc)

    def _on_event(self, payload: bytes) -> None:
        """Hand an event to its subscribers. On the reading thread: never blocks for long."""
        event = replies.watch_event(payload)
        path = self._paths.get(event.token)
        if path is None:
            return
        for subscription in tuple(self._watchers.get(path, ())):
            subscription.put(Change(event.path, path))

    def _tell_all(self, event: Resync) -> None:
        with self._lock:
            watchers = {id(s): s for listed in self._watchers.values() for s in listed}
        for subscription in watchers.values():
            subscription.put(event)

    # Coming back

    def _on_end(self, connection: Connection) -> None:
        """Seek a new connection while anybody waits for events."""
        with self._lock:
            if self._closed or self._seeking or not self._watchers:
                return
            if connection is not self._connection:
                return
            self._seeking = True
        start_thread("xenstore-reconnect", self._seek)

    def _seek(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._lock:
                if self._closed or not self._watchers:
                    self._seeking = False
                    return
            with contextlib.suppress(XenparleyError):
                self.connection(time.monotonic() + _ATTEMPT)
                with self._lock:
                    connection = self._connection
                    if connection is not None and connection.alive:
                        self._seeking = False
                        return
            self._wake.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _open_first(endpoints: Sequence[Endpoint], deadline: float) -> Transport:
    """Open the first endpoint that answers; tell why each of the others did not."""
    attempts: list[Attempt] = []
    errors: list[XenparleyError] = []
    for endpoint in endpoints:
        try:
            if endpoint.device:
                return DeviceTransport(endpoint, deadline)
            return SocketTransport(endpoint, deadline)
        except XenparleyError as exc:
            attempts.append(Attempt(endpoint.path, exc.message))
            errors.append(exc)
    if len(errors) == 1:
        raise errors[0]
    for error in errors:
        if not isinstance(error, Unavailable):
            raise error
    raise NoChannel(f"no XenStore: {_worded(attempts, errors)}", channel=CHANNEL, attempts=attempts)


def _worded(attempts: Sequence[Attempt], errors: Sequence[XenparleyError]) -> str:
    """Word why nobody answers: who is there first; what isn't there is listed by its name only."""
    absent = [isinstance(error.__cause__, FileNotFoundError) for error in errors]
    told = [a.reason for a, gone in zip(attempts, absent, strict=True) if not gone]
    missing = [a.channel for a, gone in zip(attempts, absent, strict=True) if gone]
    if missing:
        told.append(f"there is no {', '.join(missing)}")
    return "; ".join(told) or "no place to look"
