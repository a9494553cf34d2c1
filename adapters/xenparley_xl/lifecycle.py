"""Steering living guests. Each command is sent once, by domain id, and its effect looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import GuestRef, check_name, printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xl.failures import failure, no_such_domain
from xenparley_xl.toolstack import check_whole, oddity

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley_xl.runner import Result
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["EVENTS", "LifecyclePort"]

C = Capability
#: What `xl trigger` knows in every release.
EVENTS = ("power", "sleep", "nmi", "init", "reset")
_SYSRQ = re.compile(r"sysrq-([a-z0-9])\Z")
_NO_PV = re.compile(r"PV control interface not available|without PV drivers")
#: Since 4.2 xl can press the button instead.
_BUTTON = re.compile(r'Use "-F"')
#: xl's words when -F made it press the button instead.
_ACPI = re.compile(r"sending ACPI")


class LifecyclePort:
    """Commands of the owner of the host."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def create(self, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
        """Make and start a guest; see :mod:`xenparley_xl.creating`."""
        from xenparley_xl.creating import create

        with self._stack.call(C.CREATE, GuestRef(uuid=config.uuid, name=config.name)):
            return create(self._stack, config, paused=paused, deadline=deadline)

    def dry_run(self, config: GuestConfig, *, deadline: float) -> None:
        """Have xl read the configuration as it would for `create`, and do nothing else."""
        from xenparley_xl.creating import dry_run

        with self._stack.call(C.CREATE, GuestRef(uuid=config.uuid, name=config.name)):
            dry_run(self._stack, config, deadline=deadline)

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Take the guest off its CPUs; one that is paused is let be, since pauses are counted."""
        stack = self._stack
        with stack.call(C.PAUSE, guest), stack.observed(guest, deadline):
            line = stack.unprivileged(guest, "paused", deadline=deadline)
            _check_alive(line, "paused")
            if line.flags & RunFlags.PAUSED:
                return Receipt(warnings=_warnings(line))
            stack.change("pause", str(line.domid), deadline=deadline)
            now = self._after(guest, "pause", deadline)
            if not now.flags & (RunFlags.PAUSED | RunFlags.SHUTDOWN):
                raise OperationFailed("xl pause ended well, but the guest is not paused")
            return Receipt(warnings=_warnings(line))

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Let the guest run; xl returns 0 even when it could not (4.17), so that is looked at."""
        stack = self._stack
        with stack.call(C.UNPAUSE, guest), stack.observed(guest, deadline):
            line = stack.unprivileged(guest, "unpaused", deadline=deadline)
            _check_alive(line, "unpaused")
            if not line.flags & RunFlags.PAUSED:
                return Receipt(warnings=_warnings(line))
            check_whole(line, "unpaused")
            result = stack.change("unpause", str(line.domid), deadline=deadline)
            now = self._after(guest, "unpause", deadline)
            if now.flags & RunFlags.PAUSED and not now.flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
                said = f": {result.said}" if result.err.strip() else ""
                raise OperationFailed(
                    "the guest is paused still: pauses are counted, and it was paused more than "
                    f"once, or could not be unpaused{said}"
                )
            return Receipt(warnings=_warnings(line))

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to power off: by its PV drivers, else by the ACPI button."""
        return self._ask(C.SHUTDOWN, guest, "shutdown", "shut down", deadline)

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to reboot: by its PV drivers, else by the ACPI reset."""
        return self._ask(C.REBOOT, guest, "reboot", "rebooted", deadline)

    def _ask(
        self, capability: Capability, guest: GuestRef, word: str, what: str, deadline: float
    ) -> Receipt:
        stack = self._stack
        with stack.call(capability, guest), stack.observed(guest, deadline):
            line = stack.unprivileged(guest, what, deadline=deadline)
            _check_alive(line, what)
            check_whole(line, what)
            how = "pv"
            result = stack.change(word, str(line.domid), deadline=deadline, checked=False)
            if result.status != 0 and _BUTTON.search(result.err):
                # Certain that nothing was asked: xl looks for the drivers first.
                how = "acpi"
                result = stack.change(word, "-F", str(line.domid), deadline=deadline, checked=False)
            if result.status != 0:
                raise _refusal(result, f"xl {word}")
            warnings = _warnings(line)
            if line.flags & RunFlags.PAUSED:
                warnings += ("the guest is paused: it obeys once it runs again",)
            return Receipt(how="acpi" if _ACPI.search(result.err) else how, warnings=warnings)

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pull the plug. xl ends with 1 for a zombie that it cleaned up, so that is looked at."""
        stack = self._stack
        with stack.call(C.DESTROY, guest), stack.observed(guest, deadline):
            line = stack.unprivileged(guest, "destroyed", deadline=deadline)
            result = stack.change("destroy", str(line.domid), deadline=deadline, checked=False)
            if result.status == 0:
                return Receipt(warnings=_warnings(line))
            try:
                now = stack.line(line.domid, deadline=deadline)
            except XenparleyError as exc:
                raise OutcomeUnknown(
                    f"xl destroy ended with status {result.status}: {result.said}; "
                    f"what became of the guest is not known: {exc.message}"
                ) from exc
            gone = now is None or now.uuid != line.uuid or bool(now.flags & RunFlags.DYING)
            if not gone:
                raise failure(result, "xl destroy")
            return Receipt(warnings=(*_warnings(line), f"xl destroy complained: {result.said}"))

    def rename(self, guest: GuestRef, name: str, *, deadline: float) -> Receipt:
        """Give a guest another name. Raises AlreadyExists."""
        stack = self._stack
        with stack.call(C.RENAME, guest), stack.observed(guest, deadline):
            check_name(name)
            line = stack.unprivileged(guest, "renamed", deadline=deadline)
            if line.name == name:
                return Receipt()
            if any(other.name == name for other in stack.guests(deadline=deadline)):
                raise AlreadyExists(f"a guest named {printable(name)} is living already")
            stack.change("rename", "--", str(line.domid), name, deadline=deadline)
            now = self._after(guest, "rename", deadline)
            if now.name != name:
                raise OperationFailed(
                    f"xl rename ended well, but the guest is called {printable(now.name or '?')}"
                )
            return Receipt()

    def trigger(self, guest: GuestRef, event: str, *, deadline: float) -> Receipt:
        """Press a button (:data:`EVENTS`), or send a magic system request (``sysrq-X``)."""
        stack = self._stack
        with stack.call(C.TRIGGER, guest), stack.observed(guest, deadline):
            sysrq = _SYSRQ.match(event)
            if sysrq is None and event not in EVENTS:
                raise InvalidInput(
                    f"not an event: {printable(event, limit=40)!r}; there are "
                    f"{', '.join(EVENTS)} and sysrq-X, X a lower-case letter or digit"
                )
            line = stack.unprivileged(guest, "triggered", deadline=deadline)
            _check_alive(line, "triggered")
            words = (
                ("sysrq", str(line.domid), sysrq[1])
                if sysrq
                else ("trigger", str(line.domid), event)
            )
            result = stack.change(*words, deadline=deadline, checked=False)
            if result.status != 0:
                raise _refusal(result, f"xl {words[0]} {event}")
            if re.search(r"error|failed", result.err, re.IGNORECASE):
                # Up to 4.8 xl ends with 0 all the same.
                raise OperationFailed(f"xl {words[0]} {event}: {result.said}")
            return Receipt()

    def _after(self, guest: GuestRef, what: str, deadline: float) -> GuestLine:
        """Look at the guest once its command has ended."""
        try:
            return self._stack.living(guest, deadline=deadline)
        except NotFound as exc:
            raise NotFound(f"xl {what} ended well, then the guest was gone: {exc.message}") from exc
        except XenparleyError as exc:
            raise OutcomeUnknown(
                f"xl {what} ended well; what became of it is not known: {exc.message}",
                last_seen=f"xl {what} ended with status 0",
            ) from exc


def _refusal(result: Result, what: str) -> XenparleyError:
    if no_such_domain(result):
        return NotFound(f"{what}: {result.said}")
    if _NO_PV.search(result.err):
        return Unsupported(
            f"{what}: the guest has no PV drivers, and this xl presses no ACPI button; "
            f"destroy it, or use its console ({result.said})"
        )
    return failure(result, what)


def _check_alive(line: GuestLine, what: str) -> None:
    if line.flags & RunFlags.DYING or line.flags & RunFlags.SHUTDOWN:
        raise InvalidState(
            f"domain {line.domid} can't be {what}: it is {oddity(line)}",
            phase="dying" if line.flags & RunFlags.DYING else "shutdown",
            allowed=("destroy",),
        )


def _warnings(line: GuestLine) -> tuple[str, ...]:
    odd = oddity(line)
    return (f"domain {line.domid} is {odd}",) if odd else ()
