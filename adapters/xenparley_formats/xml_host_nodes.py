"""Devices of the host that a guest is given: their nodes in domain XML."""

from __future__ import annotations

from typing import Any

from xenparley.domain.config import HostPci, HostUsb, PciAddress
from xenparley_formats.xml_node import MANY, Entry, Node, Values, values_of
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import HEX2, HEX4, HEXDIGIT, INT, NOT_YESNO, YESNO

__all__ = ["HOSTDEV"]

_PARTS = ("domain", "bus", "slot", "function")
_WORDS = (HEX4, HEX2, HEX2, HEXDIGIT)


def _address(prefix: str) -> dict[str, str | Entry]:
    return {part: (prefix + part, word) for part, word in zip(_PARTS, _WORDS, strict=True)}


def _take_address(values: Values, prefix: str) -> PciAddress | None:
    found = {part: values.pop(prefix + part) for part in _PARTS if prefix + part in values}
    return PciAddress(**found) if found else None


def _fold_pci(element: Any, values: Values, run: ReadRun) -> None:
    address = _take_address(values, "_host_")
    if address is not None:
        values["address"] = address
    guest = _take_address(values, "_guest_")
    if guest is not None:
        values["guest_address"] = guest
    values.pop("_type", None)
    values.pop("_guest_type", None)


def _unfold_pci(device: HostPci) -> Values:
    values: Values = values_of(device)
    values["_type"] = "pci"
    for part in _PARTS:
        values["_host_" + part] = getattr(device.address, part)
    if device.guest_address is not None:
        values["_guest_type"] = "pci"
        for part in _PARTS:
            values["_guest_" + part] = getattr(device.guest_address, part)
    return values


def _fold_usb(element: Any, values: Values, run: ReadRun) -> None:
    values.pop("_type", None)
    values.pop("_guest_type", None)


def _unfold_usb(device: HostUsb) -> Values:
    values: Values = values_of(device)
    values["_type"] = "usb"
    if device.guest_bus is not None or device.guest_port is not None:
        values["_guest_type"] = "usb"
    return values


_COMMON: dict[str, str | Entry] = {
    "mode": "mode",
    "type": "_type",
    "managed": ("managed", YESNO),
}
_OPAQUE = ["alias", "address"]

_PCI = Node(
    "hostdev",
    MANY,
    cls=HostPci,
    field="pci",
    hook=_fold_pci,
    dump=_unfold_pci,
    attrs=_COMMON,
    required={"address": "a PCI device needs <source><address .../></source>"},
    children=[
        Node("driver", attrs={"name": "driver"}),
        Node(
            "source",
            attrs={"writeFiltering": ("permissive", NOT_YESNO)},
            children=[Node("address", attrs=_address("_host_"))],
        ),
        Node(
            "address",
            only={"pci": Node("address", attrs={"type": "_guest_type", **_address("_guest_")})},
        ),
    ],
    opaque=_OPAQUE,
)

_USB = Node(
    "hostdev",
    MANY,
    cls=HostUsb,
    field="usb",
    hook=_fold_usb,
    dump=_unfold_usb,
    attrs=_COMMON,
    children=[
        Node(
            "source",
            children=[
                Node("vendor", attrs={"id": ("vendor", HEX4)}),
                Node("product", attrs={"id": ("product", HEX4)}),
                Node("address", attrs={"bus": ("bus", INT), "device": ("device", INT)}),
            ],
        ),
        Node(
            "address",
            only={
                "usb": Node(
                    "address",
                    attrs={
                        "type": "_guest_type",
                        "bus": ("guest_bus", INT),
                        "port": ("guest_port", INT),
                    },
                )
            },
        ),
    ],
    opaque=_OPAQUE,
)

#: A host device is PCI or USB; others are carried along.
HOSTDEV = Node("hostdev", only={"pci": _PCI, "usb": _USB})
