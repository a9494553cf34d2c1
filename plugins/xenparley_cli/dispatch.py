"""From a command's name to its run: built-in commands first, then those of plugins."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from xenparley.domain.identity import printable
from xenparley_cli.arguments import Parser, add_common
from xenparley_cli.builtin import ALIASES, COMMANDS
from xenparley_cli.context import Context
from xenparley_cli.exit_codes import OK, USAGE
from xenparley_cli.output import Output

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    """Run the command that the arguments name; its own are parsed into the same namespace."""
    if arguments.version:
        from xenparley_cli.help_text import version

        sys.stdout.write(f"{version()}\n")
        return OK
    if arguments.help or arguments.command is None:
        from xenparley_cli.help_text import overview

        text = overview(_context(arguments).plugins)
        (sys.stdout if arguments.help else sys.stderr).write(text)
        return OK if arguments.help else USAGE
    name = ALIASES.get(arguments.command, arguments.command)
    found = _find(name, arguments)
    if found is None:
        return USAGE
    summary, configure, execute = found
    parser = Parser(prog=f"xenparley {name}", description=f"{summary[:1].upper()}{summary[1:]}.")
    configure(parser)
    add_common(parser)
    parser.parse_args(arguments.rest, arguments)
    context = _context(arguments)
    try:
        return execute(context, arguments)
    finally:
        context.close()


def _context(arguments: Namespace) -> Context:
    output = Output(
        arguments.format or "table", headers=not arguments.no_headers, quiet=arguments.quiet
    )
    return Context(arguments, output)


def _find(
    name: str, arguments: Namespace
) -> tuple[str, Callable[[Any], None], Callable[[Any, Any], int]] | None:
    """Return a command's summary and its two functions; None, told on stderr: there is none."""
    builtin = COMMANDS.get(name)
    if builtin is not None:
        return (builtin.summary, *builtin.load(name))
    plugins = _context(arguments).plugins
    spec = plugins.commands.get(name)
    if spec is not None:
        return spec.summary, plugins.resolve(spec.configure), plugins.resolve(spec.run)
    from difflib import get_close_matches

    known = [*COMMANDS, *ALIASES, *plugins.commands]
    near = get_close_matches(name[:100], known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see xenparley --help"
    sys.stderr.write(f"xenparley: no command {printable(name, limit=100)!r}{hint}\n")
    for status in plugins.status:
        if status.state in ("failed", "quarantined"):
            text = f"plugin {status.name} {status.state}: {status.error}"
            sys.stderr.write(f"xenparley: {printable(text)}\n")
    return None
