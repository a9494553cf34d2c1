"""``list``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from xenparley.domain.guest import Field, GuestInfo
from xenparley.domain.runstate import reason_name, state_letters
from xenparley_cli.columns import Column, chosen, mib, seconds
from xenparley_cli.context import Context

__all__ = ["COLUMNS", "configure_list", "guest_row", "run_list"]

_COLORS = {"active": "32", "paused": "33", "crashed": "31", "dying": "31", "shut off": "2"}


def _color(phase: Any) -> str:
    return _COLORS.get(phase, "")


COLUMNS = (
    Column("domid", "ID", right=True),
    Column("name", "NAME", needs=("name",), shrink=True),
    Column("uuid", "UUID", needs=("uuid",)),
    Column("phase", "STATE", needs=("state", "reason"), style=_color, trusted=True),
    Column("state", "FLAGS", needs=("state", "reason"), trusted=True),
    Column("reason", "REASON", needs=("reason",), trusted=True),
    Column("memory_kib", "MEM(MiB)", show=mib, right=True, needs=("memory_kib",)),
    Column("max_memory_kib", "MAX(MiB)", show=mib, right=True, needs=("max_memory_kib",)),
    Column("vcpus", "VCPUS", right=True, needs=("vcpus",)),
    Column("max_vcpus", "MAXVCPUS", right=True, needs=("max_vcpus",)),
    Column("cpu_time_ns", "TIME(s)", show=seconds, right=True, needs=("cpu_time_ns",)),
    Column("virt", "VIRT", needs=("virt",)),
    Column("defined", "DEFINED", needs=("defined",)),
    Column("autostart", "AUTOSTART", needs=("autostart",)),
)
_TABLE = ("domid", "name", "phase", "memory_kib", "vcpus", "cpu_time_ns")
_LIVE = tuple(c.key for c in COLUMNS if c.key not in ("defined", "autostart"))


def configure_list(parser: ArgumentParser) -> None:
    """Add the arguments of ``list``."""
    parser.add_argument("-a", "--all", action="store_true", help="defined guests too")
    parser.epilog = f"columns: {', '.join(column.key for column in COLUMNS)}"


def guest_row(guest: GuestInfo) -> dict[str, Any]:
    """Return a guest as JSON has it."""
    phase = guest.phase
    return {
        "domid": guest.domid,
        "name": guest.name,
        "uuid": guest.uuid,
        "phase": None if phase is None else phase.value,
        "state": None if guest.state is None else state_letters(guest.state, guest.reason),
        "reason": reason_name(guest.reason),
        "memory_kib": guest.memory_kib,
        "max_memory_kib": guest.max_memory_kib,
        "vcpus": guest.vcpus,
        "max_vcpus": guest.max_vcpus,
        "cpu_time_ns": guest.cpu_time_ns,
        "virt": guest.virt,
        "defined": guest.defined,
        "autostart": guest.autostart,
        "missing": {field.value: reason for field, reason in guest.missing.items()},
        "sources": {field.value: channel for field, channel in guest.sources.items()},
    }


def run_list(context: Context, arguments: Namespace) -> int:
    """List guests. Only what the columns need is asked of the host."""
    out = context.output
    default: tuple[str, ...] = _TABLE
    if out.format != "table":
        default = tuple(c.key for c in COLUMNS) if arguments.all else _LIVE
    columns = chosen(COLUMNS, arguments.columns, default)
    # What says whether a guest is living costs nothing more than the listing itself.
    fields = {Field(need) for column in columns for need in column.needs}
    listing = context.connect().list(
        tuple(f for f in Field if f in fields), all=arguments.all, timeout=context.timeout()
    )
    out.rows(
        "guests",
        columns,
        map(guest_row, listing),
        extra={
            "observed_at": listing.observed_at,
            "conflicts": list(listing.conflicts),
            "incomplete": dict(listing.incomplete),
        },
        keep=("missing",),
    )
    for conflict in listing.conflicts:
        out.warn(conflict)
    for channel, reason in listing.incomplete.items():
        out.warn(f"the listing may be incomplete: {channel}: {reason}")
    return 0
