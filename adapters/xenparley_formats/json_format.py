"""JSON as a format: ``{"schema": "xenparley/guest-config", "version": 1, "guest": {...}}``.

``guest`` has the fields of GuestConfig by their names; what has its default may be left out.
``schema/guest-config.schema.json`` is its JSON Schema. The version changes when a field changes
its meaning or goes away; a new field with a default doesn't change it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import ConfigError, Problem, Unrepresentable
from xenparley.domain.identity import printable
from xenparley_formats.api import Reading, Writing
from xenparley_formats.json_model import from_plain, to_plain
from xenparley_formats.json_parse import parse_json
from xenparley_formats.options import check_options, yes_or_no
from xenparley_formats.without_secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.config import GuestConfig

__all__ = ["SCHEMA", "VERSION", "read", "read_json", "write", "write_json"]

SCHEMA = "xenparley/guest-config"
VERSION = 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_KEYS = ("schema", "version", "guest")


def read_json(data: bytes, *, source: str = "<json>") -> GuestConfig:
    """Return the guest. Raises ParseError for what is not JSON, ConfigError otherwise."""
    document = parse_json(data, source)
    if not isinstance(document, dict):
        raise _invalid([Problem(f"{source}: $", "an object is expected")])
    problems = [
        Problem(f"{source}: $", f"unknown: {printable(name, limit=80)}")
        for name in document
        if name not in _KEYS
    ][:20]
    if document.get("schema") != SCHEMA:
        problems.append(Problem(f"{source}: $.schema", f"must be {SCHEMA!r}"))
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        problems.append(Problem(f"{source}: $.version", f"must be {VERSION}"))
    config: GuestConfig | None = None
    if "guest" not in document:
        problems.append(Problem(f"{source}: $.guest", "required, and missing"))
    else:
        try:
            config = from_plain(document["guest"], source=source, path="$.guest")
        except ConfigError as exc:
            problems += exc.problems
            raise _invalid(problems) from exc
    if problems or config is None:
        raise _invalid(problems)
    return config


def _invalid(problems: list[Problem]) -> ConfigError:
    return ConfigError(problems, summary="invalid guest JSON")


def write_json(config: GuestConfig, *, secrets: bool = True, lossy: bool = False) -> Writing:
    """Return the document, indented, with a newline at its end.

    ``secrets=False`` leaves passwords out. JSON is UTF-8: lone surrogates in a text raise
    Unrepresentable, or with ``lossy`` become U+FFFD and a warning.
    """
    if not secrets:
        config = without_secrets(config)
    losses: list[Problem] = []
    guest = _possible(to_plain(config), "$.guest", losses)
    if losses and not lossy:
        raise Unrepresentable("json", losses)
    document = {"schema": SCHEMA, "version": VERSION, "guest": guest}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return Writing(text=f"{text}\n", warnings=tuple(str(loss) for loss in losses))


def _possible(value: Any, path: str, losses: list[Problem]) -> Any:
    """Return the value with U+FFFD for what UTF-8 can't hold. As deep as the model only."""
    if isinstance(value, dict):
        return {name: _possible(item, f"{path}.{name}", losses) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_possible(item, f"{path}[{n}]", losses) for n, item in enumerate(value)]
    if isinstance(value, str) and _SURROGATE.search(value):
        losses.append(Problem(path, "lone surrogates are no characters"))
        return _SURROGATE.sub("\ufffd", value)
    return value


def read(data: bytes, *, source: str, strict: bool = False, options: Mapping[str, str]) -> Reading:
    """Read a guest's JSON; it is always strict. It has no options."""
    check_options(options, (), "json")
    return Reading(config=read_json(data, source=source))


def write(config: GuestConfig, *, lossy: bool = False, options: Mapping[str, str]) -> Writing:
    """Write a guest's JSON. Option ``secrets=no`` leaves passwords out."""
    check_options(options, ("secrets",), "json")
    return write_json(config, secrets=yes_or_no(options, "secrets", True), lossy=lossy)
