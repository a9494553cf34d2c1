"""The command line's grammar: options that every command knows, then each command's own.

Options stand before or after the command. A command's own parser is made when it is asked for;
the others are not even imported.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from typing import Any, NoReturn

from xenparley.domain.identity import printable
from xenparley_cli.exit_codes import USAGE

__all__ = ["Parser", "add_common", "guest_argument", "main_parser", "names", "seconds"]


class Parser(argparse.ArgumentParser):
    """argparse's, without abbreviations, and with messages that are safe for terminals."""

    def __init__(self, **arguments: Any) -> None:
        arguments.setdefault("formatter_class", _formatter)
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        """Print usage and message on stderr; exit with the code for a wrong command line."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {printable(message)}\n")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Make a formatter; argparse makes one for each option, and would import shutil for that."""
    return argparse.RawDescriptionHelpFormatter(prog, width=_help_width())


def _help_width() -> int:
    """Return how wide help may be: as wide as the terminal, but no wider than text is read."""
    try:
        columns = int(os.environ.get("COLUMNS", "")) or os.get_terminal_size().columns
    except (ValueError, OSError):
        columns = 80
    return max(40, min(columns, 100) - 2)


def main_parser() -> Parser:
    """Return the parser of what stands before the command."""
    parser = Parser(prog="xenparley", usage="xenparley [OPTION...] COMMAND ...", add_help=False)
    add_common(parser)
    parser.add_argument("-h", "--help", action="store_true", dest="help")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("command", nargs="?")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    parser.set_defaults(
        uri=None, format=None, columns=None, no_headers=False, quiet=False, timeout=None,
        channels=None, disable=(), prefer=(), insecure=False, strict_plugins=False, debug=False,
    )  # fmt: skip
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command knows."""
    where = parser.add_argument_group("which host, and how")
    absent = argparse.SUPPRESS
    where.add_argument(
        "-c", "--connect", metavar="URI", dest="uri", default=absent,
        help="the host: xen:/// (this machine), http://HOST:8000/, sim:PATH, ...; "
        "default: $XENPARLEY_URI, else xen:///",
    )  # fmt: skip
    where.add_argument(
        "--channels", metavar="A,B", type=names, default=absent, help="use these channels only"
    )
    where.add_argument(
        "--disable", metavar="A,B", type=names, default=absent, help="don't use these channels"
    )
    where.add_argument(
        "--prefer", metavar="A,B", type=names, default=absent, help="use these channels first"
    )
    where.add_argument(
        "--insecure", action="store_true", default=absent, help="allow plain HTTP to other hosts"
    )
    where.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, default=absent,
        help="how long the command may take; default: 30, or what the command's help says",
    )  # fmt: skip
    how = parser.add_argument_group("output")
    how.add_argument("--format", choices=("table", "json", "csv"), default=absent)
    how.add_argument(
        "--columns", metavar="A,B", default=absent, help="which columns, in this order; or all"
    )
    how.add_argument("--no-headers", action="store_true", default=absent, help="no line of titles")
    how.add_argument(
        "-q", "--quiet", action="store_true", default=absent, help="no messages, only problems"
    )
    how.add_argument(
        "--strict-plugins", action="store_true", default=absent,
        help="a broken plugin is an error (also $XENPARLEY_STRICT)",
    )  # fmt: skip
    how.add_argument(
        "--debug", action="store_true", default=absent, help="log, and show where errors come from"
    )


def guest_argument(parser: argparse.ArgumentParser) -> None:
    """Add GUEST and ``--by``."""
    parser.add_argument("guest", metavar="GUEST", help="a name, UUID or domain id")
    parser.add_argument(
        "--by", choices=("any", "name", "uuid", "id"), default="any",
        help="what GUEST is; any: a name first, and an error when it may be two guests",
    )  # fmt: skip


def names(text: str) -> tuple[str, ...]:
    """Split ``a,b``."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 10**9:
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return value
