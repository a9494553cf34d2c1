"""Paravirtual USB: `xl usb-list`, `usbctrl-attach`, `usbdev-attach` and their detach (Xen 4.7).

xl prints the bus and number of a device of the host in hexadecimal and takes them in decimal.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    Problem,
    ProtocolError,
    Unrepresentable,
)
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from xenparley.domain.config.devices import Controller, HostUsb

__all__ = [
    "UsbController",
    "UsbPlace",
    "controller_words",
    "find_device",
    "parse_usb_list",
    "place_of",
    "usb_name",
    "usb_words",
]

_HEAD = re.compile(r"Devid +Type +BE +state +usb-ver +ports *")
_CONTROLLER = re.compile(
    r"(?P<dev>\d{1,5}) +(?P<type>[a-z]\w{0,15}) +(?P<be>\d{1,5}) +(?P<state>-?\d{1,3})"
    r" +(?P<version>\d{1,3}) +(?P<ports>\d{1,3}) *"
)
_PORT = re.compile(
    r" *Port (?P<port>\d{1,3}):(?: Bus (?P<bus>[0-9a-f]{3}) Device (?P<device>[0-9a-f]{3}))? *"
)
_MODELS = (None, "qusb1", "qusb2")


class UsbPlace(NamedTuple):
    """Where a device of the host is: its bus and its number on it."""

    bus: int
    device: int


class UsbController(NamedTuple):
    """A guest's controller; ``held`` maps the ports that are taken to the host's devices."""

    devid: int
    type: str
    backend_domid: int
    state: int | None
    version: int
    ports: int
    held: dict[int, UsbPlace]


def usb_name(place: UsbPlace) -> str:
    """Write a device's place as lsusb does: ``001:004``."""
    return f"{place.bus:03d}:{place.device:03d}"


def parse_usb_list(text: str) -> list[UsbController]:
    """Read ``xl usb-list DOMID``: a head for each controller, a line for each of its ports.

    Without controllers nothing is printed. Raises ProtocolError.
    """
    found: list[UsbController] = []
    headed = False
    for line in text.split("\n"):
        if not line.strip():
            continue
        if _HEAD.fullmatch(line):
            headed = True
        elif headed and (match := _CONTROLLER.fullmatch(line)):
            state = int(match["state"])
            found.append(
                UsbController(
                    devid=int(match["dev"]),
                    type=match["type"],
                    backend_domid=int(match["be"]),
                    state=state if 0 <= state <= 8 else None,
                    version=int(match["version"]),
                    ports=int(match["ports"]),
                    held={},
                )
            )
            headed = False
        elif not headed and found and (match := _PORT.fullmatch(line)):
            if match["bus"] is not None:
                place = UsbPlace(int(match["bus"], 16), int(match["device"], 16))
                found[-1].held[int(match["port"])] = place
        else:
            raise ProtocolError(
                f"xl usb-list: a row that makes no sense: {printable(line, limit=120)!r}"
            )
    return found


def find_device(
    controllers: Sequence[UsbController], place: UsbPlace
) -> tuple[UsbController, int] | None:
    """Return the controller and port that hold a device of the host; None: the guest hasn't it."""
    for controller in controllers:
        for port, held in controller.held.items():
            if held == place:
                return controller, port
    return None


def place_of(usb: HostUsb, root: Path) -> UsbPlace:
    """Return where a device is; one that is named by its ids is looked for in the host's sysfs.

    Raises NotFound, InvalidInput: several devices have these ids.
    """
    if usb.bus is not None and usb.device is not None:
        if not (0 <= usb.bus <= 255 and 0 <= usb.device <= 255):
            raise InvalidInput(f"not a USB device's place: {usb.bus}:{usb.device}")
        return UsbPlace(usb.bus, usb.device)
    if usb.vendor is None or usb.product is None:
        raise InvalidInput("a USB device needs bus and device, or vendor and product")
    ids = f"{usb.vendor:04x}:{usb.product:04x}"
    found = set()
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        # A device may be pulled out while it is looked at.
        with contextlib.suppress(OSError, ValueError):
            if (folder / "idVendor").read_text().strip().lower() != ids[:4]:
                continue
            if (folder / "idProduct").read_text().strip().lower() == ids[5:]:
                place = [int((folder / name).read_text()) for name in ("busnum", "devnum")]
                found.add(UsbPlace(*place))
    if not found:
        raise NotFound(f"the host has no USB device {ids}")
    if len(found) > 1:
        places = ", ".join(usb_name(place) for place in sorted(found))
        raise InvalidInput(f"the host has several USB devices {ids}: say which, of {places}")
    return found.pop()


def usb_words(usb: HostUsb, place: UsbPlace, controllers: Sequence[UsbController]) -> list[str]:
    """Return the words of `xl usbdev-attach`.

    Without a controller's number xl takes a free port of any, and makes a controller when there
    is none. Raises AlreadyExists, InvalidInput, NotFound, Unrepresentable.
    """
    if usb.extras:
        raise Unrepresentable("xl usbdev-attach", [Problem(usb.extras[0].key, "no word for it")])
    if find_device(controllers, place) is not None:
        raise AlreadyExists(f"the guest has USB device {usb_name(place)} already")
    words = [f"hostbus={place.bus}", f"hostaddr={place.device}"]
    if usb.guest_bus is None:
        if usb.guest_port is not None:
            raise InvalidInput("a port is one of a controller's: say which controller, too")
        return words
    chosen = next((one for one in controllers if one.devid == usb.guest_bus), None)
    if chosen is None:
        raise NotFound(
            f"the guest has no USB controller {usb.guest_bus}: plug one in first, or name none "
            "and xl sees to it"
        )
    words.append(f"controller={usb.guest_bus}")
    if usb.guest_port is not None:
        if not 1 <= usb.guest_port <= chosen.ports:
            raise InvalidInput(
                f"USB controller {chosen.devid} has ports 1 to {chosen.ports}, no {usb.guest_port}"
            )
        if usb.guest_port in chosen.held:
            raise AlreadyExists(f"port {usb.guest_port} of controller {chosen.devid} is taken")
        words.append(f"port={usb.guest_port}")
    elif len(chosen.held) >= chosen.ports:
        raise AlreadyExists(f"every port of USB controller {chosen.devid} is taken")
    return words


def controller_words(
    controller: Controller, controllers: Sequence[UsbController]
) -> tuple[int, list[str]]:
    """Return the number that xl will give to the controller, and the words that make it.

    Raises AlreadyExists, InvalidInput, Unrepresentable.
    """
    if controller.type != "usb":
        raise InvalidInput(f"can't be plugged in or out: a controller of type {controller.type!r}")
    if controller.extras or controller.model not in _MODELS:
        what = controller.extras[0].key if controller.extras else f"model {controller.model!r}"
        raise Unrepresentable("xl usbctrl-attach", [Problem(what, "no word for it")])
    taken = {one.devid for one in controllers}
    if controller.index in taken:
        raise AlreadyExists(f"the guest has USB controller {controller.index} already")
    # libxl numbers behind the highest.
    number = max(taken, default=-1) + 1
    if controller.index not in (None, number):
        raise InvalidInput(f"xl numbers controllers itself: the guest's next is {number}")
    words = []
    if controller.model is not None:
        words += ["type=qusb", f"version={controller.model[-1]}"]
    if controller.ports is not None:
        if not 1 <= controller.ports <= 31:
            raise InvalidInput(f"a USB controller has 1 to 31 ports, not {controller.ports}")
        words.append(f"ports={controller.ports}")
    return number, words
