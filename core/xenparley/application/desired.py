"""Desired-state calls: say what should be, not what to do. Idempotent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from xenparley.application.changes import Changes
from xenparley.application.commands import Commands
from xenparley.application.finding import Guest
from xenparley.application.outcome import Outcome
from xenparley.application.reads import Reads
from xenparley.application.waiting import ENDED
from xenparley.domain.errors import DeadlineExceeded, NotFound, OperationFailed, Unsupported
from xenparley.domain.guest import GuestInfo
from xenparley.domain.identity import GuestRef
from xenparley.domain.lifecycle import Phase

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = ["Desired"]


class Desired(Commands, Changes, Reads):
    """Compositions of the verbs."""

    def ensure_defined(self, config: GuestConfig, *, timeout: float | None = None) -> GuestRef:
        """Have the guest defined just so; nothing is sent when it is."""
        from attrs import evolve

        deadline = self._deadline(timeout)
        key = GuestRef(uuid=config.uuid) if config.uuid else GuestRef(name=config.name)
        try:
            info = self._target(key, deadline)
            there = self.config(info.ref, live=False, timeout=self._left(deadline))
        except NotFound:
            return self.define(config, timeout=self._left(deadline))
        # What the configuration leaves open is the host's to say.
        wanted = evolve(
            config,
            uuid=there.uuid,
            domid=None,
            autostart=there.autostart if config.autostart is None else config.autostart,
        )
        if wanted == evolve(there, domid=None):
            return GuestRef(uuid=info.uuid, name=info.name)
        return self.define(evolve(config, uuid=there.uuid), timeout=self._left(deadline))

    def ensure_running(
        self, guest: Guest | GuestConfig, *, timeout: float | None = None
    ) -> Outcome:
        """Have the guest running: defined first when a configuration is given, then started.

        A paused guest is unpaused. One that crashed or was kept after it ended is an error,
        since only destroying it would help.
        """
        deadline = self._deadline(timeout)
        if not isinstance(guest, (str, int, GuestRef)):
            guest = self.ensure_defined(guest, timeout=self._left(deadline))
        info = self._settled(guest, deadline)
        if info.phase is Phase.ACTIVE:
            return Outcome.was_there(info)
        if info.phase is Phase.PAUSED:
            return self.unpause(self._aim(guest, info), timeout=self._left(deadline))
        if info.phase in ENDED and info.living:
            raise OperationFailed(
                f"{info.ref} is kept as {info.phase.value}: destroy it before it can be started",
                guest=str(info.ref),
                operation="ensure-running",
            )
        return self.start(info.ref, timeout=self._left(deadline))

    def ensure_paused(self, guest: Guest, *, timeout: float | None = None) -> Outcome:
        """Have the guest living and paused; started paused when it is shut off."""
        deadline = self._deadline(timeout)
        info = self._settled(guest, deadline)
        if info.phase is Phase.SHUT_OFF:
            return self.start(info.ref, paused=True, timeout=self._left(deadline))
        return self.pause(self._aim(guest, info), timeout=self._left(deadline))

    def ensure_stopped(
        self,
        guest: Guest,
        *,
        destroy_after: float | None = None,
        timeout: float | None = None,
    ) -> Outcome:
        """Have the guest not living.

        It is asked to shut down; with ``destroy_after`` it is destroyed when it has not obeyed
        after so many seconds, or can't be asked at all.
        """
        deadline = self._deadline(timeout)
        try:
            info = self._target(guest, deadline)
        except NotFound:
            return Outcome(guest=_as_ref(guest), accepted=False, reached=True, already=True)
        if not info.living:
            return Outcome.was_there(info)
        can_ask = info.phase is Phase.ACTIVE
        if can_ask:
            left = self._left(deadline)
            patience = left if destroy_after is None else min(destroy_after, left)
            try:
                outcome = self.shutdown(self._aim(guest, info), timeout=patience)
            except DeadlineExceeded:
                if destroy_after is None:
                    raise
            except Unsupported:
                if destroy_after is None:
                    raise
            else:
                if outcome.phase not in (Phase.SHUTDOWN, Phase.CRASHED):
                    return outcome
        # Paused, crashed or kept after its end: it can't be asked, and holds memory.
        elif destroy_after is None and info.phase is Phase.PAUSED:
            return self.shutdown(self._aim(guest, info), timeout=self._left(deadline))
        try:
            return self.destroy(self._aim(guest, info), timeout=self._left(deadline))
        except NotFound:
            # It ended just now.
            return Outcome(guest=info.ref, reached=True, phase=Phase.SHUT_OFF)

    def ensure_absent(self, guest: Guest, *, timeout: float | None = None) -> None:
        """Have neither a living guest nor a definition: destroyed and undefined."""
        deadline = self._deadline(timeout)
        try:
            info = self._target(guest, deadline)
        except NotFound:
            return
        if info.defined:
            self.undefine(GuestRef(uuid=info.uuid, name=info.name), timeout=self._left(deadline))
        if info.living:
            try:
                self.destroy(self._aim(guest, info), timeout=self._left(deadline))
            except NotFound:
                return

    def _settled(self, guest: Guest, deadline: float) -> GuestInfo:
        """Find the guest, and let one that is dying finish first."""
        info = self._target(guest, deadline)
        if info.phase is Phase.DYING:
            return self._wait(
                info.ref, lambda seen: seen.phase is not Phase.DYING, deadline, "wait", "gone"
            )
        return info

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - time.monotonic())


def _as_ref(guest: Guest) -> GuestRef:
    if isinstance(guest, GuestRef):
        return guest
    return GuestRef(domid=guest) if isinstance(guest, int) else GuestRef(name=guest)
