"""``host``, ``channels``, ``explain``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import InvalidInput, NoChannel
from xenparley.domain.guest import Field
from xenparley.domain.identity import printable
from xenparley.negotiation.capability import SPECS, Capability
from xenparley_cli.arguments import names
from xenparley_cli.columns import Column, chosen, mib, plain
from xenparley_cli.context import Context
from xenparley_cli.exit_codes import code_of

if TYPE_CHECKING:
    from xenparley.application.channel import ChannelStatus

__all__ = [
    "configure_channels",
    "configure_explain",
    "configure_host",
    "run_channels",
    "run_explain",
    "run_host",
]


def _mhz(khz: Any) -> str:
    return plain(None if khz is None else round(khz / 1000))


_HOST = (
    Column("hostname", "Host name"),
    Column("version", "Xen"),
    Column("capabilities", "Built as"),
    Column("machine", "Machine"),
    Column("cpus", "CPUs"),
    Column("cpu_khz", "MHz", show=_mhz),
    Column("nodes", "NUMA nodes"),
    Column("sockets", "Sockets each"),
    Column("cores", "Cores each"),
    Column("threads", "Threads each"),
    Column("memory_kib", "Memory (MiB)", show=mib),
    Column("free_memory_kib", "Free (MiB)", show=mib),
    Column("claimed_memory_kib", "Claimed (MiB)", show=mib),
    Column("scheduler", "Scheduler"),
    Column("changeset", "Changeset"),
    Column("commandline", "Command line"),
    Column("build_id", "Build id"),
    Column("xend_config_format", "XenD's format"),
)


def configure_host(parser: ArgumentParser) -> None:
    """Add nothing: ``host`` has no arguments of its own."""


def run_host(context: Context, arguments: Namespace) -> int:
    """Show facts about the host; a table leaves out what isn't known."""
    info = context.connect().host_info(timeout=context.timeout())
    row = {column.key: getattr(info, column.key) for column in _HOST}
    row["version"] = None if info.version is None else str(info.version)
    row["sources"] = dict(info.sources)
    columns = chosen(_HOST, arguments.columns, [column.key for column in _HOST])
    if context.output.format == "table" and arguments.columns is None:
        columns = [column for column in columns if row[column.key] is not None]
    context.output.record("host", columns, row, keep=("sources",))
    return 0


_CHANNELS = (
    Column("name", "CHANNEL"),
    Column("state", "STATE", style=lambda s: {"available": "32", "refused": "2"}.get(s, "33")),
    Column("version", "VERSION", shrink=True),
    Column("summary", "SUMMARY", shrink=True),
    Column("reason", "REASON", shrink=True),
    Column("offers", "OFFERS", shrink=True),
)


def configure_channels(parser: ArgumentParser) -> None:
    """Add nothing: ``channels`` has no arguments of its own."""
    parser.epilog = f"columns: {', '.join(column.key for column in _CHANNELS)}"


def run_channels(context: Context, arguments: Namespace) -> int:
    """List the channels; with none available they are listed too, and the exit code says so."""
    code = 0
    try:
        statuses: Iterable[ChannelStatus] = context.connect().channels()
        rows = [
            {
                "name": s.name,
                "state": s.state,
                "version": s.version,
                "summary": s.summary,
                "reason": s.reason,
                "offers": [offer.capability.value for offer in s.offers],
                "withheld": {w.capability.value: w.reason for w in s.withheld},
                "facts": dict(s.facts),
            }
            for s in statuses
        ]
    except NoChannel as exc:
        if not exc.attempts:
            raise
        code = code_of(exc)
        rows = [
            {"name": a.channel, "state": "unavailable", "reason": a.reason} for a in exc.attempts
        ]
        context.output.warn("no channel is available")
    default: tuple[str, ...] = ("name", "state", "version", "reason")
    if context.output.format != "table":
        default = tuple(column.key for column in _CHANNELS)
    columns = chosen(_CHANNELS, arguments.columns, default)
    context.output.rows("channels", columns, rows, keep=("withheld", "facts"))
    return code


_VERDICTS = (
    Column("channel", "CHANNEL"),
    Column("chosen", "CHOSEN", style=lambda chosen: "32" if chosen else ""),
    Column("authority", "AUTHORITY"),
    Column("cost_us", "COST(us)", right=True),
    Column("fields", "FIELDS", shrink=True),
    Column("reason", "REASON", shrink=True),
)


def configure_explain(parser: ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument("capability", metavar="CAPABILITY", help="what is to be done; see below")
    parser.add_argument(
        "--fields", type=names, metavar="A,B", help="for listings: the fields that are asked for"
    )
    parser.add_argument("--force", action="store_true", help="as with destroy --force")
    width = max(len(capability.value) for capability in Capability)
    lines = [f"  {c.value:<{width}}  {SPECS[c].summary}" for c in Capability]
    parser.epilog = "capabilities:\n" + "\n".join(lines)


def run_explain(context: Context, arguments: Namespace) -> int:
    """Say who would serve something, and why not the others. Nothing is sent."""
    capability = _capability(arguments.capability)
    fields = None if arguments.fields is None else [_field(name) for name in arguments.fields]
    explanation = context.connect().explain(capability, fields, force=arguments.force)
    rows = [
        {
            "channel": v.channel,
            "chosen": v.chosen,
            "authority": v.authority,
            "cost_us": None if v.cost_us is None else round(v.cost_us, 1),
            "fields": [field.value for field in v.fields],
            "reason": v.reason,
        }
        for v in explanation.verdicts
    ]
    default = [c.key for c in _VERDICTS if c.key != "fields" or any(r["fields"] for r in rows)]
    if context.output.format != "table":
        default = [column.key for column in _VERDICTS]
    columns = chosen(_VERDICTS, arguments.columns, default)
    missing = {field.value: reason for field, reason in explanation.missing.items()}
    context.output.rows(
        "verdicts",
        columns,
        rows,
        extra={
            "capability": capability.value,
            "chosen": [channel for channel, _ in explanation.chosen],
            "missing": missing,
        },
    )
    for name, reason in missing.items():
        context.output.message(f"{name} would be missing: {reason}")
    if not explanation.chosen:
        context.output.message(f"no channel would serve {capability.value}")
    return 0


def _capability(text: str) -> Capability:
    aliases = {"list": "list-live", "info": "find-live", "host": "host-info"}
    try:
        return Capability(aliases.get(text, text))
    except ValueError as exc:
        from difflib import get_close_matches

        known = [capability.value for capability in Capability]
        near = get_close_matches(text[:100], known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see xenparley explain --help"
        shown = printable(text, limit=60)
        raise InvalidInput(f"unknown capability {shown!r}; {hint}") from exc


def _field(text: str) -> Field:
    try:
        return Field(text.replace("-", "_"))
    except ValueError as exc:
        known = ", ".join(field.value for field in Field)
        shown = printable(text, limit=60)
        raise InvalidInput(f"unknown field {shown!r}; known: {known}") from exc
