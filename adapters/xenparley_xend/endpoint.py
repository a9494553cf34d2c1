"""Where XenD listens: known without what it takes to speak to it."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from xenparley.domain.errors import Unavailable
from xenparley.domain.identity import printable

__all__ = ["Endpoint"]


@frozen
class Endpoint:
    """Where XenD listens: a UNIX socket's ``path``, or ``host`` and ``port``."""

    path: str | None = None
    host: str | None = None
    port: int = 8000

    def __str__(self) -> str:
        """Word it for messages."""
        if self.path is not None:
            return printable(self.path, limit=200)
        return f"{printable(self.host or '?', limit=200)}:{self.port}"

    def look(self) -> None:
        """Raise Unavailable, as connecting would, if it is a socket that is not there.

        Most hosts have no XenD: they need none of HTTP and XML-RPC.
        """
        if self.path is None:
            return
        try:
            Path(self.path).stat()
        except FileNotFoundError as exc:
            raise Unavailable(f"{self}: {exc.strerror}", retry_safe=True) from exc
        except (OSError, ValueError):
            # Connecting tells it in its own words.
            return
