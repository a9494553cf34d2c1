"""Domain flags and shutdown reasons, by release.

Bits 0 to 5 never moved; 6 and up did (``xen/include/public/domctl.h`` of each release).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "DYING",
    "HVM",
    "PAUSED",
    "SHUTDOWN",
    "SHUTDOWN_CRASH",
    "SHUTDOWN_REASONS",
    "DomainFlags",
    "decode_flags",
    "encode_flags",
    "reason_name",
    "state_text",
]

DYING: Final = 1
HVM: Final = 2
SHUTDOWN: Final = 4
PAUSED: Final = 8
_BLOCKED: Final = 16
_RUNNING: Final = 32
_DEBUGGED: Final = 64

SHUTDOWN_CRASH: Final = 3
#: Names of the shutdown reasons (sched.h); watchdog is from 4.1, soft_reset from 4.7.
SHUTDOWN_REASONS: Final[dict[int, str]] = {
    0: "poweroff",
    1: "reboot",
    2: "suspend",
    3: "crash",
    4: "watchdog",
    5: "soft_reset",
}


class DomainFlags(NamedTuple):
    """What a domain's flags word says. The bits are independent; none set is normal.

    ``shutdown_reason`` is a number, None unless ``shutdown``; ``cpu`` the CPU that it last ran
    on (3.0 to 3.4 only). A bit that the release doesn't have is False.
    """

    dying: bool
    hvm: bool
    shutdown: bool
    paused: bool
    blocked: bool
    running: bool
    debugged: bool
    pvh: bool
    xs_domain: bool
    hap: bool
    shutdown_reason: int | None
    cpu: int | None


def _moved(release: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the bits of (pvh, xs_domain, hap) in a release, 0 for what it hasn't got."""
    if release >= (4, 9):
        return 0, 0x80, 0x100
    if release >= (4, 8):
        return 0x80, 0x100, 0x200
    if release >= (4, 7):
        return 0x80, 0x100, 0
    if release >= (4, 4):
        return 0x80, 0, 0
    return 0, 0, 0


def decode_flags(flags: int, release: tuple[int, ...]) -> DomainFlags:
    """Read a flags word as the release meant it."""
    pvh, xs_domain, hap = _moved(release)
    shutdown = bool(flags & SHUTDOWN)
    return DomainFlags(
        dying=bool(flags & DYING),
        hvm=bool(flags & HVM) and release >= (3, 0, 4),
        shutdown=shutdown,
        paused=bool(flags & PAUSED),
        blocked=bool(flags & _BLOCKED),
        running=bool(flags & _RUNNING),
        debugged=bool(flags & _DEBUGGED) and release >= (3, 2),
        pvh=bool(flags & pvh),
        xs_domain=bool(flags & xs_domain),
        hap=bool(flags & hap),
        # A domain that isn't shut down has all ones here in newer releases.
        shutdown_reason=(flags >> 16) & 0xFF if shutdown else None,
        cpu=(flags >> 8) & 0xFF if release < (4, 0) else None,
    )


def encode_flags(flags: DomainFlags, release: tuple[int, ...]) -> int:
    """Write the flags word of a release; what it has no bit for is left out."""
    pvh, xs_domain, hap = _moved(release)
    word = (
        (DYING if flags.dying else 0)
        | (HVM if flags.hvm and release >= (3, 0, 4) else 0)
        | (SHUTDOWN if flags.shutdown else 0)
        | (PAUSED if flags.paused else 0)
        | (_BLOCKED if flags.blocked else 0)
        | (_RUNNING if flags.running else 0)
        | (_DEBUGGED if flags.debugged and release >= (3, 2) else 0)
        | (pvh if flags.pvh else 0)
        | (xs_domain if flags.xs_domain else 0)
        | (hap if flags.hap else 0)
    )
    if release < (4, 0):
        word |= (flags.cpu or 0) << 8
    if flags.shutdown:
        return word | (flags.shutdown_reason or 0) << 16
    return word | (0xFFFF0000 if release >= (4, 0) else 0)


def reason_name(reason: int) -> str:
    """Return the name of a shutdown reason; one that isn't known stays a number."""
    return SHUTDOWN_REASONS.get(reason, str(reason))


def state_text(flags: DomainFlags) -> str:
    """Return the six letters that xm and xl print (``r-----``, ``-b----``, ``------``...)."""
    crashed = flags.shutdown_reason == SHUTDOWN_CRASH
    shown = (
        flags.running,
        flags.blocked,
        flags.paused,
        flags.shutdown and not crashed,
        flags.shutdown and crashed,
        flags.dying,
    )
    return "".join(letter if on else "-" for letter, on in zip("rbpscd", shown, strict=True))
