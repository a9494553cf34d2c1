"""Domain XML: any bytes are a guest or a typed error, and a guest is written as it was read."""

from __future__ import annotations

from xenparley.domain.errors import ConfigError, ParseError
from xenparley_formats.xml_format import read_xml, write_xml

SEEDS = "xml"


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed ones is a find."""
    try:
        config = read_xml(data).config
    except (ParseError, ConfigError):
        return
    if read_xml(write_xml(config).text.encode()).config != config:
        raise AssertionError("written and read, the guest is another")
