"""The JSON Schema of the guest's JSON, made from the model.

``python -m xenparley_formats.json_schema`` prints it; ``schema/guest-config.schema.json`` is
that text, and a test compares the two.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from typing import Any

from attrs import NOTHING, fields, has

from xenparley.domain.config import GuestConfig
from xenparley_formats.json_format import SCHEMA, VERSION

__all__ = ["schema", "schema_text"]

_SCALARS = {str: "string", int: "integer", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12) as plain values."""
    parts: dict[str, Any] = {}
    guest = _of(GuestConfig, parts)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}:{VERSION}",
        "title": "A guest's configuration, as xenparley writes and reads it",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "version": {"const": VERSION},
            "guest": guest,
        },
        "required": ["schema", "version", "guest"],
        "additionalProperties": False,
        "$defs": dict(sorted(parts.items())),
    }


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(schema(), indent=2) + "\n"


def _of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one type; those of classes go to ``parts``."""
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0], parts)}
    if origin in (typing.Union, types.UnionType):
        inner = [_of(one, parts) for one in arguments if one is not type(None)]
        return {"anyOf": [*inner, {"type": "null"}]}
    assert has(kind)
    if kind.__name__ not in parts:
        parts[kind.__name__] = {}
        parts[kind.__name__].update(_of_class(kind, parts))
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _of_class(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    made: dict[str, Any] = {
        "type": "object",
        "description": (kind.__doc__ or "").strip().splitlines()[0],
        "properties": {f.name: _of(hints[f.name], parts) for f in fields(kind)},
        "additionalProperties": False,
    }
    required = [f.name for f in fields(kind) if f.default is NOTHING]
    if required:
        made["required"] = required
    return made


if __name__ == "__main__":
    sys.stdout.write(schema_text())
