"""Guest definitions: what outlives the living guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from xenparley.domain.identity import GuestRef

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = ["Definitions"]


class Definitions(Protocol):
    """Reads and writes configurations."""

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return the definition, passwords included, unknown content in ``extras``. NotFound."""
        ...

    def read_live(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what the living guest runs with; ``domid`` is set. NotFound when it is gone."""
        ...

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Add the definition, or replace the one with its UUID. Returns its UUID and name.

        Replacing keeps what the channel holds and the model doesn't know. A config without a
        UUID gets one, unless exactly one definition has its name: then that one is replaced.
        Raises AlreadyExists (the name is another UUID's), Unrepresentable, Conflict.
        """
        ...

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Remove the definition. NotFound when there is none.

        A living guest goes on, or it is refused with InvalidState and nothing is done: XenD
        keeps the definition of a guest that lives.
        """
        ...

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Have the host start the guest when it boots, or not. Idempotent."""
        ...
