"""xl.cfg: any bytes are read or refused; what was read renders as it was, and may be a guest."""

from __future__ import annotations

from xenparley.domain.errors import ConfigError, ParseError
from xenparley_formats import xl_format
from xenparley_formats.xlcfg_syntax import parse_xlcfg

SEEDS = "xl"


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed ones is a find."""
    try:
        document = parse_xlcfg(data)
    except ParseError:
        return
    if document.render_bytes() != data:
        raise AssertionError("the document renders otherwise than it was read")
    held = document.values()
    document.set("zz", "x")
    document.remove("zz")
    if parse_xlcfg(document.render_bytes()).values() != held and "zz" not in held:
        raise AssertionError("adding and removing a key changed the others")
    options = {}
    try:
        config = xl_format.read(data, source="fuzz", options=options).config
    except (ParseError, ConfigError):
        return
    text = xl_format.write(config, lossy=True, options=options).text
    xl_format.read(text.encode("utf-8", "surrogateescape"), source="fuzz", options=options)
