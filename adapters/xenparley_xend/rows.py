"""What a guest's ``(domain ...)`` tells, and rows made of it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from xenparley.domain.errors import InvalidInput
from xenparley.domain.guest import UNLIMITED_KIB, Field, GuestRow
from xenparley.domain.identity import MAX_DOMID, canonical_uuid
from xenparley.domain.runstate import RunFlags, ShutdownReason
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import child, key_of, pairs

__all__ = ["MIB", "Seen", "row", "seen"]

#: KiB in a MiB, XenD's unit.
MIB = 1024
#: What XenD prints for a domain without a limit: 2**32 - 1 KiB, in MiB (recorded, Domain 0).
_NO_LIMIT_MIB = 4194303
_LETTERS = {
    "r": RunFlags.RUNNING,
    "b": RunFlags.BLOCKED,
    "p": RunFlags.PAUSED,
    "s": RunFlags.SHUTDOWN,
    "c": RunFlags.SHUTDOWN,
    "d": RunFlags.DYING,
}
_REASONS = {
    "poweroff": ShutdownReason.POWEROFF,
    "halt": ShutdownReason.POWEROFF,
    "reboot": ShutdownReason.REBOOT,
    "suspend": ShutdownReason.SUSPEND,
    "crash": ShutdownReason.CRASH,
    "watchdog": ShutdownReason.WATCHDOG,
}
_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
_SECONDS = re.compile(r"([0-9]{1,12})(?:\.([0-9]{0,9})[0-9]*)?", re.ASCII)
_KINDS = {"hvm": "hvm", "vmx": "hvm", "linux": "pv"}


class Seen(NamedTuple):
    """A guest as XenD tells of it; None for what it doesn't say. Sizes in KiB."""

    domid: int | None
    uuid: str | None
    name: str | None
    flags: RunFlags | None
    reason: int | None
    memory_kib: int | None
    max_kib: int | None
    vcpus: int | None
    max_vcpus: int | None
    cpu_time_ns: int | None
    virt: str | None
    autostart: bool | None


def seen(tree: Sexp) -> Seen:
    """Read a ``(domain ...)``; what it doesn't say, or not as it should, is None."""
    told = pairs(tree)
    domid = _whole(told.get("domid"))
    if domid is not None and domid > MAX_DOMID:
        domid = None
    flags, reason = _state(told) if domid is not None else (None, None)
    memory, maximum = (_whole(told.get(key)) for key in ("memory", "maxmem"))
    most = _whole(told.get("vcpus"))
    online = _whole(told.get("online_vcpus"))
    if online is None and (mask := _whole(told.get("vcpu_avail"))) is not None and most:
        online = (mask & ((1 << min(most, 64)) - 1)).bit_count()
    start = told.get("on_xend_start")
    return Seen(
        domid=domid,
        uuid=_uuid(told.get("uuid")),
        name=told.get("name") or None,
        flags=flags,
        reason=reason,
        memory_kib=None if memory is None else memory * MIB,
        max_kib=_limit(maximum),
        vcpus=online or most or None,
        max_vcpus=most or None,
        cpu_time_ns=_nanoseconds(told.get("cpu_time")),
        virt=_virt(tree),
        autostart=None if start is None else start == "start",
    )


def _limit(mib: int | None) -> int | None:
    if mib is None:
        return None
    return UNLIMITED_KIB if mib >= _NO_LIMIT_MIB else mib * MIB


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def _nanoseconds(text: str | None) -> int | None:
    """Read seconds such as ``0.041089835``."""
    match = _SECONDS.fullmatch(text) if text is not None else None
    if match is None:
        return None
    return int(match[1]) * 10**9 + int(((match[2] or "") + "0" * 9)[:9])


def _uuid(text: str | None) -> str | None:
    try:
        return None if text is None else canonical_uuid(text)
    except InvalidInput:
        # A living guest may carry anything there; it is told as not known.
        return None


def _virt(tree: Sexp) -> str | None:
    image = child(tree, "image")
    kind = key_of(image[1]) if image is not None and len(image) > 1 else None
    return _KINDS.get(kind or "linux")


def _state(told: dict[str, str]) -> tuple[RunFlags | None, int | None]:
    """Read ``-b----`` and the shutdown reason.

    Right after its creation a guest is shown without a flag, its status (3.0.4 and later) says
    that it is paused.
    """
    letters = told.get("state")
    flags = RunFlags.NONE
    reason: int | None = None
    status = told.get("status")
    if letters is None:
        if status is None:
            return None, None
    else:
        for letter in letters:
            flags |= _LETTERS.get(letter, RunFlags.NONE)
        if "c" in letters:
            reason = ShutdownReason.CRASH
    if status == "1" and not flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
        flags = flags & ~RunFlags.RUNNING | RunFlags.PAUSED
    if flags & RunFlags.SHUTDOWN and reason is None:
        word = told.get("shutdown_reason", "")
        reason = _REASONS.get(word, _whole(word))
    return flags, reason


_ABSENT = "XenD doesn't tell it of this guest"
_UNFILED = "whether a living guest is defined only the host's files tell"


def row(one: Seen, fields: Collection[Field], *, living: bool, defined: bool | None) -> GuestRow:
    """Return the row of a guest. ``defined`` None: not known."""
    told: dict[Field, object] = {
        Field.UUID: one.uuid,
        Field.NAME: one.name,
        Field.MEMORY: one.memory_kib,
        Field.MAX_MEMORY: one.max_kib,
        Field.VCPUS: one.vcpus,
        Field.MAX_VCPUS: one.max_vcpus,
        Field.VIRT: one.virt,
        Field.AUTOSTART: one.autostart,
        Field.DEFINED: defined,
    }
    if living:
        told[Field.STATE] = one.flags
        told[Field.CPU_TIME] = one.cpu_time_ns
    values: dict[Field, object] = {}
    absent: dict[Field, str] = {}
    for field in fields:
        value = told.get(field)
        if field is Field.DOMID:
            values[field] = one.domid if living else None
        elif field is Field.REASON:
            if living and one.flags is not None:
                values[field] = one.reason
            elif living:
                absent[field] = _ABSENT
        elif value is not None:
            values[field] = value
        elif field in told:
            absent[field] = _UNFILED if field is Field.DEFINED else _ABSENT
    return GuestRow(one.domid if living else None, one.uuid, values, absent or None)
