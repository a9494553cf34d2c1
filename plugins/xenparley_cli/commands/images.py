"""``save``, ``restore``, ``dump``, ``migrate``: what may take minutes."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from xenparley_cli.arguments import guest_argument
from xenparley_cli.commands.steering import add_wait
from xenparley_cli.context import Context

__all__ = [
    "configure_dump",
    "configure_migrate",
    "configure_restore",
    "configure_save",
    "run_dump",
    "run_migrate",
    "run_restore",
    "run_save",
]

#: Memory is written to a disk or sent over a network.
IMAGE_S = 3600.0


def configure_save(parser: ArgumentParser) -> None:
    """Add the arguments of ``save``."""
    guest_argument(parser)
    parser.add_argument("path", metavar="PATH", help="a new file, an absolute path on the Xen host")
    add_wait(parser, IMAGE_S)


def run_save(context: Context, arguments: Namespace) -> int:
    """Save a guest and end it."""
    outcome = context.connect().save(
        context.guest(), arguments.path, wait=arguments.wait, timeout=context.timeout(IMAGE_S)
    )
    return context.outcome(outcome, "saved", "being saved")


def configure_restore(parser: ArgumentParser) -> None:
    """Add the arguments of ``restore``."""
    parser.add_argument("path", metavar="PATH", help="the file, an absolute path on the Xen host")
    parser.add_argument("--paused", action="store_true", help="leave it paused")
    add_wait(parser, IMAGE_S)


def run_restore(context: Context, arguments: Namespace) -> int:
    """Bring a saved guest back."""
    outcome = context.connect().restore(
        arguments.path,
        paused=arguments.paused,
        wait=arguments.wait,
        timeout=context.timeout(IMAGE_S),
    )
    return context.outcome(outcome, "paused" if arguments.paused else "running", "being restored")


def configure_dump(parser: ArgumentParser) -> None:
    """Add the arguments of ``dump``."""
    guest_argument(parser)
    parser.add_argument("path", metavar="PATH", help="a file, an absolute path on the Xen host")
    parser.add_argument("--live", action="store_true", help="don't pause the guest meanwhile")


def run_dump(context: Context, arguments: Namespace) -> int:
    """Write a core dump."""
    outcome = context.connect().dump(
        context.guest(), arguments.path, live=arguments.live, timeout=context.timeout(IMAGE_S)
    )
    return context.outcome(outcome, "dumped")


def configure_migrate(parser: ArgumentParser) -> None:
    """Add the arguments of ``migrate``."""
    guest_argument(parser)
    parser.add_argument("destination", metavar="DESTINATION", help="the other host")
    parser.add_argument("--no-live", action="store_true", help="stop the guest meanwhile")
    parser.add_argument(
        "--option", metavar="NAME=VALUE", type=pair, action="append", default=[], dest="options",
        help="a word for the channel: port, ssl (XenD), ssh (xl)",
    )  # fmt: skip
    add_wait(parser, IMAGE_S)


def run_migrate(context: Context, arguments: Namespace) -> int:
    """Move a guest to another host."""
    outcome = context.connect().migrate(
        context.guest(),
        arguments.destination,
        live=not arguments.no_live,
        options=dict(arguments.options),
        wait=arguments.wait,
        timeout=context.timeout(IMAGE_S),
    )
    return context.outcome(outcome, "moved", "being moved")


def pair(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"not NAME=VALUE: {text!r}")
    return name, value
