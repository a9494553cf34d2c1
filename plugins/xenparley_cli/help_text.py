"""The text of ``xenparley --help`` and ``--version``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley_cli.arguments import Parser, add_common
from xenparley_cli.builtin import ALIASES, COMMANDS, GROUPS

if TYPE_CHECKING:
    from xenparley.plugin.registry import Plugins

__all__ = ["overview", "version"]


def version() -> str:
    """Return ``xenparley VERSION``."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return f"xenparley {installed('xenparley')}"
    except PackageNotFoundError:
        return "xenparley (not installed)"


def overview(plugins: Plugins) -> str:
    """Return all commands by group, those of plugins too, and the options of every command."""
    parser = Parser(prog="xenparley", add_help=False)
    add_common(parser)
    lines = [
        "usage: xenparley [-c URI] COMMAND ...",
        "",
        "Steer the guests of a Xen host, by whatever channels it offers.",
        "`xenparley COMMAND --help` tells more; `xenparley demo` needs no Xen.",
    ]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        for name, command in COMMANDS.items():
            if command.group == group:
                also = [alias for alias, meant in ALIASES.items() if meant == name]
                shown = f" (or {', '.join(also)})" if also else ""
                lines.append(f"  {name:<15} {command.summary}{shown}")
    theirs = [spec for name, spec in plugins.commands.items() if name not in COMMANDS]
    if theirs:
        lines += ["", "of plugins:"]
        lines += [f"  {spec.name:<15} {spec.summary}" for spec in theirs]
    options = parser.format_help().partition("\n\n")[2]
    return "\n".join(lines) + "\n\n" + options
