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
    from collections.abc import Callable, Iterator, Sequence

    from xenparley_wire.xenstore_types import Message

    from .connection import Connection
    from .operations import Operations

__all__ = ["ask_many", "read_many", "remove_many", "wrong_type"]

#: New requests are sent when a quarter of the window has been answered: the daemon is never idle.
_LOW = WINDOW * 3 // 4
#: Requests that are queued at a time, which bounds what their frames take; and the first of all.
_PART = 2048
_FIRST = 2 * WINDOW


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
    failure: XenparleyError | None = None

    def requests_of(start: int, end: int) -> list[tuple[int, bytes]]:
        return [(kind, payload) for payload in path_payloads(paths[start:end])]

    for places, answers in _answers(connection, transaction_id, len(paths), requests_of, deadline):
        for got, request_id, _, payload in answers:
            place = places.pop(request_id)
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
    error_kind = int(MessageType.ERROR)
    found: list[tuple[int, bytes]] = [(0, b"")] * len(wanted)

    def requests_of(start: int, end: int) -> Sequence[tuple[int, bytes]]:
        return wanted[start:end]

    for places, answers in _answers(
        connection, store.transaction_id, len(wanted), requests_of, deadline
    ):
        for got, request_id, _, payload in answers:
            place = places.pop(request_id)
            asked = wanted[place][0]
            if got == error_kind:
                if payload.startswith((b"EACCES", b"EPERM")):
                    name = replies.error_name(payload)
                    raise store_error(name, MessageType(asked).name, "")
            elif got != asked:
                raise wrong_type(connection, asked, got)
            found[place] = (got, payload)
    return found


def _answers(
    connection: Connection,
    transaction_id: int,
    count: int,
    requests_of: Callable[[int, int], Sequence[tuple[int, bytes]]],
    deadline: float,
) -> Iterator[tuple[dict[int, int], list[Message]]]:
    """Yield answers as they come, with the table of places by request id (answered ones leave it).

    The daemon begins with a few while the others are made ready, and has always something to do.
    """
    places: dict[int, int] = {}
    queued = 0
    with connection.stream(deadline) as stream:
        while queued < count or stream.in_flight:
            if queued < count:
                end = min(queued + (_PART if queued else _FIRST), count)
                first = stream.queue(requests_of(queued, end), transaction_id)
                places.update(
                    zip(range(first, first + end - queued), range(queued, end), strict=True)
                )
                queued = end
            if queued < count and stream.in_flight < _PART:
                continue
            yield places, stream.take(_FIRST if queued < count else 0)


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
