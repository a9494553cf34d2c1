"""What the hypervisor says of a living domain: a set of flags and, once shut down, a reason.

``------`` (no flag at all) is normal: runnable, not on a CPU at this moment. Combinations such as
paused + blocked + shutdown are legal. Flag names are those of XEN_DOMINF_* in
xen/include/public/domctl.h (dom0_ops.h before Xen 3.0.3).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = ["RunFlags", "ShutdownReason", "reason_name", "state_letters"]


class RunFlags(IntFlag):
    """Flags of a living domain. The values are ours, not one release's bits."""

    NONE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 4
    SHUTDOWN = 8
    DYING = 16


class ShutdownReason(IntEnum):
    """SHUTDOWN_* of xen/include/public/sched.h; later releases may add more."""

    POWEROFF = 0
    REBOOT = 1
    SUSPEND = 2
    CRASH = 3
    #: Since Xen 4.2.
    WATCHDOG = 4
    #: Since Xen 4.7.
    SOFT_RESET = 5


# Position of each flag in the six letters of `xl list` and `xm list`.
_LETTERS = (
    (RunFlags.RUNNING, "r"),
    (RunFlags.BLOCKED, "b"),
    (RunFlags.PAUSED, "p"),
    (RunFlags.SHUTDOWN, "s"),
)
_REASON_LETTERS = "-rscwS"


def reason_name(reason: int | None) -> str | None:
    """Word a shutdown reason: ``poweroff``, ..., or ``reason-9`` for one that we don't know."""
    if reason is None:
        return None
    try:
        return ShutdownReason(reason).name.lower().replace("_", "-")
    except ValueError:
        return f"reason-{reason}"


def state_letters(flags: RunFlags, reason: int | None = None) -> str:
    """Write flags and reason as ``xl list`` does: six letters, ``rbps``, the reason, ``d``.

    The fifth is the shutdown reason, one of ``-rscwS``, ``?`` for an unknown one.
    """
    letters = "".join(letter if flags & flag else "-" for flag, letter in _LETTERS)
    fifth = "-"
    if flags & RunFlags.SHUTDOWN and reason is not None:
        fifth = _REASON_LETTERS[reason] if 0 <= reason < len(_REASON_LETTERS) else "?"
    return letters + fifth + ("d" if flags & RunFlags.DYING else "-")
