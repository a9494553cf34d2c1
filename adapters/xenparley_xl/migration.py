"""Migration: `xl migrate`, which runs ssh by a shell of its own.

What goes into that shell is quoted here, and the host's name is held to what names and addresses
are made of. An empty ``ssh`` has this host receive the guest itself, without ssh.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    InvalidInput,
    InvalidState,
    OutcomeUnknown,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xl.failures import failure
from xenparley_xl.toolstack import check_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.identity import GuestRef
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["MigrationPort"]

_HOST = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?[A-Za-z0-9_:\[][A-Za-z0-9_.:%\[\]-]{0,254}"
)
_OPTIONS = frozenset({"ssh"})


class MigrationPort:
    """Moves living guests to other hosts."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def migrate(
        self,
        guest: GuestRef,
        destination: str,
        *,
        live: bool,
        options: Mapping[str, str],
        deadline: float,
    ) -> Receipt:
        """Move the guest. ``options``: ``ssh``, the command instead of ``ssh``, in a shell's words.

        xl's migration is always live. A guest that is gone from here is on the other host; one
        that is still here after a failure runs on here, as xl saw to it.
        """
        stack = self._stack
        with stack.call(Capability.MIGRATE, guest), stack.observed(guest, deadline):
            words = self._words(destination, options)
            line = stack.unprivileged(guest, "migrated", deadline=deadline)
            check_whole(line, "migrated")
            if line.flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
                raise InvalidState(f"domain {line.domid} has ended and can't be migrated")
            ssh, host = words
            arguments = ["migrate", *ssh, str(line.domid), host]
            result = stack.change(*arguments, deadline=deadline, checked=False)
            if result.status != 0:
                raise _ended(stack, line, failure(result, "xl migrate"), deadline)
            return Receipt(warnings=() if live else ("xl migrates guests live only",))

    def _words(self, destination: str, options: Mapping[str, str]) -> tuple[list[str], str]:
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise InvalidInput(
                f"xl migrate has no option {printable(unknown[0], limit=40)!r}; it has: ssh"
            )
        if not _HOST.fullmatch(destination):
            raise InvalidInput(f"not a host: {printable(destination, limit=80)!r}")
        ssh = options.get("ssh")
        if ssh is None:
            return [], destination
        try:
            command = shlex.split(ssh)
        except ValueError as exc:
            raise InvalidInput(f"option ssh: not a command: {exc}") from exc
        if any("\0" in word for word in command):
            raise InvalidInput("option ssh: a NUL byte")
        if command:
            return ["-s", shlex.join(command)], destination
        if destination not in ("localhost", "127.0.0.1", "::1"):
            raise InvalidInput("without an ssh command the destination is localhost")
        # xl then takes the host for the command that receives.
        return ["-s", ""], shlex.join([self._stack.runner.xl, "migrate-receive"])


def _ended(
    stack: Toolstack, line: GuestLine, error: XenparleyError, deadline: float
) -> XenparleyError:
    """Word where the guest is after a failure."""
    try:
        now = stack.line(line.domid, deadline=deadline)
    except XenparleyError as exc:
        return OutcomeUnknown(f"{error.message}; and it can't be looked at: {exc.message}")
    whole = now is not None and now.uuid == line.uuid and now.name == line.name
    if whole and now is not None and not now.flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
        return error
    return OutcomeUnknown(
        f"{error.message}; look for the guest on both hosts before doing anything",
        last_seen="gone from here" if now is None else f"here as {printable(now.name or '?')}",
    )
