"""Reading configurations from files, and finding the format that a file is in."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from xenparley.domain.errors import AccessRefused, ConfigError, InvalidInput, NotFound, Problem
from xenparley.domain.identity import printable
from xenparley_cli.context import Context

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.plugin.spi import FormatSpec, Reading

__all__ = [
    "XEND_VERSION",
    "check_document",
    "file_argument",
    "find_format",
    "known_options",
    "read_bytes",
    "read_configuration",
    "read_document",
    "source_of",
    "version_option",
]

#: The option of xend's formats that says which xend is meant.
XEND_VERSION = "xend-config-version"

#: A configuration is a few KiB; whoever gives us more did not mean it.
MAX_BYTES = 16 << 20


def file_argument(parser: ArgumentParser) -> None:
    """Add FILE, ``--from`` and ``--strict``."""
    parser.add_argument("file", metavar="FILE", help="a file on this machine; - is stdin")
    parser.add_argument(
        "--from", metavar="FORMAT", dest="from_", help="its format; default: by its suffix, or xml"
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse what the format's reader does not know"
    )
    parser.add_argument(
        "--xend-config-version", metavar="N", dest="xend_version",
        help="for xend's formats: 1 is Xen 3.0.2 and older, 2 3.0.3, 3 3.0.4, 4 3.1 and later",
    )  # fmt: skip


def read_configuration(context: Context, arguments: Namespace) -> GuestConfig:
    """Read the configuration in FILE; tell warnings. Raises ParseError, ConfigError, NotFound."""
    reading = read_document(context, arguments, {})
    for warning in reading.warnings:
        context.output.warn(warning)
    check_document(reading, arguments)
    return reading.config  # type: ignore[no-any-return]


def check_document(reading: Reading, arguments: Namespace) -> None:
    """Raise ConfigError with everything that is wrong with the guest, and where FILE says it."""
    from xenparley.domain.config.validate import validate

    source = source_of(arguments)
    problems = validate(reading.config)
    if problems:
        locate = reading.locate or (lambda place: f"{source}: {place}" if place else source)
        raise ConfigError(tuple(Problem(locate(p.place), p.message) for p in problems))


def source_of(arguments: Namespace) -> str:
    """Return what places call FILE."""
    return "stdin" if arguments.file == "-" else str(arguments.file)


def read_document(context: Context, arguments: Namespace, options: Mapping[str, str]) -> Reading:
    """Read FILE in the format that ``--from`` or its suffix says."""
    spec = find_format(context, arguments.from_, arguments.file)
    options = {**version_option(spec, arguments), **options}
    if arguments.xend_version is not None and not hasattr(arguments, "to"):
        known_options(spec, {XEND_VERSION: arguments.xend_version})
    data = read_bytes(arguments.file)
    reader = context.plugins.resolve(spec.reader)
    reading: Reading = reader(
        data,
        source=source_of(arguments),
        strict=arguments.strict,
        options=known_options(spec, options),
    )
    return reading


def version_option(spec: FormatSpec, arguments: Namespace) -> dict[str, str]:
    """Return ``--xend-config-version`` as the option of a format that has it."""
    given = arguments.xend_version is not None and XEND_VERSION in spec.options
    return {XEND_VERSION: arguments.xend_version} if given else {}


def find_format(context: Context, name: str | None, file: str = "-") -> FormatSpec:
    """Return a format by its name; without one, by the file's suffix, else XML."""
    formats = context.plugins.formats
    if name is None:
        suffix = PurePath(file).suffix.lower()
        name = next((n for n, f in formats.items() if suffix and suffix in f.suffixes), "xml")
    if name not in formats:
        known = ", ".join(formats) or "none (is the plugin 'formats' blocked?)"
        raise InvalidInput(f"unknown format {printable(name, limit=60)!r}; known: {known}")
    return formats[name]


def known_options(spec: FormatSpec, options: Mapping[str, str]) -> dict[str, str]:
    """Check options by name. Raises InvalidInput."""
    for name in options:
        if name not in spec.options:
            known = ", ".join(spec.options) or "none"
            shown = printable(name, limit=60)
            raise InvalidInput(f"format {spec.name} has no option {shown!r}; it has: {known}")
    return dict(options)


def read_bytes(file: str) -> bytes:
    """Read a file, or stdin for ``-``; at most 16 MiB."""
    shown = printable(file, limit=300)
    try:
        if file == "-":
            if sys.stdin is None:
                raise InvalidInput("stdin is closed")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(file, "rb") as stream:  # noqa: PTH123 (a name may hold NUL: ValueError)
                data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise NotFound(f"no file {shown}") from exc
    except PermissionError as exc:
        raise AccessRefused(f"{shown}: may not be read") from exc
    except (OSError, ValueError) as exc:
        raise InvalidInput(f"{shown}: {exc}") from exc
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{shown}: more than {MAX_BYTES >> 20} MiB is no configuration")
    return data
