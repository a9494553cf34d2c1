"""The simulated host's XenStore: tree, transactions, watches, permissions, quotas, without I/O.

The wire server speaks for clients; the simulated host itself writes here directly, and its
changes fire watches like anybody's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from xenparley_wire.xenstore_types import Access, Permission

from .xenstore_quota import Quota, owned, record_size
from .xenstore_tree import ROOT_PERMISSIONS, StoreFault, TreeNode, count, find, put, take_out
from .xenstore_watches import Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = ["Quota", "Store", "StoreFault"]


class _Transaction:
    """A snapshot, what was looked at, and what is to be done again at the end."""

    def __init__(self, root: TreeNode, domain: int) -> None:
        self.snapshot = root
        self.root = root
        self.domain = domain
        self.touched: set[str] = set()
        self.changes: list[Callable[[TreeNode], TreeNode]] = []
        self.events: list[tuple[str, bool]] = []


class Store:
    """A XenStore. Safe for threads; every method is one step.

    Paths are absolute and valid (the server checks what comes in). ``domain`` is who asks: domain
    0 may do everything. Errors are :class:`StoreFault` with the daemon's word.
    """

    def __init__(self, quota: Quota | None = None) -> None:
        self.quota = quota or Quota()
        self._lock = threading.RLock()
        self._generation = 1
        self._root = TreeNode(b"", ROOT_PERMISSIONS, {}, 1)
        self._transactions: dict[int, _Transaction] = {}
        self._next_transaction = 1
        self._watches = Watches()
        self._introduced: set[int] = {0}
        for path in ("/tool", "/tool/xenstored", "/local", "/local/domain", "/vm"):
            self.mkdir(path)

    # Reading

    def read(self, path: str, transaction: int = 0, domain: int = 0) -> bytes:
        """Return a value."""
        with self._lock:
            return self._look(path, transaction, domain).value

    def directory(self, path: str, transaction: int = 0, domain: int = 0) -> list[str]:
        """Return the names of the children."""
        with self._lock:
            return list(self._look(path, transaction, domain).children)

    def listing(self, path: str, transaction: int = 0, domain: int = 0) -> tuple[int, list[str]]:
        """Return the generation and the names, of one moment."""
        with self._lock:
            node = self._look(path, transaction, domain)
            return node.generation, list(node.children)

    def permissions(
        self, path: str, transaction: int = 0, domain: int = 0
    ) -> tuple[Permission, ...]:
        """Return who may do what."""
        with self._lock:
            return self._look(path, transaction, domain).permissions

    def exists(self, path: str) -> bool:
        """Say whether there is such a node."""
        with self._lock:
            return find(self._root, path) is not None

    def news(self, path: str) -> bytes | None:
        """Return a value that others may have written, or None; who wrote is told by the thread."""
        with self._lock:
            node = find(self._root, path)
            return None if node is None else node.value

    def size(self) -> int:
        """Return how many nodes there are."""
        return count(self._root)

    # Changing

    def write(self, path: str, value: bytes, transaction: int = 0, domain: int = 0) -> None:
        """Set a value; makes what is missing on the way."""

        def change(root: TreeNode) -> TreeNode:
            node, grown = self._ensure(root, path, domain)
            fresh = TreeNode(value, node.permissions, node.children, self._bump())
            self._fits(fresh, domain)
            return put(grown, path, fresh, self._generation)

        self._change(path, change, transaction, domain)

    def mkdir(self, path: str, transaction: int = 0, domain: int = 0) -> None:
        """Make a node; one that is there is left, and nobody is told."""
        with self._lock:
            state = self._state(transaction)
            state_root = state.root if state else self._root
            if state:
                state.touched.add(path)
            if find(state_root, path) is not None:
                return
            self._change(
                path, lambda root: self._ensure(root, path, domain)[1], transaction, domain
            )

    def remove(self, path: str, transaction: int = 0, domain: int = 0) -> None:
        """Remove a node and all below it; gone already is fine while the parent is there."""
        if path == "/":
            raise StoreFault("EINVAL")
        with self._lock:
            state = self._state(transaction)
            root = state.root if state else self._root
            if state:
                state.touched.add(path)
            node = find(root, path)
            if node is None:
                above = find(root, path.rpartition("/")[0] or "/")
                if above is None:
                    raise StoreFault("ENOENT")
                return
            self._allow(node, domain, Access.WRITE)
            self._change(
                path,
                lambda tree: take_out(tree, path, self._bump()),
                transaction,
                domain,
                removal=True,
            )

    def set_permissions(
        self,
        path: str,
        entries: Iterable[Permission],
        transaction: int = 0,
        domain: int = 0,
    ) -> None:
        """Replace the permissions; for the owner and domain 0 only, and only 0 changes owners."""
        listed = tuple(entries)
        if not listed:
            raise StoreFault("EINVAL")
        if domain and self.quota.permissions and len(listed) > self.quota.permissions:
            raise StoreFault("ENOSPC")
        with self._lock:
            owner = self._look(path, transaction, 0).permissions[0].domain_id
            if domain and (owner != domain or listed[0].domain_id != owner):
                raise StoreFault("EACCES" if owner != domain else "EPERM")

            def change(root: TreeNode) -> TreeNode:
                node = find(root, path)
                if node is None:
                    raise StoreFault("ENOENT")
                fresh = TreeNode(node.value, listed, node.children, self._bump())
                return put(root, path, fresh, self._generation)

            self._change(path, change, transaction, domain)

    # Transactions

    def begin(self, domain: int = 0) -> int:
        """Begin a transaction; return its id."""
        with self._lock:
            mine = sum(each.domain == domain for each in self._transactions.values())
            if domain and self.quota.transactions and mine > self.quota.transactions:
                raise StoreFault("ENOSPC")
            number = self._next_transaction
            while number in self._transactions:
                number += 1
            self._next_transaction = (number + 1) & 0x7FFFFFFF or 1
            self._transactions[number] = _Transaction(self._root, domain)
            return number

    def end(self, transaction: int, commit: bool) -> None:
        """End a transaction; EAGAIN when what it looked at has changed meanwhile."""
        with self._lock:
            state = self._transactions.pop(transaction, None)
            if state is None:
                raise StoreFault("ENOENT")
            if not commit:
                return
            for path in state.touched:
                before, now = find(state.snapshot, path), find(self._root, path)
                if (before and before.generation) != (now and now.generation):
                    raise StoreFault("EAGAIN")
            root = self._root
            for change in state.changes:
                root = change(root)
            self._root = root
            for path, removal in state.events:
                self._watches.fire(path, removal)

    # Watches

    def watch(
        self,
        path: str,
        token: str,
        owner: Hashable,
        tell: Callable[[str, str], None],
        domain: int = 0,
    ) -> None:
        """Have ``tell(path, token)`` called for each change at or below a path, and once now."""
        with self._lock:
            limit = self.quota.watches
            if domain and limit and self._watches.count(owner) > limit:
                raise StoreFault("E2BIG")
            self._watches.add(path, token, owner, tell)
            tell(path, token)

    def unwatch(self, path: str, token: str, owner: Hashable) -> None:
        """Take one watch away."""
        with self._lock:
            self._watches.remove(path, token, owner)

    def forget(self, owner: Hashable) -> None:
        """Take all of an owner's watches away."""
        with self._lock:
            self._watches.forget(owner)

    # Domains

    def introduce(self, domain_id: int) -> None:
        """Begin to serve a domain; ``@introduceDomain`` fires."""
        with self._lock:
            if domain_id not in self._introduced:
                self._introduced.add(domain_id)
                self._watches.fire("@introduceDomain", False)

    def release(self, domain_id: int) -> None:
        """Stop serving a domain; ``@releaseDomain`` fires."""
        with self._lock:
            if domain_id not in self._introduced or not domain_id:
                raise StoreFault("ENOENT" if domain_id else "EINVAL")
            self._introduced.discard(domain_id)
            self._watches.fire("@releaseDomain", False)

    def domain_changed(self, domain_id: int) -> None:
        """A domain shut down or is gone: ``@releaseDomain`` fires."""
        with self._lock:
            self._watches.fire("@releaseDomain", False)

    def introduced(self, domain_id: int) -> bool:
        """Say whether a domain is served."""
        return domain_id in self._introduced

    # Within

    def _bump(self) -> int:
        self._generation += 1
        return self._generation

    def _state(self, transaction: int) -> _Transaction | None:
        if not transaction:
            return None
        state = self._transactions.get(transaction)
        if state is None:
            raise StoreFault("ENOENT")
        return state

    def _look(self, path: str, transaction: int, domain: int) -> TreeNode:
        state = self._state(transaction)
        if state:
            state.touched.add(path)
        node = find(state.root if state else self._root, path)
        if node is None:
            # Who may not look into a folder isn't told what it lacks.
            self._allow(self._above(state.root if state else self._root, path), domain, Access.READ)
            raise StoreFault("ENOENT")
        self._allow(node, domain, Access.READ)
        return node

    @staticmethod
    def _above(root: TreeNode, path: str) -> TreeNode:
        """Return the nearest node on the way that is there."""
        while (node := find(root, path)) is None:
            path = path.rpartition("/")[0] or "/"
        return node

    def _fits(self, node: TreeNode, domain: int) -> None:
        """Raise ENOSPC for a node of a guest that is too large."""
        if domain and self.quota.node_size and record_size(node) >= self.quota.node_size:
            raise StoreFault("ENOSPC")

    def _change(
        self,
        path: str,
        change: Callable[[TreeNode], TreeNode],
        transaction: int,
        domain: int,
        *,
        removal: bool = False,
    ) -> None:
        with self._lock:
            state = self._state(transaction)
            if state is None:
                self._root = change(self._root)
                self._watches.fire(path, removal)
                return
            state.touched.add(path)
            state.root = change(state.root)
            state.changes.append(change)
            state.events.append((path, removal))

    def _ensure(self, root: TreeNode, path: str, domain: int) -> tuple[TreeNode, TreeNode]:
        """Return the node and the tree that has it; new nodes inherit, and belong to the asker."""
        node = find(root, path)
        if node is not None:
            self._allow(node, domain, Access.WRITE)
            return node, root
        folder = path.rpartition("/")[0] or "/"
        missing = [path]
        while (above := find(root, folder)) is None:
            missing.append(folder)
            folder = folder.rpartition("/")[0] or "/"
        self._allow(above, domain, Access.WRITE)
        limit = self.quota.nodes
        if domain and limit and owned(root, domain) + len(missing) > limit:
            raise StoreFault("ENOSPC")
        inherited = above.permissions
        if domain:
            inherited = (Permission(domain, inherited[0].access), *inherited[1:])
        for each in reversed(missing):
            node = TreeNode(b"", inherited, {}, self._bump())
            root = put(root, each, node, self._generation)
        self._fits(self._above(root, folder), domain)
        assert node is not None
        return node, root

    @staticmethod
    def _allow(node: TreeNode, domain: int, wanted: Access) -> None:
        """Raise EACCES unless the domain may: owner and domain 0 always, others as listed."""
        listed = node.permissions
        if not domain or listed[0].domain_id == domain:
            return
        access = next((each.access for each in listed[1:] if each.domain_id == domain), None)
        if access is None:
            access = listed[0].access
        if access not in (Access.BOTH, wanted):
            raise StoreFault("EACCES")
