"""``define``, ``undefine``, ``autostart``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from xenparley_cli.arguments import guest_argument
from xenparley_cli.columns import Column
from xenparley_cli.context import Context
from xenparley_cli.documents import file_argument, read_configuration

__all__ = [
    "configure_autostart",
    "configure_define",
    "configure_undefine",
    "run_autostart",
    "run_define",
    "run_undefine",
]


def configure_define(parser: ArgumentParser) -> None:
    """Add the arguments of ``define``."""
    file_argument(parser)


def run_define(context: Context, arguments: Namespace) -> int:
    """Define a guest."""
    config = read_configuration(context, arguments)
    ref = context.connect().define(config, timeout=context.timeout())
    if context.output.format == "table":
        context.output.message(f"{ref.name} is defined ({ref.uuid})")
    else:
        columns = [Column("uuid", "UUID"), Column("name", "NAME")]
        context.output.record("defined", columns, {"uuid": ref.uuid, "name": ref.name})
    return 0


def configure_undefine(parser: ArgumentParser) -> None:
    """Add the arguments of ``undefine``."""
    guest_argument(parser)


def run_undefine(context: Context, arguments: Namespace) -> int:
    """Remove a definition; a living guest goes on."""
    context.connect().undefine(context.guest(), timeout=context.timeout())
    context.output.message(f"{arguments.guest} is defined no more")
    return 0


def configure_autostart(parser: ArgumentParser) -> None:
    """Add the arguments of ``autostart``."""
    guest_argument(parser)
    parser.add_argument("--off", action="store_true", help="don't start it with the host")


def run_autostart(context: Context, arguments: Namespace) -> int:
    """Have the host start a guest when it boots, or not."""
    context.connect().set_autostart(context.guest(), not arguments.off, timeout=context.timeout())
    words = "is not started" if arguments.off else "is started"
    context.output.message(f"{arguments.guest} {words} when the host boots")
    return 0
