"""Configurations as the store keeps them: xenparley's JSON, on one line, passwords included.

Imported only when a configuration is read or written: the format brings cattrs along.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, Unavailable
from xenparley.domain.identity import printable
from xenparley_formats.json_format import SCHEMA, VERSION, read_json
from xenparley_formats.json_model import to_plain

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = ["config_text", "read_config"]


def config_text(config: GuestConfig) -> str:
    """Write a configuration. InvalidInput: it holds what can't be stored."""
    document = {"schema": SCHEMA, "version": VERSION, "guest": to_plain(config)}
    try:
        text = json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"this configuration can't be stored: {printable(str(exc), limit=200)}"
        ) from exc
    return text


def read_config(text: str) -> GuestConfig:
    """Read what :func:`config_text` wrote. Unavailable: the file is damaged."""
    try:
        return read_json(text.encode(), source="stored configuration")
    except (InvalidInput, UnicodeEncodeError) as exc:
        raise Unavailable(f"a stored configuration is damaged: {exc}") from exc
