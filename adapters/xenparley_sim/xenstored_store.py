"""A real xenstored's store with the in-process store's methods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley_sim.xenstore_link import StoreLink
from xenparley_sim.xenstore_tree import StoreFault
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType, Permission

if TYPE_CHECKING:
    from xenparley_sim.xenstored_daemon import RealXenstored

__all__ = ["RealStore"]


#: How many parts are asked for in all, those included that a change made worthless.
_PARTS_MAX: Final = 10_000


class _Watch(NamedTuple):
    path: str
    token: str
    owner: Hashable
    tell: Callable[[str, str], None]


def _nothing() -> None:
    """Nobody else has to keep up."""


class RealStore:
    """What a host's inside holds of a real daemon, over a connection of its own.

    ``follow`` is called after each change: it waits until whoever plays the guests' part has
    seen it, so that a change has acted when the call returns, as with the in-process store.
    """

    def __init__(self, daemon: RealXenstored, follow: Callable[[], None] = _nothing) -> None:
        self._daemon = daemon
        self._follow = follow
        self._guard = threading.Lock()
        self._watches: dict[str, _Watch] = {}
        self._next = 0
        #: What was written here last, by path, unless somebody else's value was seen since.
        self._own: dict[str, bytes] = {}
        self._link = StoreLink(daemon.socket, self._told)

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def settle(self) -> None:
        """Wait until all watches that fired until now were told."""
        self._link.settle()

    # Reading

    def read(self, path: str) -> bytes:
        """Return a value."""
        return self._link.call(MessageType.READ, requests.path(path))

    def directory(self, path: str) -> list[str]:
        """Return the names of the children."""
        try:
            return replies.directory(self._link.call(MessageType.DIRECTORY, requests.path(path)))
        except StoreFault as fault:
            if fault.name != "E2BIG":
                raise
        return self._in_parts(path)

    def _in_parts(self, path: str) -> list[str]:
        names: list[str] = []
        before, offset = "", 0
        for _ in range(_PARTS_MAX):
            payload = requests.directory_part(path, offset)
            answer = self._link.call(MessageType.DIRECTORY_PART, payload)
            generation, part, length, last = replies.directory_part(answer)
            if offset and generation != before:
                # It changed meanwhile: the offsets count something else now.
                names, offset = [], 0
                continue
            names += part
            before, offset = generation, offset + length
            if last or not length:
                return names
        raise StoreFault("EAGAIN")

    def exists(self, path: str) -> bool:
        """Say whether there is such a node."""
        try:
            self.read(path)
        except StoreFault as fault:
            if fault.name != "ENOENT":
                raise
            return False
        return True

    def news(self, path: str) -> bytes | None:
        """Return a value that others may have written; None: gone, or what was written here.

        A real daemon doesn't say who wrote. What equals the last value from here counts as ours:
        writing it once more asks for nothing new.
        """
        with self._link.lock:
            try:
                value = self.read(path)
            except StoreFault:
                return None
            if self._own.get(path) == value:
                return None
            self._own.pop(path, None)
            return value

    def permissions(self, path: str) -> tuple[Permission, ...]:
        """Return who may do what; the owner first."""
        answer = self._link.call(MessageType.GET_PERMS, requests.path(path))
        return tuple(replies.permissions(answer))

    # Changing

    def write(self, path: str, value: bytes) -> None:
        """Set a value; makes what is missing on the way."""
        payload = requests.write(path, value)
        with self._link.lock:
            self._own[path] = value
            self._link.call(MessageType.WRITE, payload)
        self._follow()

    def mkdir(self, path: str) -> None:
        """Make a node; one that is there is left."""
        self._link.call(MessageType.MKDIR, requests.path(path))
        self._follow()

    def remove(self, path: str) -> None:
        """Remove a node and all below it; gone already is fine while the parent is there."""
        with self._link.lock:
            self._link.call(MessageType.RM, requests.path(path))
            inside = f"{path}/"
            for each in [p for p in self._own if p == path or p.startswith(inside)]:
                del self._own[each]
        self._follow()

    def set_permissions(self, path: str, entries: Iterable[Permission]) -> None:
        """Replace the permissions."""
        self._link.call(MessageType.SET_PERMS, requests.permissions(path, tuple(entries)))
        self._follow()

    # Watches

    def watch(
        self, path: str, token: str, owner: Hashable, tell: Callable[[str, str], None]
    ) -> None:
        """Have ``tell(path, token)`` called for each change at or below a path, and once now.

        It is called in a thread of the connection's own.
        """
        made = _Watch(path, token, owner, tell)
        with self._guard:
            if any(each[:3] == made[:3] for each in self._watches.values()):
                raise StoreFault("EEXIST")
            self._next += 1
            number = str(self._next)
            self._watches[number] = made
        try:
            self._link.call(MessageType.WATCH, requests.watch(path, number))
        except BaseException:
            with self._guard:
                del self._watches[number]
            raise
        # The first call is over when this returns.
        self._link.settle()

    def unwatch(self, path: str, token: str, owner: Hashable) -> None:
        """Take one watch away."""
        if not self._drop(lambda each: each[:3] == (path, token, owner)):
            raise StoreFault("ENOENT")

    def forget(self, owner: Hashable) -> None:
        """Take all of an owner's watches away."""
        self._drop(lambda each: each.owner == owner)

    def _drop(self, wanted: Callable[[_Watch], bool]) -> int:
        with self._guard:
            gone = {number: each for number, each in self._watches.items() if wanted(each)}
            for number in gone:
                del self._watches[number]
        for number, each in gone.items():
            self._link.call(MessageType.UNWATCH, requests.watch(each.path, number))
        return len(gone)

    def _told(self, payload: bytes) -> None:
        path, number = replies.watch_event(payload)
        with self._guard:
            watch = self._watches.get(number)
        if watch is not None:
            watch.tell(path, watch.token)

    # Domains

    def introduce(self, domain_id: int) -> None:
        """Begin to serve a domain; ``@introduceDomain`` fires."""
        if not self.introduced(domain_id):
            self._daemon.know(domain_id)
            # Where its ring is doesn't matter: it is memory of the daemon's own.
            self._link.call(MessageType.INTRODUCE, requests.introduce(domain_id, 1, 1))
            self._follow()

    def release(self, domain_id: int) -> None:
        """Stop serving a domain; ``@releaseDomain`` fires."""
        self._link.call(MessageType.RELEASE, requests.domain(domain_id))
        self._daemon.gone(domain_id)
        self._follow()

    def introduced(self, domain_id: int) -> bool:
        """Say whether a domain is served."""
        payload = requests.domain(domain_id)
        return replies.truth(self._link.call(MessageType.IS_DOMAIN_INTRODUCED, payload))

    def domain_changed(self, domain_id: int) -> None:
        """A domain shut down: the daemon looks, and ``@releaseDomain`` fires if it is served."""
        self._daemon.ended(domain_id)
