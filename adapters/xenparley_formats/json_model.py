"""The model as plain values, by cattrs: no value is converted, no key is unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import has
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn

from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import ConfigError, Problem
from xenparley.domain.identity import printable

__all__ = ["from_plain", "to_plain"]

_MAX_PROBLEMS = 500
_JSON = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
_Hook = Callable[[Any, Any], Any]


class _WrongKindError(TypeError):
    """A value of another kind than the field's. The message never shows the value."""


def _demand(value: Any, wanted: type) -> None:
    # bool is an int in Python, not in JSON
    if type(value) is not wanted:
        found = _JSON.get(type(value), "something else")
        raise _WrongKindError(f"{_JSON[wanted]} is expected, not {found}")


def _scalar(wanted: type) -> _Hook:
    def structure(value: Any, _: Any) -> Any:
        _demand(value, wanted)
        return value

    return structure


def _is_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _tuple(kind: Any, converter: Converter) -> _Hook:
    listed = list[kind.__args__[0]]

    def structure(value: Any, _: Any) -> Any:
        _demand(value, list)
        return tuple(converter.structure(value, listed))

    return structure


def _class(kind: Any, converter: Converter) -> _Hook:
    fields = make_dict_structure_fn(
        kind,
        converter,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
    )

    def structure(value: Any, wanted: Any) -> Any:
        _demand(value, dict)
        return fields(value, wanted)

    return structure


def _converter() -> Converter:
    converter = Converter(omit_if_default=True)
    for wanted in (str, int, bool):
        converter.register_structure_hook(wanted, _scalar(wanted))
    converter.register_structure_hook_factory(has, _class)
    converter.register_structure_hook_factory(_is_tuple, _tuple)
    return converter


_CONVERTER = _converter()


def _words(exc: BaseException, kind: type | None) -> str:
    if isinstance(exc, _WrongKindError):
        return str(exc)
    if isinstance(exc, KeyError):
        return "required, and missing"
    if isinstance(exc, ForbiddenExtraKeysError):
        names = ", ".join(sorted(printable(str(n), limit=80) for n in exc.extra_fields))
        return f"unknown: {names[:400]}"
    return f"not valid ({type(exc).__name__})"


def _problem(line: str, source: str) -> Problem:
    message, _, path = line.rpartition(" @ ")
    return Problem(f"{source}: {path}", message)


def to_plain(config: GuestConfig) -> dict[str, Any]:
    """Return the guest as dicts, lists, text and numbers. What has its default is left out."""
    plain: dict[str, Any] = _CONVERTER.unstructure(config)
    return plain


def from_plain(plain: Any, *, source: str, path: str = "$") -> GuestConfig:
    """Return the guest. Raises ConfigError with every problem and its path (``$.disks[0]``)."""
    try:
        return _CONVERTER.structure(plain, GuestConfig)
    except BaseValidationError as exc:
        lines = transform_error(exc, path=path, format_exception=_words)
        problems = [_problem(line, source) for line in lines[:_MAX_PROBLEMS]]
        if len(lines) > _MAX_PROBLEMS:
            problems.append(Problem(source, f"and {len(lines) - _MAX_PROBLEMS} more problems"))
        raise ConfigError(problems, summary="invalid guest JSON") from exc
    except _WrongKindError as exc:
        problem = Problem(f"{source}: {path}", str(exc))
        raise ConfigError([problem], summary="invalid guest JSON") from exc
