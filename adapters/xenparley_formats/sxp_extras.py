"""Pieces of S-expressions that travelled along with the model, on their way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xenparley.domain.config import Extra
from xenparley.domain.errors import ParseError
from xenparley.domain.identity import printable
from xenparley_formats.native_run import Unreadable, WriteLog
from xenparley_formats.sxp_node import FORMAT
from xenparley_wire.sxp import Sexp, loads
from xenparley_wire.sxp_tree import key_of

__all__ = ["pieces", "with_extras"]


def pieces(extras: Iterable[Extra], log: WriteLog, place: str) -> list[tuple[str, Sexp]]:
    """Return the pieces of S-expressions as (path, expression).

    They may come from any document, so one that is not a single expression of that key is lost.
    """
    found: list[tuple[str, Sexp]] = []
    for extra in extras:
        if extra.format != FORMAT:
            continue
        last = extra.key.rpartition("/")[2].removesuffix("+")
        where = f"{place}/{printable(extra.key, limit=80)}".lstrip("/")
        try:
            tree = loads(extra.text)
        except ParseError as exc:
            log.lose(where, f"not an S-expression: {exc.reason}")
            continue
        key = key_of(tree) or ""
        owner = extra.key.rpartition("/")[0]
        if owner == "device" or extra.key == "device":
            fits = key == "device"
        else:
            fits = key == last or extra.key == "image+"
        if fits:
            found.append((extra.key, tree))
        else:
            log.lose(where, "the piece says something else than its name")
    return found


def with_extras(
    node: list[Sexp],
    extras: Iterable[Extra],
    log: WriteLog,
    place: str,
    read: Callable[[list[Sexp]], object] | None = None,
) -> list[Sexp]:
    """Return a device's expression with its pieces behind it.

    A piece with a key that the expression has itself is another spelling: it takes its place if
    ``read`` then reads the same device.
    """
    said = {key_of(item): number for number, item in enumerate(node) if number}
    result = list(node)
    for _, tree in pieces(extras, log, place):
        number = said.get(key_of(tree))
        if number is None:
            result.append(tree)
        elif read is not None:
            other = [*node[:number], tree, *node[number + 1 :]]
            try:
                same = read(other) == read(node)
            except Unreadable:
                same = False
            if same:
                result[number] = tree
    return result
