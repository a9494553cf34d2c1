"""What guests may have in the simulated host's XenStore, and what they have."""

from __future__ import annotations

from typing import Final, NamedTuple

from .xenstore_tree import TreeNode

__all__ = ["Quota", "owned", "record_size"]

#: Bytes of a record of the C daemon before its permissions, and of each of those.
_HEADER: Final = 24
_ENTRY: Final = 8


class Quota(NamedTuple):
    """What an unprivileged domain may have; 0 is unlimited. The numbers are xenstored's own.

    As in the C daemon (to 4.17) one watch and one transaction more than these are let through.
    """

    nodes: int = 1000
    watches: int = 128
    transactions: int = 10
    node_size: int = 2048
    permissions: int = 5


def record_size(node: TreeNode) -> int:
    """Return the bytes of a node's record in the C daemon's database."""
    held = _HEADER + _ENTRY * len(node.permissions) + len(node.value)
    return held + sum(len(name) + 1 for name in node.children)


def owned(root: TreeNode, domain: int) -> int:
    """Return how many nodes of the tree are a domain's."""
    total = 0
    todo = [root]
    while todo:
        each = todo.pop()
        total += each.permissions[0].domain_id == domain
        todo.extend(each.children.values())
    return total
