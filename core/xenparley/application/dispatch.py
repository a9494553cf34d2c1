"""Sending a command to one channel at a time, and asking whole-answer questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from xenparley.application.channels import ChannelSet
from xenparley.application.reading import Reader, read_deadline
from xenparley.domain.errors import (
    AlreadyExists,
    Attempt,
    DeadlineExceeded,
    InvalidInput,
    InvalidState,
    NotFound,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available
from xenparley.negotiation.plan import CommandPlan, falls_over, plan_command

__all__ = ["Dispatcher"]

T = TypeVar("T")
#: How long a look may take when a command's outcome is unknown and its time is over.
LAST_LOOK_S = 2.0


class Dispatcher:
    """Sends commands by the plan, and never twice when the first may have acted."""

    def __init__(self, channels: ChannelSet, reader: Reader, prefer: Sequence[str]) -> None:
        self._channels = channels
        self._reader = reader
        self._prefer = tuple(prefer)

    def plan(
        self,
        capability: Capability,
        *,
        force: bool = False,
        only: str | None = None,
        deadline: float | None = None,
    ) -> CommandPlan:
        """Plan; with nobody to ask, raise Unsupported or NoChannel with every channel's reason."""
        plan = self._plan(capability, force, only)
        if not plan.candidates and deadline is not None:
            # Somebody who is only lost may be back.
            self._channels.revive(deadline)
            plan = self._plan(capability, force, only)
        if plan.candidates:
            return plan
        attempts = tuple(Attempt(v.channel, v.reason) for v in plan.verdicts)
        what = SPECS[capability].summary
        reasons = "; ".join(f"{a.channel}: {a.reason}" for a in attempts) or "there are no channels"
        if any(isinstance(v.result, Available) for v in self._channels.views()):
            raise Unsupported(
                f"no channel can {what} ({reasons})",
                operation=capability.value,
                attempts=attempts,
            )
        raise self._channels.nobody(f"no channel can {what}", capability.value)

    def _plan(self, capability: Capability, force: bool, only: str | None) -> CommandPlan:
        views = self._channels.views()
        if only is not None:
            views = tuple(v for v in views if v.name == only)
        return plan_command(capability, views, prefer=self._prefer, force=force)

    def send(
        self,
        capability: Capability,
        guest: GuestRef | None,
        call: Callable[[Any, float], T],
        deadline: float,
        *,
        force: bool = False,
        only: str | None = None,
    ) -> tuple[T, str]:
        """Send a command; return the answer and the channel that took it.

        The next channel is tried only when the one before certainly did not act, and after the
        target was looked at again.
        """
        plan = self.plan(capability, force=force, only=only, deadline=deadline)
        shown = None if guest is None else str(guest)
        attempts: list[Attempt] = []
        last: XenparleyError | None = None
        for name in plan.candidates:
            if attempts and guest is not None:
                self._recheck(guest, capability, deadline)
            try:
                answer = self._channels[name].call(
                    capability, lambda port: call(port, deadline), deadline=deadline, guest=shown
                )
            except XenparleyError as exc:
                attempts.append(Attempt(name, str(exc)))
                exc.attempts = tuple(attempts)
                if isinstance(exc, OutcomeUnknown):
                    self._last_look(exc, guest)
                if not falls_over(exc) or time.monotonic() >= deadline:
                    raise
                last = exc
            else:
                return answer, name
        assert last is not None
        raise last

    def ask(
        self,
        capability: Capability,
        guest: GuestRef | None,
        call: Callable[[Any, float], T],
        deadline: float,
        *,
        only: str | None = None,
    ) -> tuple[T, str]:
        """Ask a question that one channel answers whole; any failure leads to the next one."""
        plan = self.plan(capability, only=only, deadline=deadline)
        shown = None if guest is None else str(guest)
        attempts: list[Attempt] = []
        for place, name in enumerate(plan.candidates):
            until = read_deadline(deadline, len(plan.candidates) - place - 1)
            try:
                answer = self._channels[name].call(
                    capability,
                    lambda port, until=until: call(port, until),  # type: ignore[misc]
                    deadline=until,
                    guest=shown,
                )
            except (InvalidInput, InvalidState, NotFound, AlreadyExists):
                raise
            except XenparleyError as exc:
                attempts.append(Attempt(name, str(exc)))
                exc.attempts = tuple(attempts)
                if place == len(plan.candidates) - 1 or time.monotonic() >= deadline:
                    raise
            else:
                return answer, name
        raise self._channels.nobody("nobody answered", capability.value)

    def _recheck(self, guest: GuestRef, capability: Capability, deadline: float) -> None:
        """Look whether the living target is still the one that was meant."""
        if guest.domid is None:
            return
        listing = self._reader.live((Field.UUID,), deadline, domids=(guest.domid,))
        for row in listing.guests:
            if row.domid == guest.domid and guest.uuid in (None, row.uuid):
                return
        raise NotFound(f"{guest} is gone", guest=str(guest), operation=capability.value)

    def _last_look(self, error: OutcomeUnknown, guest: GuestRef | None) -> None:
        """Add the state last seen to an error about a command that may have acted."""
        if error.last_seen is not None or guest is None or guest.domid is None:
            return
        try:
            listing = self._reader.live(
                (Field.UUID, Field.STATE, Field.REASON),
                time.monotonic() + LAST_LOOK_S,
                domids=(guest.domid,),
            )
        except XenparleyError as exc:
            kind = "no time" if isinstance(exc, DeadlineExceeded) else str(exc)
            error.last_seen = f"could not look: {kind}"
            return
        for row in listing.guests:
            if row.domid == guest.domid and guest.uuid in (None, row.uuid):
                error.last_seen = row.phase.value if row.phase is not None else "living"
                return
        error.last_seen = "gone"
