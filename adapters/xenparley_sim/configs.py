"""Configurations as the store keeps them: JSON text. Imported only when one is read or written.

Not the format that people exchange: this one writes every field that differs from its default,
and reads exactly what this release wrote. A document that doesn't fit is a damaged file.
"""

from __future__ import annotations

import json
import types
import typing
from functools import cache
from typing import Any

import attrs

from xenparley.domain import config as model
from xenparley.domain.config import GuestConfig
from xenparley.domain.config import devices as device_model
from xenparley.domain.config import guest as guest_model
from xenparley.domain.errors import Unavailable, XenparleyError
from xenparley.domain.identity import printable

__all__ = ["config_text", "read_config"]

# What the modules' annotations may name.
_NAMES = {**vars(device_model), **vars(guest_model), **vars(model)}


def config_text(config: GuestConfig) -> str:
    """Write a configuration, passwords included."""
    return json.dumps(_plain(config), ensure_ascii=True, separators=(",", ":"))


def read_config(text: str) -> GuestConfig:
    """Read what :func:`config_text` wrote. Unavailable: the file is damaged."""
    try:
        config = _shaped(GuestConfig, json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as exc:
        raise _damaged(exc) from exc
    if not isinstance(config, GuestConfig):
        raise _damaged(TypeError("not a configuration"))
    return config


def _damaged(exc: Exception) -> XenparleyError:
    return Unavailable(f"a stored configuration is damaged: {printable(str(exc), limit=200)}")


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return {
            field.name: _plain(held)
            for field in attrs.fields(type(value))
            if (held := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, globalns=_NAMES)


def _shaped(hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        (inner,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        return _shaped(inner, value)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("not a list")
        inner = typing.get_args(hint)[0]
        return tuple(_shaped(inner, item) for item in value)
    if attrs.has(hint):
        if not isinstance(value, dict):
            raise TypeError(f"not a {hint.__name__}")
        hints = _hints(hint)
        return hint(**{name: _shaped(hints[name], held) for name, held in value.items()})
    if type(value) is not hint:
        raise TypeError(f"not of type {hint.__name__}")
    return value
