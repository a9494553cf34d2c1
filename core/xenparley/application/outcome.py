"""What a command came to."""

from __future__ import annotations

from attrs import frozen

from xenparley.domain.guest import GuestInfo
from xenparley.domain.identity import GuestRef
from xenparley.domain.lifecycle import Phase

__all__ = ["Outcome"]


@frozen(kw_only=True)
class Outcome:
    """The host *accepted* the command; the guest *reached* the state (seen, not assumed).

    ``already``: it was in that state before, and nothing was sent. ``phase`` is the last one
    seen. ``how`` words which way was taken where there is a choice.
    """

    guest: GuestRef
    accepted: bool = True
    reached: bool = False
    already: bool = False
    phase: Phase | None = None
    channel: str | None = None
    how: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def was_there(cls, info: GuestInfo) -> Outcome:
        """Say that nothing had to be done."""
        return cls(guest=info.ref, accepted=False, reached=True, already=True, phase=info.phase)
