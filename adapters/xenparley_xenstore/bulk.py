"""Many requests at once, with a bounded number in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import ProtocolError, XenparleyError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_paths import path_payloads
from xenparley_wire.xenstore_types import MessageType

from .errors import CHANNEL, store_error
from .operations import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .connection import Connection
    from .operations import Operations

__all__ = ["ask_many", "read_many", "remove_many", "wrong_type"]

#: New requests are sent when a quarter of the window has been answered: the daemon is never idle.
_LOW = WINDOW * 3 // 4


def wrong_type(connection: Connection, asked: int, got: int) -> ProtocolError:
    """End a connection whose peer answers with another type; return what to raise."""
    wrong = ProtocolError(
        f"{connection.name} answered a request of type {asked} with type {got}", channel=CHANNEL
    )
    connection.end(wrong)
    return wrong


def read_many(
    connection: Connection, transaction_id: int, paths: Sequence[str], deadline: float
) -> list[bytes | None]:
    """Read many nodes; see :meth:`Operations.read_many`."""
    kind = int(MessageType.READ)
    error_kind = int(MessageType.ERROR)
    values: list[bytes | None] = [None] * len(paths)
    index: dict[int, int] = {}
    failure: XenparleyError | None = None
    exchange = connection.exchange(deadline)
    queued = 0
    while queued < len(paths) or exchange.in_flight:
        if queued < len(paths):
            end = min(queued + WINDOW - exchange.in_flight, len(paths))
            burst = [(kind, payload) for payload in path_payloads(paths[queued:end])]
            index.update(zip(exchange.send(burst, transaction_id), range(queued, end), strict=True))
            queued = end
        for got, request_id, _, payload in exchange.take(_LOW if queued < len(paths) else 0):
            place = index.pop(request_id)
            if got == kind:
                values[place] = payload
            elif got == error_kind:
                name = replies.error_name(payload)
                if name != "ENOENT" and failure is None:
                    failure = store_error(name, "READ", paths[place])
            else:
                raise wrong_type(connection, kind, got)
    if failure is not None:
        raise failure
    return values


def ask_many(
    store: Operations, wanted: Sequence[tuple[int, bytes]], deadline: float
) -> list[tuple[int, bytes]]:
    """Send many reading requests (type, payload), pipelined; return (type, payload) of each answer.

    An ERROR answer is returned like the others, except one that denies access: it is raised.
    """
    connection = store._connect(deadline)
    found: list[tuple[int, bytes]] = [(0, b"")] * len(wanted)
    index: dict[int, int] = {}
    exchange = connection.exchange(deadline)
    queued = 0
    while queued < len(wanted) or exchange.in_flight:
        if queued < len(wanted):
            end = min(queued + WINDOW - exchange.in_flight, len(wanted))
            ids = exchange.send(wanted[queued:end], store.transaction_id)
            index.update(zip(ids, range(queued, end), strict=True))
            queued = end
        for got, request_id, _, payload in exchange.take(_LOW if queued < len(wanted) else 0):
            place = index.pop(request_id)
            asked = MessageType(wanted[place][0])
            if got not in (asked, MessageType.ERROR):
                raise wrong_type(connection, asked, got)
            if got == MessageType.ERROR and payload.startswith((b"EACCES", b"EPERM")):
                raise store_error(replies.error_name(payload), asked.name, "")
            found[place] = (got, payload)
    return found


def remove_many(connection: Connection, paths: Iterator[str], deadline: float) -> int:
    """Remove nodes in the given order, pipelined; one that is gone already is fine.

    Returns how many requests were made.
    """
    kind = int(MessageType.RM)
    failure: XenparleyError | None = None
    exchange = connection.exchange(deadline)
    asked: dict[int, str] = {}
    count = 0
    more = True
    while more or exchange.in_flight:
        burst: list[str] = []
        while more and len(burst) < WINDOW - exchange.in_flight:
            path = next(paths, None)
            if path is None:
                more = False
            else:
                burst.append(path)
        ids = exchange.send([(kind, requests.path(path)) for path in burst])
        asked.update(zip(ids, burst, strict=True))
        count += len(burst)
        for got, request_id, _, payload in exchange.take(_LOW if more else 0):
            path = asked.pop(request_id)
            if got == MessageType.ERROR:
                name = replies.error_name(payload)
                if name != "ENOENT" and failure is None:
                    failure = store_error(name, "RM", path)
            elif got != kind:
                raise wrong_type(connection, kind, got)
        if failure is not None:
            raise failure
    return count
