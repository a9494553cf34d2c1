"""xend's S-expressions as a format: what the plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, ParseError
from xenparley.domain.identity import printable
from xenparley_formats.api import Reading, Writing
from xenparley_formats.native_run import ReadLog, WriteLog
from xenparley_formats.options import check_options, yes_or_no
from xenparley_formats.sxp_read import VERSIONS, config_from_sxp
from xenparley_formats.sxp_write import TARGET, config_to_sxp
from xenparley_formats.without_secrets import without_secrets
from xenparley_wire.sxp import Sexp, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.config import GuestConfig

__all__ = ["DEFAULT_VERSION", "VERSION", "read", "write"]

#: Name of the option that says xend's ``xend_config_format``.
VERSION = "xend-config-version"
DEFAULT_VERSION = 4


def _version(options: Mapping[str, str]) -> int:
    said = options.get(VERSION)
    if said is None:
        return DEFAULT_VERSION
    if said not in [str(version) for version in VERSIONS]:
        raise InvalidInput(f"option {VERSION} is 1 to 4, not {printable(said, limit=40)!r}")
    return int(said)


def _parse(data: bytes, log: ReadLog) -> Sexp:
    """Read the document; what libvirt's reader forgives is a warning, unless the log is strict."""
    try:
        return loads(data)
    except ParseError as exc:
        if not log.strict:
            try:
                tree = loads(data, lenient=True)
            except ParseError:
                pass
            else:
                log.doubt(exc.place, f"{exc.reason}; read as libvirt reads it")
                return tree
        place = f"{log.source}: {exc.place}" if exc.place else log.source
        raise ParseError(exc.reason, place=place, line=exc.line, offset=exc.offset) from exc


def read(data: bytes, *, source: str, strict: bool = False, options: Mapping[str, str]) -> Reading:
    """Read a ``(domain ...)`` or ``(vm ...)`` expression.

    Option ``xend-config-version`` is 1 to 4. Raises ParseError with the byte offset, ConfigError.
    """
    check_options(options, (VERSION,), "sxp")
    version = _version(options)
    log = ReadLog(source, strict=strict)
    config = config_from_sxp(_parse(data, log), version=version, log=log)
    return Reading(config=config, warnings=log.worded())


def write(config: GuestConfig, *, lossy: bool = False, options: Mapping[str, str]) -> Writing:
    """Write a ``(vm ...)`` expression on one line. Option ``secrets=no`` leaves passwords out.

    Raises Unrepresentable with everything that this version of xend can't say, unless ``lossy``.
    """
    check_options(options, (VERSION, "secrets"), "sxp")
    version = _version(options)
    log = WriteLog(TARGET.format(version))
    if not yes_or_no(options, "secrets", True):
        config = without_secrets(config)
    tree = config_to_sxp(config, version=version, log=log)
    return log.finish(f"{dumps(tree)}\n", lossy=lossy)
