"""What one configuration says and another doesn't, with its place as in domain XML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import fields, has

from xenparley.domain.errors import Problem
from xenparley.domain.identity import printable

__all__ = ["differences"]

_PLACES = {
    "boot": "os",
    "memory_kib": "currentMemory",
    "max_memory_kib": "memory",
    "vcpus": "vcpu",
    "emulator": "devices/emulator",
    "balloon": "devices/memballoon",
    "disks": "devices/disk",
    "controllers": "devices/controller",
    "interfaces": "devices/interface",
    "serials": "devices/serial",
    "parallels": "devices/parallel",
    "consoles": "devices/console",
    "channels": "devices/channel",
    "inputs": "devices/input",
    "graphics": "devices/graphics",
    "videos": "devices/video",
    "sounds": "devices/sound",
    "pci": "devices/hostdev[pci]",
    "usb": "devices/hostdev[usb]",
    "features": "features/feature",
}


def _place(place: str, name: str) -> str:
    return f"{place}/{name}" if place else _PLACES.get(name, name)


def differences(given: Any, found: Any, place: str = "") -> Iterator[Problem]:
    """Yield what of a part of the model the text doesn't give back, with its place."""
    for field in fields(type(given)):
        one, other = getattr(given, field.name), getattr(found, field.name)
        if one == other:
            continue
        if field.name == "extras":
            there = set(other)
            for extra in one:
                if extra not in there:
                    key = printable(extra.key, limit=80)
                    words = f"a piece of {printable(extra.format, limit=20)}"
                    yield Problem(f"{place}/{key}" if place else key, words)
            if there.issuperset(one):
                yield Problem(place or "extras", "would be read as more than it says")
            continue
        where = _place(place, field.name)
        if isinstance(one, tuple):
            yield from _lists(one, other, where)
        elif has(type(one)) and type(one) is type(other):
            yield from differences(one, other, where)
        else:
            yield Problem(where, "there is no word for it" if one is not None else "not as given")


def _lists(given: tuple[Any, ...], found: tuple[Any, ...], place: str) -> Iterator[Problem]:
    if len(given) == len(found):
        for number, (one, other) in enumerate(zip(given, found, strict=True), 1):
            where = f"{place}[{number}]"
            if one == other:
                continue
            if has(type(one)) and type(one) is type(other):
                yield from differences(one, other, where)
            else:
                yield Problem(where, "there is no word for it")
        return
    there = set(found)
    missing = [number for number, one in enumerate(given, 1) if one not in there]
    for number in missing:
        yield Problem(f"{place}[{number}]", "there is no word for it")
    if not missing:
        yield Problem(place, "would be read as another number of them")
