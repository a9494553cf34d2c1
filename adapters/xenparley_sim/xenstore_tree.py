"""The simulated host's XenStore tree: immutable nodes, so that a snapshot costs nothing.

A node is replaced, never changed; writing copies the way from the root. Each node carries a
generation that moves when its own value, permissions or list of children change (not when
something deeper does), which is what a transaction's conflicts are found by, as in the C daemon.
"""

from __future__ import annotations

from typing import NamedTuple

from xenparley.domain.errors import XenparleyError
from xenparley_wire.xenstore_types import Access, Permission

__all__ = ["ROOT_PERMISSIONS", "StoreFault", "TreeNode", "count", "find", "put", "take_out"]

#: Domain 0 owns the root and nobody else may do anything.
ROOT_PERMISSIONS = (Permission(0, Access.NONE),)


class StoreFault(XenparleyError):
    """An error answer of the simulated daemon; ``name`` is its word (``ENOENT``)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TreeNode(NamedTuple):
    """One node. ``children`` is never changed in place."""

    value: bytes
    permissions: tuple[Permission, ...]
    children: dict[str, TreeNode]
    generation: int


def split(path: str) -> list[str]:
    """Return the names on the way to an absolute path."""
    return path.split("/")[1:] if path != "/" else []


def find(root: TreeNode, path: str) -> TreeNode | None:
    """Return the node of an absolute path, or None."""
    node: TreeNode | None = root
    for name in split(path):
        if node is None:
            return None
        node = node.children.get(name)
    return node


def put(root: TreeNode, path: str, leaf: TreeNode, generation: int) -> TreeNode:
    """Return the tree with this node in its place; the parent must be there."""
    names = split(path)
    if not names:
        return leaf
    way = [root]
    for name in names[:-1]:
        way.append(way[-1].children[name])
    node = leaf
    for depth in range(len(names) - 1, -1, -1):
        above = way[depth]
        fresh = names[depth] not in above.children
        node = TreeNode(
            above.value,
            above.permissions,
            {**above.children, names[depth]: node},
            generation if fresh else above.generation,
        )
    return node


def take_out(root: TreeNode, path: str, generation: int) -> TreeNode:
    """Return the tree without this node, which must be there and not be the root."""
    folder, _, name = path.rpartition("/")
    above = find(root, folder or "/")
    if above is None or name not in above.children:
        raise StoreFault("ENOENT")
    children = {key: child for key, child in above.children.items() if key != name}
    return put(
        root, folder or "/", TreeNode(above.value, above.permissions, children, generation), 0
    )


def count(node: TreeNode) -> int:
    """Return how many nodes this tree has."""
    total = 0
    todo = [node]
    while todo:
        each = todo.pop()
        total += 1
        todo.extend(each.children.values())
    return total
