"""``dumpxml``, ``convert``, ``validate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from xenparley.domain.errors import ConfigError, InvalidInput, ParseError, Problem, Unrepresentable
from xenparley_cli.arguments import guest_argument
from xenparley_cli.columns import Column, chosen
from xenparley_cli.commands.images import pair
from xenparley_cli.context import Context
from xenparley_cli.documents import (
    XEND_VERSION,
    check_document,
    file_argument,
    find_format,
    known_options,
    read_document,
    version_option,
)
from xenparley_cli.exit_codes import code_of

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.plugin.spi import Writing

__all__ = [
    "configure_convert",
    "configure_dumpxml",
    "configure_validate",
    "run_convert",
    "run_dumpxml",
    "run_validate",
]


def configure_dumpxml(parser: ArgumentParser) -> None:
    """Add the arguments of ``dumpxml``."""
    guest_argument(parser)
    parser.add_argument("--to", metavar="FORMAT", default="xml", help="the format; default: xml")
    parser.add_argument("--secrets", action="store_true", help="show passwords")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--live", action="store_const", const=True, dest="live", help="of the living guest"
    )
    which.add_argument(
        "--defined", action="store_const", const=False, dest="live", help="its definition"
    )
    parser.set_defaults(live=None)
    parser.epilog = "A living guest is shown as it lives, unless --defined. It may hold passwords."


def run_dumpxml(context: Context, arguments: Namespace) -> int:
    """Print a guest's configuration, passwords only when asked for."""
    config = context.connect().config(
        context.guest(), live=arguments.live, timeout=context.timeout()
    )
    _write(context, config, arguments.to, {}, secrets=arguments.secrets, lossy=False)
    return 0


def configure_convert(parser: ArgumentParser) -> None:
    """Add the arguments of ``convert``."""
    file_argument(parser)
    parser.add_argument("--to", metavar="FORMAT", required=True, help="the format to write")
    parser.add_argument(
        "--lossy", action="store_true", help="leave out what that can't hold, and say what"
    )
    parser.add_argument("--no-secrets", action="store_true", help="leave passwords out")
    for side in ("from", "to"):
        parser.add_argument(
            f"--{side}-option", metavar="NAME=VALUE", type=pair, action="append", default=[],
            dest=f"{side}_options", help=f"a word for the format of --{side}",
        )  # fmt: skip


def run_convert(context: Context, arguments: Namespace) -> int:
    """Write a configuration in another format."""
    spec = find_format(context, arguments.to)
    if arguments.xend_version is not None:
        source = find_format(context, arguments.from_, arguments.file)
        if XEND_VERSION not in source.options:
            known_options(spec, {XEND_VERSION: arguments.xend_version})
    reading = read_document(context, arguments, dict(arguments.from_options))
    for warning in reading.warnings:
        context.output.warn(warning)
    options = {**version_option(spec, arguments), **dict(arguments.to_options)}
    _write(
        context, reading.config, arguments.to, options,
        secrets=not arguments.no_secrets, lossy=arguments.lossy,
    )  # fmt: skip
    return 0


def _write(
    context: Context,
    config: GuestConfig,
    to: str,
    options: dict[str, str],
    *,
    secrets: bool,
    lossy: bool,
) -> None:
    spec = find_format(context, to)
    known_options(spec, options)
    if "secrets" in spec.options:
        options.setdefault("secrets", "yes" if secrets else "no")
    elif not secrets:
        raise InvalidInput(f"format {spec.name} can't leave passwords out; --secrets shows them")
    writing: Writing = context.plugins.resolve(spec.writer)(config, lossy=lossy, options=options)
    for warning in writing.warnings:
        context.output.warn(warning)
    context.output.document(writing.text, references=spec.name == "xml")


_PROBLEMS = (Column("place", "PLACE"), Column("message", "PROBLEM"))


def configure_validate(parser: ArgumentParser) -> None:
    """Add the arguments of ``validate``."""
    file_argument(parser)


def run_validate(context: Context, arguments: Namespace) -> int:
    """Tell everything that is wrong with a file: a line each, its place first."""
    out = context.output
    code = 0
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    try:
        reading = read_document(context, arguments, {})
        warnings = reading.warnings
        check_document(reading, arguments)
    except (ConfigError, Unrepresentable) as exc:
        problems, code = exc.problems, code_of(exc)
    except ParseError as exc:
        problems, code = (Problem(exc.place, exc.reason),), code_of(exc)
    for warning in warnings:
        out.warn(warning)
    if out.format == "table":
        for problem in problems:
            out.line(str(problem))
        count = len(problems)
        verdict = "valid" if not code else f"{count} problem{'s' if count != 1 else ''}"
        out.message(f"{arguments.file}: {verdict}")
    else:
        columns = chosen(_PROBLEMS, arguments.columns, ("place", "message"))
        rows = [{"place": p.place, "message": p.message} for p in problems]
        extra = {"file": arguments.file, "valid": not code, "warnings": list(warnings)}
        out.rows("problems", columns, rows, extra=extra)
    return code
