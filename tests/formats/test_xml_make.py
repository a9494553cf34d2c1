"""Objects made quickly are those that their class makes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import xenparley.domain.config as model
from xenparley_formats.xml_make import FEW, maker

CASES: list[tuple[type, dict[str, Any]]] = [
    (model.GuestConfig, {"name": "vm", "memory_kib": 1024}),
    (model.Boot, {"virt": "hvm", "devices": ("hd",)}),
    (model.Disk, {"target": "xvda", "extras": (model.Extra("xml", "@a", "b"),)}),
    (model.Graphics, {"type": "vnc", "password": "hidden"}),
    (model.PciAddress, {"bus": 3}),
]


@pytest.mark.parametrize(("kind", "values"), CASES)
def test_what_is_made_is_what_the_class_makes(kind: type, values: dict[str, Any]) -> None:
    plain = kind(**values)
    for _ in range(FEW + 3):
        made: Any = maker(kind).make(values)
        assert attrs.evolve(made) == plain
        assert type(made) is kind
        assert made == plain
        assert hash(made) == hash(plain)
        assert repr(made) == repr(plain)
        field = next(iter(values))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(made, field, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(made, field)


def test_unknown_and_missing_fields_are_refused_as_ever() -> None:
    for _ in range(FEW + 3):
        with pytest.raises(TypeError):
            maker(model.Sound).make({})
        with pytest.raises(TypeError):
            maker(model.Sound).make({"model": "sb16", "volume": 11})
