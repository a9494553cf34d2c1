"""xl.cfg as a format: what the plugin registers, and what edits existing files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley_formats.api import Reading, Writing
from xenparley_formats.native_run import ReadLog, WriteLog
from xenparley_formats.options import check_options, yes_or_no
from xenparley_formats.text_written import apply, check_back, fresh
from xenparley_formats.without_secrets import without_secrets
from xenparley_formats.xl_read import DIALECT, EVENING, config_from_xl
from xenparley_formats.xl_write import TARGET, xl_values
from xenparley_formats.xlcfg_syntax import XlDocument, parse_xlcfg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.config import GuestConfig
    from xenparley_formats.text_document import Value

__all__ = ["apply_to_xl", "config_from_xl", "config_to_xl", "parse_xlcfg", "read", "write"]

_ARCH = "arch"


def read(data: bytes, *, source: str, strict: bool = False, options: Mapping[str, str]) -> Reading:
    """Read an xl.cfg. Option ``arch`` is the guest's architecture, which the file doesn't say.

    Raises ParseError with ``file:line``, ConfigError.
    """
    check_options(options, (_ARCH,), "xl")
    log = ReadLog(source, strict=strict)
    config = config_from_xl(parse_xlcfg(data, source), log=log, arch=options.get(_ARCH))
    return Reading(config=config, warnings=log.worded())


def write(config: GuestConfig, *, lossy: bool = False, options: Mapping[str, str]) -> Writing:
    """Write a new xl.cfg. Option ``secrets=no`` leaves passwords out.

    Raises Unrepresentable with everything that xl can't say, unless ``lossy``.
    """
    check_options(options, ("secrets",), "xl")
    if not yes_or_no(options, "secrets", True):
        config = without_secrets(config)
    log = WriteLog(TARGET)
    return log.finish(config_to_xl(config, log=log).render(), lossy=lossy)


def config_to_xl(config: GuestConfig, *, log: WriteLog | None = None) -> XlDocument:
    """Return a new document that says the guest.

    With ``log`` what can't be said is noted there and left out, else it raises Unrepresentable.
    """
    notes = log or WriteLog(TARGET)
    document = fresh(XlDocument(), xl_values(config, log=notes))
    check_back(config, lambda: config_from_xl(document), EVENING, DIALECT, notes)
    if log is None:
        notes.check(lossy=False)
    return document


def apply_to_xl(
    document: XlDocument, config: GuestConfig, *, lossy: bool = False
) -> tuple[str, ...]:
    """Change a document so that it says the guest, and nothing but what changed.

    Comments, order, spelling and keys that the model doesn't know stay. Returns warnings for what
    is left out, with ``lossy``; else raises Unrepresentable, and the document is as it was.
    """
    log = WriteLog(TARGET)

    def values(guest: GuestConfig, notes: WriteLog) -> dict[str, Value]:
        return xl_values(guest, log=notes)

    wanted = config_to_xl(config, log=log)
    warnings = log.check(lossy=lossy)
    meant = config_from_xl(wanted)
    apply(document, config, meant, lambda: config_from_xl(document), values)
    return warnings
