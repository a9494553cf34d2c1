"""``rename``, ``set-memory``, ``set-max-memory``, ``set-vcpus``."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from xenparley_cli.arguments import guest_argument
from xenparley_cli.context import Context

__all__ = [
    "configure_rename",
    "configure_set_max_memory",
    "configure_set_memory",
    "configure_set_vcpus",
    "kib",
    "run_rename",
    "run_set_max_memory",
    "run_set_memory",
    "run_set_vcpus",
]

_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT])(?:i?B)?", re.IGNORECASE)
_FACTORS = {"K": 1, "M": 1 << 10, "G": 1 << 20, "T": 1 << 30}


def kib(text: str) -> int:
    """Read a size with its unit, ``512M`` or ``4GiB``; return KiB.

    Without a unit it is refused: xl and xm mean MiB then, virsh KiB.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ArgumentTypeError(f"not a size with its unit, such as 512M or 4G: {text!r}")
    return int(match[1]) * _FACTORS[match[2].upper()]


def configure_rename(parser: ArgumentParser) -> None:
    """Add the arguments of ``rename``."""
    guest_argument(parser)
    parser.add_argument("name", metavar="NAME", help="the new name")


def run_rename(context: Context, arguments: Namespace) -> int:
    """Give a guest another name."""
    outcome = context.connect().rename(context.guest(), arguments.name, timeout=context.timeout())
    return context.outcome(outcome, "renamed", f"renamed to {arguments.name}")


def configure_set_memory(parser: ArgumentParser) -> None:
    """Add the arguments of ``set-memory``."""
    guest_argument(parser)
    parser.add_argument("size", metavar="SIZE", type=kib, help="with its unit: 512M, 4G, 65536K")
    parser.epilog = "The guest's balloon gets there in its own time; `info` shows how far it is."


def run_set_memory(context: Context, arguments: Namespace) -> int:
    """Ask a guest's balloon for a size."""
    context.connect().set_memory(context.guest(), arguments.size, timeout=context.timeout())
    context.output.message(f"{arguments.guest}: asked for {arguments.size} KiB")
    return 0


def configure_set_max_memory(parser: ArgumentParser) -> None:
    """Add the arguments of ``set-max-memory``."""
    guest_argument(parser)
    parser.add_argument("size", metavar="SIZE", type=kib, help="with its unit: 512M, 4G, 65536K")


def run_set_max_memory(context: Context, arguments: Namespace) -> int:
    """Limit a guest's memory."""
    context.connect().set_max_memory(context.guest(), arguments.size, timeout=context.timeout())
    context.output.message(f"{arguments.guest}: at most {arguments.size} KiB")
    return 0


def configure_set_vcpus(parser: ArgumentParser) -> None:
    """Add the arguments of ``set-vcpus``."""
    guest_argument(parser)
    parser.add_argument("count", metavar="COUNT", type=int, help="how many are to be online")


def run_set_vcpus(context: Context, arguments: Namespace) -> int:
    """Set how many virtual CPUs are online."""
    context.connect().set_vcpus(context.guest(), arguments.count, timeout=context.timeout())
    context.output.message(f"{arguments.guest}: asked for {arguments.count} virtual CPUs online")
    return 0
