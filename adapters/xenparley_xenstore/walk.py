"""A walk through the tree, pipelined, parents before children, with bounded memory.

Nodes are asked for in the order in which they will be yielded, as far ahead of the consumer as
the limits allow: a heap holds, for each listing that has children not yet asked for, a cursor
keyed by the place in the tree (the indices on the way down from the root).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import InvalidInput, ProtocolError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_paths import join
from xenparley_wire.xenstore_types import Message, MessageType

from .bulk import wrong_type
from .errors import StoreNotFound, store_error
from .operations import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .connection import Connection
    from .operations import Operations

__all__ = ["Node", "walk"]

#: Nodes asked for and not yet yielded, and names in the listings of these.
_AHEAD_NODES = 1024
_AHEAD_NAMES = 20000
_LOW = WINDOW * 3 // 4

_DIRECTORY = int(MessageType.DIRECTORY)
_READ = int(MessageType.READ)
_ERROR = int(MessageType.ERROR)

_Key = tuple[int, ...]


class Node(NamedTuple):
    """One node of a walk; the value is empty where values were not asked for."""

    path: str
    value: bytes


class _Pending:
    """A node that is being fetched, or is fetched and waits for its turn."""

    __slots__ = ("asked", "key", "names", "path", "present", "ready", "value", "waiting")

    def __init__(self, path: str, key: _Key) -> None:
        self.path = path
        self.key = key
        self.value = b""
        self.names: list[str] = []
        self.waiting = 0
        self.present = True
        #: Children asked for, by index; and how many of them have been.
        self.ready: dict[int, _Pending] = {}
        self.asked = 0


class _Walk:
    """The state of one walk."""

    def __init__(
        self, store: Operations, connection: Connection, path: str, values: bool, deadline: float
    ) -> None:
        self._store = store
        self._connection = connection
        self._deadline = deadline
        self._values = values
        self._exchange = connection.exchange(deadline)
        self._owners: dict[int, _Pending] = {}
        self._root = path
        above = _Pending("", ())
        above.names = [path]
        self._frontier: list[tuple[_Key, _Pending]] = [((0,), above)]
        self._stack: list[tuple[_Pending, Iterator[int]]] = [(above, iter(range(1)))]
        self._nodes = 0
        self._names = 0

    def run(self) -> Iterator[Node]:
        """Yield the nodes."""
        stack = self._stack
        while stack:
            parent, cursor = stack[-1]
            index = next(cursor, None)
            if index is None:
                stack.pop()
                continue
            while True:
                node = parent.ready.get(index)
                if node is not None and not node.waiting:
                    break
                self._exchange_some()
            del parent.ready[index]
            self._nodes -= 1
            self._names -= len(node.names)
            if not node.present:
                if not node.key[1:]:
                    raise store_error("ENOENT", "DIRECTORY", self._root)
                continue
            if node.names:
                stack.append((node, iter(range(len(node.names)))))
            yield Node(node.path, node.value)

    def _exchange_some(self) -> None:
        """Ask for as much as the limits allow, and take in what has been answered."""
        exchange = self._exchange
        room = WINDOW - exchange.in_flight
        burst: list[tuple[int, bytes]] = []
        owners: list[_Pending] = []
        each = 2 if self._values else 1
        while self._frontier and len(burst) + each <= room:
            # Beyond the limits only what comes next is asked for, to get on at all.
            if (self._nodes >= _AHEAD_NODES or self._names >= _AHEAD_NAMES) and (
                burst or exchange.in_flight
            ):
                break
            node = self._next_node()
            payload = self._encode(node.path)
            burst.append((_DIRECTORY, payload))
            owners.append(node)
            if self._values:
                burst.append((_READ, payload))
                owners.append(node)
            node.waiting = each
            self._nodes += 1
        if burst:
            ids = exchange.send(burst, self._store.transaction_id)
            self._owners.update(zip(ids, owners, strict=True))
        in_flight = exchange.in_flight
        for message in exchange.take(_LOW if in_flight > _LOW else max(in_flight - each, 0)):
            self._answered(self._owners.pop(message.request_id), message)

    def _next_node(self) -> _Pending:
        """Take the first node in the order of the tree that has not been asked for."""
        key, parent = self._frontier[0]
        index = parent.asked
        parent.asked += 1
        if parent.asked < len(parent.names):
            heapq.heapreplace(self._frontier, ((*parent.key, parent.asked), parent))
        else:
            heapq.heappop(self._frontier)
        name = parent.names[index]
        path = join(parent.path, name) if parent.path else name
        node = _Pending(path, key)
        parent.ready[index] = node
        return node

    def _encode(self, path: str) -> bytes:
        try:
            return requests.path(path)
        except InvalidInput as exc:
            if path == self._root:
                raise
            raise ProtocolError(f"the daemon lists what is no path: {exc.message}") from exc

    def _answered(self, node: _Pending, message: Message) -> None:
        kind, _, _, payload = message
        node.waiting -= 1
        if kind == _READ:
            node.value = payload
        elif kind == _DIRECTORY:
            self._list(node, replies.directory(payload))
        elif kind == _ERROR:
            name = replies.error_name(payload)
            if name == "ENOENT":
                node.present = False
            elif name == "E2BIG":
                self._list(node, self._in_parts(node))
            else:
                raise store_error(name, "DIRECTORY", node.path)
        else:
            raise wrong_type(self._connection, _DIRECTORY, kind)

    def _in_parts(self, node: _Pending) -> list[str]:
        try:
            return self._store.directory(node.path, deadline=self._deadline)
        except StoreNotFound:
            node.present = False
            return []

    def _list(self, node: _Pending, names: list[str]) -> None:
        node.names = names
        self._names += len(names)
        if names:
            heapq.heappush(self._frontier, ((*node.key, 0), node))


def walk(
    store: Operations, connection: Connection, path: str, values: bool, deadline: float
) -> Iterator[Node]:
    """Yield the nodes at and below a path; see :meth:`Operations.walk`."""
    requests.path(path)
    return _Walk(store, connection, path, values, deadline).run()
