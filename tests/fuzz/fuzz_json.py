"""Guests' JSON: any bytes are a guest or a typed error, and a guest is written as it was read."""

from __future__ import annotations

from xenparley.domain.errors import ConfigError, ParseError, Unrepresentable
from xenparley_formats.json_format import read_json, write_json

SEEDS = "json"


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed ones is a find."""
    try:
        config = read_json(data)
        text = write_json(config).text
    except (ParseError, ConfigError, Unrepresentable):
        return
    if read_json(text.encode()) != config:
        raise AssertionError("written and read, the guest is another")
