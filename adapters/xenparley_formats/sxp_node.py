"""Taking an S-expression apart: what is taken is understood, the rest is kept as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from xenparley.domain.config import Extra
from xenparley_formats.native_run import ReadLog, Unreadable
from xenparley_wire.sxp import Sexp, dumps
from xenparley_wire.sxp_tree import key_of

__all__ = ["FORMAT", "Taking", "atom_of", "kept"]

#: Name of the notation in extras.
FORMAT = "sxp"
_T = TypeVar("_T")


def kept(key: str, node: Sexp) -> Extra:
    """Return a piece of an S-expression as it travels along with the model."""
    return Extra(FORMAT, key, dumps(node))


def atom_of(node: list[Sexp]) -> str | None:
    """Return the value of ``(key value)``; "" for ``(key )``; None for any other shape."""
    if len(node) == 1:
        return ""
    if len(node) == 2 and isinstance(node[1], str):
        return node[1]
    return None


class Taking:
    """The inside of one ``(key (key value)...)``, of which each part is taken once."""

    def __init__(self, node: list[Sexp], log: ReadLog, place: str) -> None:
        self.log = log
        self.place = place
        self._rest: list[Sexp | None] = list(node[1:])
        self._found: dict[str, list[int]] = {}
        self._taken: dict[str, list[Sexp]] = {}
        for number, item in enumerate(self._rest):
            key = key_of(item) if item is not None else None
            if key is not None:
                self._found.setdefault(key, []).append(number)
        # taken from their ends, which costs the same however many there are
        for numbers in self._found.values():
            numbers.reverse()

    def where(self, key: str) -> str:
        """Return the place of a part, for messages."""
        return f"{self.place}/{key}" if self.place else key

    def has(self, key: str) -> bool:
        """Say whether such a part is still there."""
        return bool(self._found.get(key))

    def node(self, key: str) -> list[Sexp] | None:
        """Take the first part with this key."""
        numbers = self._found.get(key)
        if not numbers:
            return None
        number = numbers.pop()
        item = self._rest[number]
        self._rest[number] = None
        if not isinstance(item, list):
            return None
        self._taken.setdefault(key, item)
        return item

    def nodes(self, key: str) -> Iterator[list[Sexp]]:
        """Take every part with this key."""
        while (item := self.node(key)) is not None:
            yield item

    def peek(self, key: str) -> str | None:
        """Return the value of the first part with this key, and leave it."""
        numbers = self._found.get(key)
        item = self._rest[numbers[-1]] if numbers else None
        return atom_of(item) if isinstance(item, list) else None

    def text(self, key: str) -> str | None:
        """Take the value of the first part with this key, if it is an atom; None: leave it."""
        value = self.peek(key)
        if value is not None:
            self.node(key)
        return value

    def word(self, key: str, read: Callable[[str], _T]) -> _T | None:
        """Take a value through ``read``. An empty one is none; one that is Unreadable is kept."""
        value = self.peek(key)
        if value is None:
            return None
        if value == "":
            self.node(key)
            return None
        try:
            found = read(value)
        except Unreadable as exc:
            self.log.doubt(self.where(key), exc.message)
            return None
        self.node(key)
        return found

    def words(self, keys: tuple[str, ...]) -> dict[str, str]:
        """Take the atoms of these keys; empty ones are not there."""
        found = {key: self.text(key) for key in keys}
        return {key: value for key, value in found.items() if value}

    def put_back(self, node: list[Sexp]) -> None:
        """Leave a part that was taken to the rest after all."""
        self._taken.pop(str(node[0]), None)
        self._rest.append(node)

    def drop(self, keys: tuple[str, ...]) -> None:
        """Take what is no part of a configuration."""
        for key in keys:
            for _ in self.nodes(key):
                pass

    def rest(self, prefix: str = "") -> tuple[Extra, ...]:
        """Return what was not taken, in order. With a strict log it is a problem, too."""
        extras = []
        for item in self._rest:
            if item is None:
                continue
            key = key_of(item) or ""
            # xend 3.0.4 says some things twelve times
            if item == self._taken.get(key):
                continue
            if self.log.strict:
                self.log.doubt(self.where(key), "unknown")
            extras.append(kept(f"{prefix}{key}", item))
        return tuple(extras)
