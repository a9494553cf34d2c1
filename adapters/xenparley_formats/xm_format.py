"""XM files as a format: what the plugin registers, and what edits existing files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley_formats.api import Reading, Writing
from xenparley_formats.native_run import ReadLog, WriteLog
from xenparley_formats.options import check_options, yes_or_no
from xenparley_formats.text_written import apply, check_back, fresh
from xenparley_formats.without_secrets import without_secrets
from xenparley_formats.xm_read import DIALECT, VERSIONS, config_from_xm, evening
from xenparley_formats.xm_syntax import XmDocument, parse_xm
from xenparley_formats.xm_write import TARGET, xm_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.config import GuestConfig
    from xenparley_formats.text_document import Value

__all__ = ["apply_to_xm", "config_from_xm", "config_to_xm", "parse_xm", "read", "write"]

_VERSION = "xend-config-version"
_ARCH = "arch"


def _version(options: Mapping[str, str]) -> int:
    said = options.get(_VERSION, "4")
    if said not in [str(version) for version in VERSIONS]:
        raise InvalidInput(f"option {_VERSION} is 1 to 4, not {printable(said, limit=40)!r}")
    return int(said)


def _check_version(version: int) -> None:
    if version not in VERSIONS:
        raise InvalidInput(f"xend's configuration formats are 1 to 4, not {version}")


def read(data: bytes, *, source: str, strict: bool = False, options: Mapping[str, str]) -> Reading:
    """Read an XM file, which is never executed.

    Options: ``xend-config-version``, 1 to 4; ``arch``, the guest's architecture, which the file
    doesn't say. Raises ParseError with ``file:line``, ConfigError.
    """
    check_options(options, (_VERSION, _ARCH), "xm")
    version = _version(options)
    log = ReadLog(source, strict=strict)
    document = parse_xm(data, source)
    config = config_from_xm(document, version=version, log=log, arch=options.get(_ARCH))
    return Reading(config=config, warnings=log.worded())


def write(config: GuestConfig, *, lossy: bool = False, options: Mapping[str, str]) -> Writing:
    """Write a new XM file. Option ``secrets=no`` leaves passwords out.

    Raises Unrepresentable with everything that this version of xm can't say, unless ``lossy``.
    """
    check_options(options, (_VERSION, "secrets"), "xm")
    version = _version(options)
    if not yes_or_no(options, "secrets", True):
        config = without_secrets(config)
    log = WriteLog(TARGET.format(version))
    return log.finish(config_to_xm(config, version=version, log=log).render(), lossy=lossy)


def config_to_xm(
    config: GuestConfig, *, version: int = 4, log: WriteLog | None = None
) -> XmDocument:
    """Return a new document that says the guest.

    With ``log`` what can't be said is noted there and left out, else it raises Unrepresentable.
    """
    _check_version(version)
    notes = log or WriteLog(TARGET.format(version))
    document = fresh(XmDocument(), xm_values(config, version=version, log=notes))
    even = evening(version)
    check_back(config, lambda: config_from_xm(document, version=version), even, DIALECT, notes)
    if log is None:
        notes.check(lossy=False)
    return document


def apply_to_xm(
    document: XmDocument, config: GuestConfig, *, version: int = 4, lossy: bool = False
) -> tuple[str, ...]:
    """Change a document so that it says the guest, and nothing but what changed.

    Comments, order, spelling and keys that the model doesn't know stay. Returns warnings for what
    is left out, with ``lossy``; else raises Unrepresentable, and the document is as it was.
    """
    _check_version(version)
    log = WriteLog(TARGET.format(version))

    def values(guest: GuestConfig, notes: WriteLog) -> dict[str, Value]:
        return xm_values(guest, version=version, log=notes)

    def back() -> GuestConfig:
        return config_from_xm(document, version=version)

    wanted = config_to_xm(config, version=version, log=log)
    warnings = log.check(lossy=lossy)
    meant = config_from_xm(wanted, version=version)
    apply(document, config, meant, back, values)
    return warnings
