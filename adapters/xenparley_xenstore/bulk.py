"""Many requests at once, with a bounded number in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import ProtocolError, XenparleyError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_paths import path_payloads
from xenparley_wire.xenstore_types import MessageType

from .errors import CHANNEL, store_error
from .stream import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .connection import Connection
    from .operations import Operations

__all__ = ["ask_many", "read_many", "remove_many", "wrong_type"]

#: New requests are sent when a quarter of the window has been answered: the daemon is never idle.
_LOW = WINDOW * 3 // 4
#: Requests that are queued at a time, which bounds what their frames take.
_PART = 4096


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
    values: list[bytes | None] = []
    failure: XenparleyError | None = None
    with connection.stream(deadline) as stream:
        for start in range(0, len(paths), _PART):
            part = paths[start : start + _PART]
            first = stream.queue([(kind, each) for each in path_payloads(part)], transaction_id)
            found: list[bytes | None] = [None] * len(part)
            for got, request_id, _, payload in stream.take():
                if got == kind:
                    found[request_id - first] = payload
                elif got == error_kind:
                    name = replies.error_name(payload)
                    if name != "ENOENT" and failure is None:
                        failure = store_error(name, "READ", part[request_id - first])
                else:
                    raise wrong_type(connection, kind, got)
            values += found
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
    error_kind = int(MessageType.ERROR)
    found: list[tuple[int, bytes]] = []
    with connection.stream(deadline) as stream:
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            first = stream.queue(part, store.transaction_id)
            answers: list[tuple[int, bytes]] = [(0, b"")] * len(part)
            for got, request_id, _, payload in stream.take():
                asked = part[request_id - first][0]
                if got == error_kind:
                    if payload.startswith((b"EACCES", b"EPERM")):
                        name = replies.error_name(payload)
                        raise store_error(name, MessageType(asked).name, "")
                elif got != asked:
                    raise wrong_type(connection, asked, got)
                answers[request_id - first] = (got, payload)
            found += answers
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
