"""Domain XML as a format: what the plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley_formats.options import check_options, yes_or_no
from xenparley_formats.xml_reader import read_xml
from xenparley_formats.xml_writer import write_xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.config import GuestConfig
    from xenparley_formats.api import Reading, Writing

__all__ = ["read", "read_xml", "write", "write_xml"]


def read(data: bytes, *, source: str, strict: bool = False, options: Mapping[str, str]) -> Reading:
    """Read a ``<domain>`` document. It has no options. Raises ParseError, ConfigError."""
    check_options(options, (), "xml")
    return read_xml(data, source=source, strict=strict)


def write(config: GuestConfig, *, lossy: bool = False, options: Mapping[str, str]) -> Writing:
    """Write a ``<domain>`` document. Option ``secrets=no`` leaves passwords out.

    Raises Unrepresentable with everything that XML can't hold, unless ``lossy``.
    """
    check_options(options, ("secrets",), "xml")
    return write_xml(config, lossy=lossy, secrets=yes_or_no(options, "secrets", True))
