"""Devices: their nodes in domain XML, in the order that libvirt writes them."""

from __future__ import annotations

from typing import Any

from xenparley.domain.config import (
    Controller,
    Disk,
    DiskHost,
    DiskSource,
    Graphics,
    GraphicsListen,
    Input,
    Interface,
    MemBalloon,
    Sound,
    Video,
)
from xenparley_formats.xml_char_nodes import char_node
from xenparley_formats.xml_host_nodes import HOSTDEV
from xenparley_formats.xml_make import maker
from xenparley_formats.xml_node import FLAG, MANY, ONE, SCALARS, Node, Values, own, values_of
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import INT, SECRET, YESNO

__all__ = ["DEVICES"]

# live documents carry these; Xen knows devices by their targets
_OPAQUE = ["alias", "address"]

_SOURCE = {
    "_type": "type",
    "_path": "path",
    "_pool": "pool",
    "_protocol": "protocol",
    "_user": "auth_user",
}


_MAKER = maker(DiskSource)


def _fold_disk(element: Any, values: Values, run: ReadRun) -> None:
    found = {}
    for raw, name in _SOURCE.items():
        if raw in values:
            found[name] = values.pop(raw)
    hosts = values.pop("_hosts", None)
    if hosts is not None:
        found["hosts"] = hosts
    values["source"] = _MAKER.make(found)


def _unfold_disk(disk: Disk) -> Values:
    values: Values = values_of(disk)
    for raw, name in _SOURCE.items():
        values[raw] = getattr(disk.source, name)
    values["_hosts"] = disk.source.hosts
    return values


_HOST = Node(
    "host",
    MANY,
    cls=DiskHost,
    field="_hosts",
    attrs={"name": "name", "port": "port", "transport": "transport", "socket": "socket"},
    required={"name": "a host needs a name"},
)

_DISK = Node(
    "disk",
    MANY,
    cls=Disk,
    field="disks",
    hook=_fold_disk,
    dump=_unfold_disk,
    attrs={"type": "_type", "device": "device"},
    required={"target": "a disk needs <target dev='...'/>"},
    children=[
        Node(
            "driver",
            attrs={"name": "driver", "type": "format", "cache": "cache", "discard": "discard"},
        ),
        Node("auth", attrs={"username": "_user"}),
        Node(
            "source",
            attrs={"file": "_path"},
            switch="_type",
            cases={
                "block": Node("source", attrs={"dev": "_path"}),
                "dir": Node("source", attrs={"dir": "_path"}),
                "network": Node(
                    "source",
                    attrs={"protocol": "_protocol", "name": "_path"},
                    children=[_HOST],
                ),
                "volume": Node("source", attrs={"pool": "_pool", "volume": "_path"}),
            },
        ),
        Node("backenddomain", attrs={"name": "backend_domain"}),
        Node("target", attrs={"dev": "target", "bus": "bus"}),
        Node(own("script"), attrs={"path": "script"}),
        Node("readonly", FLAG, field="readonly"),
        Node("shareable", FLAG, field="shareable"),
        Node("transient", FLAG, field="transient"),
    ],
    opaque=[*_OPAQUE, "backingStore"],
)

_CONTROLLER = Node(
    "controller",
    MANY,
    cls=Controller,
    field="controllers",
    attrs={
        "type": "type",
        "index": ("index", INT),
        "model": "model",
        "ports": ("ports", INT),
        "maxGrantFrames": ("max_grant_frames", INT),
        "maxEventChannels": ("max_event_channels", INT),
    },
    required={"type": "a controller needs a type"},
    opaque=_OPAQUE,
)

_INTERFACE = Node(
    "interface",
    MANY,
    cls=Interface,
    field="interfaces",
    attrs={"type": "type"},
    children=[
        Node("mac", attrs={"address": "mac"}),
        Node(
            "source",
            switch="type",
            attrs={"bridge": "source"},
            cases={
                "network": Node("source", attrs={"network": "source"}),
                "direct": Node("source", attrs={"dev": "source"}),
                "ethernet": Node("source", attrs={"dev": "source"}),
                "internal": Node("source", attrs={"name": "source"}),
                "vdpa": Node("source", attrs={"dev": "source"}),
            },
        ),
        Node(
            "ip",
            SCALARS,
            field="ips",
            attrs={"address": "ips"},
            required={"ips": "needs an address"},
            opaque=["@family", "@prefix"],
        ),
        Node("script", attrs={"path": "script"}),
        Node("backenddomain", attrs={"name": "backend_domain"}),
        Node("target", attrs={"dev": "target"}),
        Node("model", attrs={"type": "model"}),
        Node("driver", attrs={"name": "driver"}),
        Node(
            "bandwidth",
            children=[
                Node(
                    "outbound",
                    attrs={
                        "average": ("rate_kib_s", INT),
                        own("interval_us"): ("rate_interval_us", INT),
                    },
                )
            ],
        ),
    ],
    opaque=_OPAQUE,
)

_INPUT = Node(
    "input",
    MANY,
    cls=Input,
    field="inputs",
    attrs={"type": "type", "bus": "bus"},
    required={"type": "an input device needs a type"},
    opaque=_OPAQUE,
)

_LISTEN = Node(
    "listen",
    MANY,
    cls=GraphicsListen,
    field="listens",
    attrs={"type": "type", "address": "address", "network": "network"},
    required={"type": "needs a type"},
)

_GRAPHICS = Node(
    "graphics",
    MANY,
    cls=Graphics,
    field="graphics",
    attrs={
        "type": "type",
        "port": ("port", INT),
        "tlsPort": ("tls_port", INT),
        "autoport": ("autoport", YESNO),
        "listen": "listen",
        "keymap": "keymap",
        "passwd": ("password", SECRET),
        "defaultMode": "default_mode",
        "display": "display",
        "xauth": "xauth",
        "fullscreen": ("fullscreen", YESNO),
    },
    children=[
        _LISTEN,
        Node("clipboard", attrs={"copypaste": ("clipboard", YESNO)}),
        Node("mouse", attrs={"mode": "mouse_mode"}),
        Node("filetransfer", attrs={"enable": ("filetransfer", YESNO)}),
        Node("gl", attrs={"enable": ("gl", YESNO)}),
    ],
)

_SOUND = Node(
    "sound",
    MANY,
    cls=Sound,
    field="sounds",
    attrs={"model": "model"},
    required={"model": "a sound card needs a model"},
    opaque=_OPAQUE,
)

_VIDEO = Node(
    "video",
    MANY,
    cls=Video,
    field="videos",
    children=[
        Node(
            "model",
            attrs={
                "type": "model",
                "ram": ("ram_kib", INT),
                "vram": ("vram_kib", INT),
                "heads": ("heads", INT),
                "primary": ("primary", YESNO),
            },
        )
    ],
    opaque=_OPAQUE,
)

_BALLOON = Node(
    "memballoon",
    ONE,
    cls=MemBalloon,
    field="balloon",
    attrs={"model": "model"},
    opaque=_OPAQUE,
)

DEVICES = Node(
    "devices",
    always=True,
    children=[
        Node("emulator", text="emulator"),
        _DISK,
        _CONTROLLER,
        _INTERFACE,
        char_node("serial", "serials"),
        char_node("parallel", "parallels"),
        char_node("console", "consoles"),
        char_node("channel", "channels"),
        _INPUT,
        _GRAPHICS,
        _SOUND,
        _VIDEO,
        HOSTDEV,
        _BALLOON,
    ],
)
