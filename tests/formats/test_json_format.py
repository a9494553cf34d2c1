"""Guests as JSON: equal after a round trip, strict in everything, a schema that is the model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields, has
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xenparley_formats
from support.configs import configs
from xenparley.domain import config as model
from xenparley.domain.config import Disk, Graphics, GuestConfig
from xenparley.domain.errors import ConfigError, ParseError, Unrepresentable, XenparleyError
from xenparley_formats import json_format
from xenparley_formats.json_format import read_json, write_json
from xenparley_formats.json_schema import schema, schema_text

HEAD = '{"schema": "xenparley/guest-config", "version": 1, "guest": '


def _guest(text: str) -> bytes:
    return f"{HEAD}{text}}}".encode("utf-8", "surrogatepass")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_any_guest_comes_back_and_the_schema_accepts_it(config: GuestConfig) -> None:
    text = write_json(config).text
    assert read_json(text.encode()) == config
    assert _mismatches(json.loads(text), schema()) == []


def test_the_shipped_schema_is_the_models() -> None:
    folder = Path(str(xenparley_formats.__path__[0])) / "schema"
    assert (folder / "guest-config.schema.json").read_text() == schema_text()
    described = set(schema()["$defs"])
    assert described == {n for n in model.__all__ if has(getattr(model, n))}
    for name in described:
        names = set(schema()["$defs"][name]["properties"])
        assert names == {f.name for f in fields(getattr(model, name))}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": 3}',
        '{"name": "a", "memory_kib": true}',
        '{"name": "a", "disks": {}}',
        '{"name": "a", "disks": "hda"}',
        '{"name": "a", "disks": [{"target": "hda", "readonly": 1}]}',
        '{"name": "a", "vcpus": null}',
        '{"name": "a", "boot": {"kernl": "/x"}}',
        "{}",
        "[]",
        "7",
        "null",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_json(_guest(text), source="g.json")
    assert all(p.place.startswith("g.json: $.guest") for p in caught.value.problems)
    assert _mismatches(json.loads(f"{HEAD}{text}}}"), schema())


def test_all_problems_are_reported_with_their_paths() -> None:
    bad = '{"name": 1, "disks": [{"target": 2}, {}], "vcpu": {}, "graphics": [{"password": 12345}]}'
    with pytest.raises(ConfigError) as caught:
        read_json(_guest(bad), source="g")
    assert {p.place for p in caught.value.problems} == {
        "g: $.guest.name",
        "g: $.guest.disks[0].target",
        "g: $.guest.disks[1].target",
        "g: $.guest",
        "g: $.guest.graphics[0].password",
    }
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {"version": 1, "guest": {"name": "a"}},
        {"schema": "other", "version": 1, "guest": {"name": "a"}},
        {"schema": "xenparley/guest-config", "version": 2, "guest": {"name": "a"}},
        {"schema": "xenparley/guest-config", "version": True, "guest": {"name": "a"}},
        {"schema": "xenparley/guest-config", "version": 1},
        {"schema": "xenparley/guest-config", "version": 1, "guest": {"name": "a"}, "x": 1},
        {},
        [],
    ],
)
def test_the_envelope_is_checked(document: Any) -> None:
    with pytest.raises(ConfigError):
        read_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"[" * 100_000, "deeply"),
        (_guest('{"a": ' * 100_000), "deeply"),
        (_guest("[" * 500 + "]" * 500), "deeply"),
        (_guest('{"memory_kib": ' + "9" * 100_000 + "}"), "digits"),
        (_guest('{"memory_kib": NaN}'), "NaN"),
        (_guest('{"memory_kib": -Infinity}'), "Infinity"),
        (_guest('{"memory_kib": 1e400}'), "exponent"),
        (_guest('{"name": "a", "name": "b"}'), "twice"),
        (_guest(r'{"name": "\ud800"}'), "surrogate"),
        (_guest(r'{"\udfff": 1}'), "surrogate"),
        (_guest('{"name": "\ud800"}'), "UTF-8"),
        (b"", "Expecting"),
        (b"\xff", "UTF-8"),
        (b"{'name': 1}", "quotes"),
        (b" " * (16 << 20) + b"{}", "larger"),
    ],
)
def test_what_is_not_json_is_a_parse_error(data: bytes, word: str) -> None:
    with pytest.raises(ParseError, match=word) as caught:
        read_json(data, source="here")
    assert "here" in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "disks", "boot", "virt", "target", "vcpus", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_guest_or_a_typed_error(value: Any) -> None:
    try:
        config = read_json(_guest(json.dumps(value)))
    except XenparleyError as exc:
        assert isinstance(exc, ParseError | ConfigError)
    else:
        assert isinstance(config.name, str)


def test_passwords_are_left_out_on_request() -> None:
    config = GuestConfig(name="a", graphics=(Graphics(password="hush"),))
    assert "hush" in write_json(config).text
    writing = json_format.write(config, options={"secrets": "no"})
    assert "hush" not in writing.text
    assert read_json(writing.text.encode()) == evolve(config, graphics=(Graphics(),))


def test_text_that_utf8_cannot_hold_is_refused_with_its_path() -> None:
    config = GuestConfig(name="a", disks=(Disk(target="hd\udc80"),))
    with pytest.raises(Unrepresentable) as caught:
        write_json(config)
    assert [p.place for p in caught.value.problems] == ["$.guest.disks[0].target"]
    writing = write_json(config, lossy=True)
    assert len(writing.warnings) == 1
    assert read_json(writing.text.encode()).disks[0].target == "hd\ufffd"


def _mismatches(value: Any, wanted: dict[str, Any]) -> list[str]:
    """Check the value against the few words of JSON Schema that the schema uses."""
    parts = schema()["$defs"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}

    def check(value: Any, rule: dict[str, Any], path: str) -> list[str]:
        if "$ref" in rule:
            return check(value, parts[rule["$ref"].rsplit("/", 1)[1]], path)
        if "const" in rule:
            return [] if value == rule["const"] else [path]
        if "anyOf" in rule:
            tried = [check(value, one, path) for one in rule["anyOf"]]
            return [] if [] in tried else tried[0]
        if rule["type"] == "null":
            return [] if value is None else [path]
        if type(value) is not kinds[rule["type"]]:
            return [path]
        found = []
        if rule["type"] == "array":
            for number, item in enumerate(value):
                found += check(item, rule["items"], f"{path}[{number}]")
        if rule["type"] == "object":
            found += [f"{path}.{name}" for name in rule.get("required", ()) if name not in value]
            for name, item in value.items():
                inner = rule["properties"].get(name)
                found += [f"{path}.{name}"] if inner is None else check(item, inner, name)
        return found

    return check(value, wanted, "$")
