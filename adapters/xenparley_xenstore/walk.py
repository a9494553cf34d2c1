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
from xenparley_wire.xenstore_paths import path_payloads
from xenparley_wire.xenstore_types import Message, MessageType

from .bulk import wrong_type
from .errors import StoreNotFound, store_error
from .stream import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .connection import Connection
    from .operations import Operations

__all__ = ["Node", "walk"]

#: Nodes asked for and not yet yielded, and names in the listings of these.
_AHEAD_NODES = 1024
_AHEAD_NAMES = 20000
#: Requests queued or in flight. The walk is woken for half of them at a time, while the reader
#: keeps the window full with the other half.
_QUEUED = 8 * WINDOW

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

    #: Children asked for, by index; and how many of them have been. For folders only.
    ready: dict[int, _Pending]
    asked: int

    def __init__(self, path: str, key: _Key, waiting: int) -> None:
        self.path = path
        self.key = key
        self.value = b""
        self.names: Sequence[str] = ()
        self.waiting = waiting
        self.present = True

    def open(self, names: Sequence[str]) -> None:
        """Take in what the folder lists. Most nodes are leaves, for whom this is spared."""
        self.names = names
        self.ready = {}
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
        self._stream = connection.stream(deadline)
        self._owners: dict[int, _Pending] = {}
        self._root = path
        above = _Pending("", (), 0)
        above.open([path])
        self._frontier: list[tuple[_Key, _Pending]] = [((0,), above)]
        self._stack: list[tuple[_Pending, Iterator[int]]] = [(above, iter(range(1)))]
        self._nodes = 0
        self._names = 0

    def run(self) -> Iterator[Node]:
        """Yield the nodes."""
        with self._stream:
            yield from self._nodes_in_order()

    def _nodes_in_order(self) -> Iterator[Node]:
        stack = self._stack
        new = tuple.__new__
        while stack:
            parent, cursor = stack[-1]
            ready = parent.ready
            for index in cursor:
                while index not in ready or ready[index].waiting:
                    self._exchange_some()
                node = ready.pop(index)
                self._nodes -= 1
                if not node.present:
                    if parent.path == "":
                        raise store_error("ENOENT", "DIRECTORY", self._root)
                    continue
                # Past the generated __new__, which costs twice as much.
                yield new(Node, (node.path, node.value))
                if node.names:
                    self._names -= len(node.names)
                    stack.append((node, iter(range(len(node.names)))))
                    break
            else:
                stack.pop()

    def _exchange_some(self) -> None:
        """Ask for as much as the limits allow, and take in what has been answered."""
        stream = self._stream
        each = 2 if self._values else 1
        room = (_QUEUED - stream.in_flight) // each
        burst: list[tuple[int, bytes]] = []
        owners: list[_Pending] = []
        while self._frontier and room > 0:
            # Beyond the limits only what comes next is asked for, to get on at all.
            if self._nodes >= _AHEAD_NODES or self._names >= _AHEAD_NAMES:
                if burst or stream.in_flight:
                    break
                room = 1
            nodes, payloads = self._next_nodes(room)
            room -= len(nodes)
            if each == 1:
                burst += [(_DIRECTORY, payload) for payload in payloads]
                owners += nodes
                continue
            for node, payload in zip(nodes, payloads, strict=True):
                burst += ((_DIRECTORY, payload), (_READ, payload))
                owners += (node, node)
        if burst:
            first = stream.queue(burst, self._store.transaction_id)
            self._owners.update(zip(range(first, first + len(burst)), owners, strict=True))
        take = self._owners.pop
        for message in stream.take(stream.in_flight // 2):
            kind, number, _, payload = message
            node = take(number)
            node.waiting -= 1
            if kind == _READ:
                node.value = payload
            elif kind != _DIRECTORY:
                self._refused(node, message)
            elif payload:
                self._list(node, replies.directory(payload))

    def _next_nodes(self, most: int) -> tuple[list[_Pending], list[bytes]]:
        """Take the first nodes in the order of the tree, all of one folder, with their payloads.

        What lies below them comes between them, but is not known before they are answered.
        """
        key, parent = self._frontier[0]
        first = parent.asked
        last = parent.asked = min(first + most, len(parent.names))
        if last < len(parent.names):
            heapq.heapreplace(self._frontier, ((*parent.key, last), parent))
        else:
            heapq.heappop(self._frontier)
        names = parent.names[first:last]
        if parent.path:
            folder = "/" if parent.path == "/" else f"{parent.path}/"
            names = [folder + name for name in names]
        try:
            payloads = path_payloads(names)
        except InvalidInput as exc:
            raise ProtocolError(f"the daemon lists what is no path: {exc.message}") from exc
        above, each = key[:-1], 2 if self._values else 1
        nodes = [_Pending(path, (*above, index), each) for index, path in enumerate(names, first)]
        parent.ready.update(enumerate(nodes, first))
        self._nodes += len(nodes)
        return nodes, payloads

    def _refused(self, node: _Pending, message: Message) -> None:
        """Take an answer in that is neither a value nor a listing."""
        if message.type != _ERROR:
            raise wrong_type(self._connection, _DIRECTORY, message.type)
        name = replies.error_name(message.payload)
        if name == "ENOENT":
            node.present = False
        elif name == "E2BIG":
            self._list(node, self._in_parts(node))
        else:
            raise store_error(name, "DIRECTORY", node.path)

    def _in_parts(self, node: _Pending) -> list[str]:
        try:
            return self._store.directory(node.path, deadline=self._deadline)
        except StoreNotFound:
            node.present = False
            return []

    def _list(self, node: _Pending, names: list[str]) -> None:
        if names:
            node.open(names)
            self._names += len(names)
            heapq.heappush(self._frontier, ((*node.key, 0), node))


def walk(
    store: Operations, connection: Connection, path: str, values: bool, deadline: float
) -> Iterator[Node]:
    """Yield the nodes at and below a path; see :meth:`Operations.walk`."""
    requests.path(path)
    return _Walk(store, connection, path, values, deadline).run()
