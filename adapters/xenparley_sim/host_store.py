"""What a simulated host's XenStore gives from the inside, whichever daemon keeps it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from xenparley_wire.xenstore_types import Permission

__all__ = ["HostStore"]


class HostStore(Protocol):
    """A XenStore as domain 0 sees it: the in-process store's, or a real daemon's.

    Paths are absolute. The daemon's error answers are
    :class:`~xenparley_sim.xenstore_tree.StoreFault`; a real daemon that is gone is ChannelLost.
    """

    def read(self, path: str) -> bytes:
        """Return a value."""
        ...

    def directory(self, path: str) -> list[str]:
        """Return the names of the children."""
        ...

    def exists(self, path: str) -> bool:
        """Say whether there is such a node."""
        ...

    def news(self, path: str) -> bytes | None:
        """Return a value that others may have written; None: gone, or what was written here."""
        ...

    def permissions(self, path: str) -> tuple[Permission, ...]:
        """Return who may do what; the owner first."""
        ...

    def write(self, path: str, value: bytes) -> None:
        """Set a value; makes what is missing on the way."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a node; one that is there is left."""
        ...

    def remove(self, path: str) -> None:
        """Remove a node and all below it."""
        ...

    def set_permissions(self, path: str, entries: Iterable[Permission]) -> None:
        """Replace the permissions."""
        ...

    def watch(
        self, path: str, token: str, owner: Hashable, tell: Callable[[str, str], None]
    ) -> None:
        """Have ``tell(path, token)`` called for each change at or below a path, and once now."""
        ...

    def unwatch(self, path: str, token: str, owner: Hashable) -> None:
        """Take one watch away."""
        ...

    def forget(self, owner: Hashable) -> None:
        """Take all of an owner's watches away."""
        ...

    def introduce(self, domain_id: int) -> None:
        """Begin to serve a domain; ``@introduceDomain`` fires."""
        ...

    def release(self, domain_id: int) -> None:
        """Stop serving a domain; ``@releaseDomain`` fires."""
        ...

    def introduced(self, domain_id: int) -> bool:
        """Say whether a domain is served."""
        ...

    def domain_changed(self, domain_id: int) -> None:
        """A domain shut down, or is gone: ``@releaseDomain`` fires for one that is served."""
        ...
