"""A guest's life: phases, the one transition table, and what is refused where.

Everything that decides about the life of a guest lives in this file, and it is pure. ``defined``
is a fact beside the phase: it decides whether a guest that ended is *shut off* or *absent*, and
whether ``start`` or ``undefine`` has something to act on. A saved image and a migration in
progress are facts beside it too.

The table has two halves. :data:`COMMANDS` maps (phase, command) to the phase that the command
leads to when it is carried out; what is not in it is refused, with the commands that the phase
allows. :data:`OBSERVED` lists the changes that happen without us.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType

from xenparley.domain.errors import InvalidState
from xenparley.domain.runstate import RunFlags, ShutdownReason

__all__ = [
    "COMMANDS",
    "LIVING",
    "OBSERVED",
    "Command",
    "Phase",
    "allowed",
    "check",
    "derive_phase",
    "observable",
    "target_phases",
]


class Phase(Enum):
    """The phase of a guest's life. Derived from what is observed, never stored."""

    #: Neither living nor defined.
    ABSENT = "absent"
    #: Defined, not living.
    SHUT_OFF = "shut off"
    #: Living and schedulable: on a CPU, blocked, or runnable.
    ACTIVE = "active"
    #: Living, held by a person, by a saver, or still under construction.
    PAUSED = "paused"
    #: It ended by itself (power-off, reboot, suspend, an unknown reason); not yet cleaned up.
    SHUTDOWN = "shutdown"
    #: It crashed (or its watchdog fired) and is kept.
    CRASHED = "crashed"
    #: Being torn down.
    DYING = "dying"


class Command(Enum):
    """What can be asked of a guest's life."""

    DEFINE = "define"
    UNDEFINE = "undefine"
    CREATE = "create"
    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    DESTROY = "destroy"
    SAVE = "save"
    RESTORE = "restore"
    DUMP = "dump"
    MIGRATE = "migrate"


P = Phase
C = Command

#: Phases in which the hypervisor knows the guest.
LIVING = frozenset({P.ACTIVE, P.PAUSED, P.SHUTDOWN, P.CRASHED, P.DYING})

#: A command that ends a living guest leads to SHUT_OFF; :func:`target_phases` turns that into
#: ABSENT for a guest without a definition.
COMMANDS: MappingProxyType[tuple[Phase, Command], Phase] = MappingProxyType(
    {
        # Definitions: of a living guest they change only what outlives it.
        (P.ABSENT, C.DEFINE): P.SHUT_OFF,
        (P.SHUT_OFF, C.DEFINE): P.SHUT_OFF,
        (P.ACTIVE, C.DEFINE): P.ACTIVE,
        (P.PAUSED, C.DEFINE): P.PAUSED,
        (P.SHUTDOWN, C.DEFINE): P.SHUTDOWN,
        (P.CRASHED, C.DEFINE): P.CRASHED,
        (P.DYING, C.DEFINE): P.DYING,
        (P.SHUT_OFF, C.UNDEFINE): P.ABSENT,
        (P.ACTIVE, C.UNDEFINE): P.ACTIVE,
        (P.PAUSED, C.UNDEFINE): P.PAUSED,
        (P.SHUTDOWN, C.UNDEFINE): P.SHUTDOWN,
        (P.CRASHED, C.UNDEFINE): P.CRASHED,
        (P.DYING, C.UNDEFINE): P.DYING,
        # Birth.
        (P.ABSENT, C.CREATE): P.ACTIVE,
        (P.SHUT_OFF, C.START): P.ACTIVE,
        (P.ABSENT, C.RESTORE): P.ACTIVE,
        (P.SHUT_OFF, C.RESTORE): P.ACTIVE,
        # Steering. Pausing a paused guest is success: nothing is sent.
        (P.ACTIVE, C.PAUSE): P.PAUSED,
        (P.PAUSED, C.PAUSE): P.PAUSED,
        (P.PAUSED, C.UNPAUSE): P.ACTIVE,
        (P.ACTIVE, C.UNPAUSE): P.ACTIVE,
        # A paused guest can't answer a shutdown request; it would obey when unpaused.
        (P.ACTIVE, C.SHUTDOWN): P.SHUT_OFF,
        (P.SHUTDOWN, C.SHUTDOWN): P.SHUT_OFF,
        (P.SHUT_OFF, C.SHUTDOWN): P.SHUT_OFF,
        (P.ACTIVE, C.REBOOT): P.ACTIVE,
        # Destroy works in every living phase, a start in progress included.
        (P.ACTIVE, C.DESTROY): P.SHUT_OFF,
        (P.PAUSED, C.DESTROY): P.SHUT_OFF,
        (P.SHUTDOWN, C.DESTROY): P.SHUT_OFF,
        (P.CRASHED, C.DESTROY): P.SHUT_OFF,
        (P.DYING, C.DESTROY): P.SHUT_OFF,
        (P.SHUT_OFF, C.DESTROY): P.SHUT_OFF,
        # Images.
        (P.ACTIVE, C.SAVE): P.SHUT_OFF,
        (P.PAUSED, C.SAVE): P.SHUT_OFF,
        (P.ACTIVE, C.DUMP): P.ACTIVE,
        (P.PAUSED, C.DUMP): P.PAUSED,
        (P.SHUTDOWN, C.DUMP): P.SHUTDOWN,
        (P.CRASHED, C.DUMP): P.CRASHED,
        (P.ACTIVE, C.MIGRATE): P.SHUT_OFF,
        (P.PAUSED, C.MIGRATE): P.SHUT_OFF,
    }
)

#: (from, to): why a guest is seen to change without a command of ours.
OBSERVED: MappingProxyType[tuple[Phase, Phase], str] = MappingProxyType(
    {
        (P.ABSENT, P.PAUSED): "under construction",
        (P.SHUT_OFF, P.PAUSED): "under construction",
        (P.ABSENT, P.ACTIVE): "created by others",
        (P.SHUT_OFF, P.ACTIVE): "started by others",
        (P.ABSENT, P.SHUT_OFF): "defined by others",
        (P.SHUT_OFF, P.ABSENT): "undefined by others",
        (P.ACTIVE, P.PAUSED): "paused by others",
        (P.PAUSED, P.ACTIVE): "unpaused by others",
        (P.ACTIVE, P.SHUTDOWN): "powers off, reboots or suspends",
        (P.PAUSED, P.SHUTDOWN): "paused after it ended",
        (P.ACTIVE, P.CRASHED): "crashes",
        (P.PAUSED, P.CRASHED): "paused after it crashed",
        (P.SHUTDOWN, P.ACTIVE): "resumed after a suspend",
        (P.SHUTDOWN, P.PAUSED): "resumed after a suspend, held",
        (P.SHUTDOWN, P.DYING): "cleaned up by the toolstack",
        (P.CRASHED, P.DYING): "cleaned up by the toolstack",
        (P.ACTIVE, P.DYING): "destroyed by others",
        (P.PAUSED, P.DYING): "destroyed by others",
        (P.DYING, P.SHUT_OFF): "gone, its definition stays",
        (P.DYING, P.ABSENT): "gone",
        (P.ACTIVE, P.SHUT_OFF): "ended between two looks",
        (P.PAUSED, P.SHUT_OFF): "ended between two looks",
        (P.SHUTDOWN, P.SHUT_OFF): "ended between two looks",
        (P.CRASHED, P.SHUT_OFF): "ended between two looks",
        (P.ACTIVE, P.ABSENT): "ended between two looks",
        (P.PAUSED, P.ABSENT): "ended between two looks",
        (P.SHUTDOWN, P.ABSENT): "ended between two looks",
        (P.CRASHED, P.ABSENT): "ended between two looks",
    }
)

_CRASHES = frozenset({ShutdownReason.CRASH, ShutdownReason.WATCHDOG})


def derive_phase(flags: RunFlags | None, reason: int | None, defined: bool) -> Phase:
    """Derive the phase. ``flags`` is None when the hypervisor does not know the guest.

    Dying outweighs shutdown, and shutdown outweighs paused: a domain may carry all three. An
    unknown reason is not a crash.
    """
    if flags is None:
        return Phase.SHUT_OFF if defined else Phase.ABSENT
    if flags & RunFlags.DYING:
        return Phase.DYING
    if flags & RunFlags.SHUTDOWN:
        return Phase.CRASHED if reason in _CRASHES else Phase.SHUTDOWN
    if flags & RunFlags.PAUSED:
        return Phase.PAUSED
    return Phase.ACTIVE


def allowed(phase: Phase, *, defined: bool = True) -> tuple[Command, ...]:
    """List what the phase allows, in the order of :class:`Command`."""
    return tuple(c for c in Command if (phase, c) in COMMANDS and _fits(phase, c, defined))


def check(
    phase: Phase,
    command: Command,
    *,
    defined: bool,
    guest: str | None = None,
) -> Phase:
    """Return the phase that the command leads to, or raise InvalidState saying what is allowed."""
    if (phase, command) not in COMMANDS or not _fits(phase, command, defined):
        names = tuple(c.value for c in allowed(phase, defined=defined))
        who = guest or "the guest"
        what = "not defined" if not _fits(phase, command, defined) else phase.value
        hint = f"; allowed: {', '.join(names)}" if names else ""
        raise InvalidState(
            f"cannot {command.value}: {who} is {what}{hint}",
            phase=phase.value,
            allowed=names,
            guest=guest,
            operation=command.value,
        )
    return target_phases(phase, command, defined=defined)


def target_phases(phase: Phase, command: Command, *, defined: bool) -> Phase:
    """Return the phase that an allowed command leads to, for a guest defined or not."""
    reached = COMMANDS[phase, command]
    if reached is Phase.SHUT_OFF and not defined and command is not Command.DEFINE:
        return Phase.ABSENT
    return reached


def observable(before: Phase, after: Phase) -> bool:
    """Say whether a guest may be seen to pass from one phase to the other without us."""
    return before is after or (before, after) in OBSERVED


def _fits(phase: Phase, command: Command, defined: bool) -> bool:
    """Undefine needs a definition; everything else is the table's word alone."""
    return command is not Command.UNDEFINE or defined
