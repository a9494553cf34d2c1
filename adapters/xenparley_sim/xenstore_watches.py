"""The watches of the simulated host's XenStore: who is told of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .xenstore_tree import StoreFault

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Watches"]


class _Watch(NamedTuple):
    token: str
    owner: Hashable
    tell: Callable[[str, str], None]


class Watches:
    """Watches by path. Not safe for threads by itself."""

    def __init__(self) -> None:
        self._listed: dict[str, list[_Watch]] = {}

    def count(self, owner: Hashable) -> int:
        """Return how many watches somebody has."""
        return sum(each.owner == owner for listed in self._listed.values() for each in listed)

    def add(self, path: str, token: str, owner: Hashable, tell: Callable[[str, str], None]) -> None:
        """Add a watch; EEXIST when the owner has it already."""
        listed = self._listed.get(path, [])
        if any(each.token == token and each.owner == owner for each in listed):
            raise StoreFault("EEXIST")
        self._listed[path] = [*listed, _Watch(token, owner, tell)]

    def remove(self, path: str, token: str, owner: Hashable) -> None:
        """Take one away; ENOENT when it is not there."""
        listed = self._listed.get(path, [])
        kept = [each for each in listed if each.token != token or each.owner != owner]
        if len(kept) == len(listed):
            raise StoreFault("ENOENT")
        self._keep(path, kept)

    def forget(self, owner: Hashable) -> None:
        """Take all of an owner's away."""
        for path, listed in list(self._listed.items()):
            self._keep(path, [each for each in listed if each.owner != owner])

    def _keep(self, path: str, kept: list[_Watch]) -> None:
        if kept:
            self._listed[path] = kept
        else:
            del self._listed[path]

    def fire(self, path: str, removal: bool) -> None:
        """Tell watches on the path, above it and, for a removal, below it (their own path)."""
        above = path
        while True:
            for each in tuple(self._listed.get(above, ())):
                each.tell(path, each.token)
            if above == "/" or above.startswith("@"):
                break
            above = above.rpartition("/")[0] or "/"
        if removal:
            inside = f"{path}/"
            for watched in [name for name in self._listed if name.startswith(inside)]:
                for each in tuple(self._listed.get(watched, ())):
                    each.tell(watched, each.token)
