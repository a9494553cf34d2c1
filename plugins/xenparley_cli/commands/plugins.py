"""``plugins``: needs no host."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from xenparley_cli.builtin import ALIASES, COMMANDS
from xenparley_cli.columns import Column, chosen
from xenparley_cli.context import Context

__all__ = ["configure_plugins", "run_plugins"]

_PLUGINS = (
    Column("name", "PLUGIN"),
    Column("distribution", "DISTRIBUTION"),
    Column("version", "VERSION"),
    Column("state", "STATE", style=lambda s: {"loaded": "32", "blocked": "2"}.get(s, "31")),
    Column("phase", "PHASE"),
    Column("provides", "PROVIDES", shrink=True),
    Column("error", "ERROR", shrink=True),
)


def configure_plugins(parser: ArgumentParser) -> None:
    """Add the arguments of ``plugins``."""
    parser.add_argument(
        "--check", action="store_true", help="exit with 14 when a plugin is broken or in conflict"
    )


def run_plugins(context: Context, arguments: Namespace) -> int:
    """List the plugins."""
    out = context.output
    statuses = context.plugins.status
    columns = chosen(_PLUGINS, arguments.columns, [column.key for column in _PLUGINS])
    if out.format == "table" and arguments.columns is None:
        # Most of the time there is nothing to say in these two.
        columns = [
            c
            for c in columns
            if c.key not in ("phase", "error") or any(getattr(s, c.key) for s in statuses)
        ]
    keys = [column.key for column in _PLUGINS]
    rows = [{key: getattr(status, key) for key in keys} for status in statuses]
    for row in rows:
        row["provides"] = list(row["provides"])
    out.rows("plugins", columns, rows)
    for name in context.plugins.commands:
        if name in COMMANDS or name in ALIASES:
            out.warn(f"a plugin's command {name!r} is hidden by xenparley's own")
    broken = any(s.state in ("failed", "quarantined") for s in statuses)
    return 14 if broken and arguments.check else 0
