"""The XenStore client: safe to share between threads, stays connected, endangers no host."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, TypeVar

from xenparley.domain.errors import ChannelLost, DeadlineExceeded, Unavailable

from .bulk import remove_many
from .daemon import DaemonOperations
from .endpoints import Endpoint, endpoints, named
from .errors import CHANNEL, StoreConflict
from .link import Link
from .transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from .connection import Connection
    from .subscription import Subscription

__all__ = ["XenStore", "open_store"]

_T = TypeVar("_T")

#: Nodes removed by one request of remove_tree.
_REMOVE_PART = 64
#: Events that a subscriber may leave lying.
_CAPACITY = 4096
#: Longest pause before a transaction is tried again, in seconds.
_LONGEST_PAUSE = 0.05


class XenStore(DaemonOperations):
    """A store, reached at the first of some endpoints that answers.

    Nothing is opened before the first call. A lost connection fails the calls in flight; the
    next call connects again. After a fork the parent's client goes on (its connection is made
    anew), the child's is over. ``close()`` ends subscriptions and fails what is in flight.
    """

    def __init__(self, places: Sequence[Endpoint]) -> None:
        self._link = Link(places)

    @property
    def name(self) -> str:
        """The path of the socket or device in use."""
        return self._link.name

    def _connect(self, deadline: float) -> Connection:
        return self._link.connection(deadline)

    def connect(self, *, deadline: float) -> None:
        """Connect now, to find out whether anybody is there."""
        self._link.connection(deadline)

    def close(self) -> None:
        """End everything; idempotent."""
        self._link.close()

    def __enter__(self) -> XenStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Watches

    def watch(self, *paths: str, deadline: float, capacity: int = _CAPACITY) -> Subscription:
        """Watch paths, ``@introduceDomain`` and ``@releaseDomain`` among them.

        Keep watches few, and never watch /local/domain as a whole. Each path gives one event at
        once. More than ``capacity`` events that nobody takes are replaced by one Resync.
        """
        return self._link.subscribe(paths, capacity, deadline)

    # Transactions

    def begin(self, *, deadline: float) -> Transaction:
        """Begin a transaction; commit() or abort() it. See :meth:`transact`."""
        return Transaction(self._connect(deadline), deadline)

    def transact(self, body: Callable[[Transaction], _T], *, deadline: float) -> _T:
        """Run ``body`` in a transaction and commit; repeat it while others get in between.

        ``body`` may be called several times, so it should only use its transaction. What it
        raises throws the transaction away and is raised.

        Raises:
            StoreConflict: still in conflict when the time was over. Nothing was written.
        """
        pause = 0.0005
        while True:
            transaction = self.begin(deadline=deadline)
            try:
                result = body(transaction)
                transaction.commit(deadline=deadline)
            except StoreConflict:
                transaction.abort()
                if time.monotonic() + pause >= deadline:
                    raise
            except BaseException:
                transaction.abort()
                raise
            else:
                return result
            time.sleep(random.uniform(0, pause))  # noqa: S311 - spreads those in conflict
            pause = min(pause * 2, _LONGEST_PAUSE)

    # Trees

    def remove_tree(self, path: str, *, deadline: float) -> int:
        """Remove a tree from its leaves up, some 64 nodes a request; return how many requests.

        The C daemon does nothing else while it carries out one removal, and one of 20,000 nodes
        took it more than ten seconds. Not atomic: what is there when the time is over is left.

        Raises:
            DeadlineExceeded: a part of the tree is left.
        """
        connection = self._connect(deadline)
        steps = _in_parts(node.path for node in self.walk(path, values=False, deadline=deadline))
        try:
            return remove_many(connection, steps, deadline)
        except (ChannelLost, Unavailable) as exc:
            raise ChannelLost(
                f"XenStore {path} was removed in part only: {exc.message}", channel=CHANNEL
            ) from exc
        except DeadlineExceeded as exc:
            raise DeadlineExceeded(
                f"XenStore {path} was removed in part only: {exc.message}",
                channel=CHANNEL,
                retry_safe=True,
            ) from exc


def _in_parts(paths: Iterator[str]) -> Iterator[str]:
    """Yield what to remove, in order: each removal takes some 64 nodes, leaves before parents.

    ``paths`` comes parents first. A folder of many leaves counts each of them: those above the
    measure are removed one by one before it.
    """
    open_folders: list[tuple[str, list[int]]] = []

    def close() -> Iterator[str]:
        path, count = open_folders.pop()
        if not open_folders:
            yield path
            return
        above = open_folders[-1][1]
        if above[0] + count[0] > _REMOVE_PART:
            yield path
        else:
            above[0] += count[0]

    for path in paths:
        while open_folders and not path.startswith(_inside(open_folders[-1][0])):
            yield from close()
        open_folders.append((path, [1]))
    while open_folders:
        yield from close()


def _inside(folder: str) -> str:
    return "/" if folder == "/" else f"{folder}/"


def open_store(path: str | None = None, *, environ: Mapping[str, str] | None = None) -> XenStore:
    """Return a client for this host's store, or for the socket or device of that path.

    Nothing is opened yet. ``environ`` (the process's own by default) may name a place:
    ``XENSTORED_PATH``, ``XENSTORED_RUNDIR``.
    """
    if path is not None:
        return XenStore([named(path)])
    return XenStore(endpoints(os.environ if environ is None else environ))
