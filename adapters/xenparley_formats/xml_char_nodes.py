"""Consoles, serial and parallel ports, channels: their nodes in domain XML."""

from __future__ import annotations

from typing import Any

from xenparley.domain.config import CharDevice, CharEndpoint, CharSource
from xenparley_formats.xml_make import maker
from xenparley_formats.xml_node import MANY, Node, Values, values_of
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import INT, ONOFF

__all__ = ["char_node"]

_SOURCE = {
    "_type": "type",
    "_path": "path",
    "_mode": "mode",
    "_append": "append",
    "_protocol": "protocol",
}


_MAKER = maker(CharSource)


def _fold(element: Any, values: Values, run: ReadRun) -> None:
    found = {}
    for raw, name in _SOURCE.items():
        if raw in values:
            found[name] = values.pop(raw)
    ends = values.pop("_endpoints", None)
    if ends is not None:
        found["endpoints"] = ends
    values["source"] = _MAKER.make(found)


def _unfold(device: CharDevice) -> Values:
    values: Values = values_of(device)
    for raw, name in _SOURCE.items():
        values[raw] = getattr(device.source, name)
    values["_endpoints"] = device.source.endpoints
    return values


_ENDPOINT = Node(
    "source",
    MANY,
    cls=CharEndpoint,
    field="_endpoints",
    attrs={"mode": "mode", "host": "host", "service": "service"},
    # 0.9 wrote the protocol here, too
    opaque=["@wiremode"],
)


def char_node(tag: str, field: str) -> Node:
    """Return the node of one kind of character device."""
    return Node(
        tag,
        MANY,
        cls=CharDevice,
        field=field,
        hook=_fold,
        dump=_unfold,
        attrs={"type": "_type", "tty": "tty"},
        children=[
            Node(
                "source",
                attrs={"mode": "_mode", "path": "_path", "append": ("_append", ONOFF)},
                switch="_type",
                cases={"tcp": _ENDPOINT, "udp": _ENDPOINT},
            ),
            Node("protocol", attrs={"type": "_protocol"}),
            Node(
                "target",
                attrs={"type": "target_type", "port": ("port", INT), "name": "target_name"},
            ),
        ],
        opaque=["alias", "address"],
    )
