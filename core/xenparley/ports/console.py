"""Reaching a guest's console and display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

__all__ = ["ConsoleInfo", "ConsolePort", "DisplayInfo"]


@frozen(kw_only=True)
class ConsoleInfo:
    """A console: ``kind`` is ``pv`` or ``serial``, ``tty`` a path on the host (None: not yet)."""

    kind: str
    number: int = 0
    tty: str | None = None


@frozen(kw_only=True)
class DisplayInfo:
    """A display: ``type`` vnc or spice, the address it listens on and its TCP port."""

    type: str
    host: str | None = None
    port: int | None = None


class ConsolePort(Protocol):
    """Says where consoles and displays of a living guest are."""

    def consoles(self, guest: GuestRef, *, deadline: float) -> Sequence[ConsoleInfo]:
        """Return the consoles, the main one first."""
        ...

    def displays(self, guest: GuestRef, *, deadline: float) -> Sequence[DisplayInfo]:
        """Return the displays; empty when the guest has none. Passwords are not in here."""
        ...
