"""Finding things in S-expressions of the form ``(key (key value) (key (key value)))``.

A node is an expression; its key is the first item of a list. A path is keys from the node inward,
with ``/`` between them: ``image/hvm/kernel`` of ``(domain (image (hvm (kernel k))))``. At each
step the first list with that key counts, as in libvirt; :func:`children` gives them all. No
function here raises for what a tree may hold: what is not there is None.
"""

from __future__ import annotations

from collections.abc import Iterator

from .sxp import Sexp

__all__ = ["child", "children", "key_of", "lookup", "pairs", "text", "texts"]


def key_of(node: Sexp) -> str | None:
    """Return a list's key: its first item, if that is an atom."""
    if isinstance(node, list) and node and isinstance(node[0], str):
        return node[0]
    return None


def children(node: Sexp, key: str | None = None) -> Iterator[list[Sexp]]:
    """Yield the lists inside a node, in order; with ``key``, those that start with that atom."""
    if isinstance(node, list):
        for item in node:
            if isinstance(item, list) and (key is None or (item and item[0] == key)):
                yield item


def child(node: Sexp, key: str) -> list[Sexp] | None:
    """Return the first list inside a node that starts with ``key``."""
    return next(children(node, key), None)


def lookup(node: Sexp, path: str) -> list[Sexp] | None:
    """Return the first list at a path inside a node."""
    found: list[Sexp] | None = node if isinstance(node, list) else None
    for key in path.split("/"):
        if found is None:
            return None
        found = child(found, key)
    return found


def text(node: Sexp, path: str) -> str | None:
    """Return the atom behind the last key of a path.

    ``""`` for a key without a value, ``(bootloader )`` or ``(bootloader '')``: releases before 4.1
    print an empty value as nothing. None where the key is missing or its value is a list.
    """
    found = lookup(node, path)
    if found is None:
        return None
    if len(found) == 1:
        return ""
    value = found[1]
    return value if isinstance(value, str) else None


def texts(node: Sexp, key: str) -> list[str]:
    """Return the atom of each ``(key atom)`` inside a node, such as repeated ``usbdevice``."""
    found = []
    for item in children(node, key):
        if len(item) == 1:
            found.append("")
        elif isinstance(item[1], str):
            found.append(item[1])
    return found


def pairs(node: Sexp) -> dict[str, str]:
    """Return the ``(key atom)`` lists inside a node as a dictionary; the first of a key counts."""
    found: dict[str, str] = {}
    for item in children(node):
        key = item[0] if item else None
        if isinstance(key, str) and key not in found:
            if len(item) == 1:
                found[key] = ""
            elif isinstance(item[1], str):
                found[key] = item[1]
    return found
