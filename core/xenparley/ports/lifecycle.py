"""Steering guests through their life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = ["Lifecycle", "Receipt"]


@frozen(kw_only=True)
class Receipt:
    """What a channel says when it took a command: *accepted*, not yet *reached*.

    ``domid`` is the new guest's, for create, start and restore. ``how`` words what was done
    where there is a choice (``pv``, ``acpi``). ``warnings`` are for people.
    """

    domid: int | None = None
    how: str | None = None
    warnings: tuple[str, ...] = ()


class Lifecycle(Protocol):
    """Commands. None waits for the guest to reach the state, only for the host's answer."""

    def create(self, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
        """Make and start a guest that needs no definition. Not idempotent.

        When a step fails the half-made guest is removed again, by its domain id only.
        Raises AlreadyExists (name or UUID is living), OperationFailed, OutcomeUnknown.
        """
        ...

    def start(self, guest: GuestRef, *, paused: bool, deadline: float) -> Receipt:
        """Start a guest that is defined here. Raises NotFound, AlreadyExists when it is living."""
        ...

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Take the guest off its CPUs. A paused guest stays paused: that is success."""
        ...

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Let the guest run again. A guest that is not paused is success."""
        ...

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to power off. It may ignore that. ``how`` says how it was asked."""
        ...

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to reboot. It comes back under a new domain id, if on_reboot says so."""
        ...

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pull the plug. Sent at most once, by domain id, never by name. NotFound: it is gone."""
        ...

    def rename(self, guest: GuestRef, name: str, *, deadline: float) -> Receipt:
        """Give a guest another name. Raises AlreadyExists."""
        ...

    def trigger(self, guest: GuestRef, event: str, *, deadline: float) -> Receipt:
        """Press a button: ``power``, ``sleep``, ``nmi``, ``init``, ``reset``; or ``sysrq-X``."""
        ...
