"""Plugging USB controllers and devices in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    InvalidInput,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.ports.devices import DeviceInfo
from xenparley_xl.failures import failure
from xenparley_xl.usb import (
    UsbController,
    controller_words,
    find_device,
    parse_usb_list,
    place_of,
    usb_name,
    usb_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xenparley.domain.config.devices import Controller, HostUsb
    from xenparley_xl.toolstack import Toolstack

__all__ = [
    "attach_controller",
    "attach_usb",
    "controllers",
    "detach_controller",
    "detach_usb",
    "usb_devices",
]


def controllers(stack: Toolstack, domid: int, *, deadline: float) -> list[UsbController]:
    """Return a guest's controllers and what is plugged into them. Unsupported before Xen 4.7."""
    release = stack.release()
    if release is not None and release < (4, 7):
        raise Unsupported("xl handles USB since Xen 4.7; before, it is part of a guest's making")
    return parse_usb_list(stack.read("usb-list", str(domid), deadline=deadline))


def usb_devices(stack: Toolstack, domid: int, *, deadline: float) -> Iterator[DeviceInfo]:
    """Yield controllers as ``vusb``, the host's devices at their ports as ``usb``.

    A device's number is 256 times its controller's, plus its port.
    """
    for one in controllers(stack, domid, deadline=deadline):
        yield DeviceInfo(
            kind="vusb",
            devid=one.devid,
            backend_domid=one.backend_domid,
            frontend_state=one.state,
        )
        for port, place in one.held.items():
            yield DeviceInfo(
                kind="usb",
                devid=one.devid << 8 | port,
                backend_domid=one.backend_domid,
                name=usb_name(place),
            )


def attach_usb(stack: Toolstack, domid: int, usb: HostUsb, *, deadline: float) -> None:
    """Give the guest a device of the host. What a failure leaves half done is in the error."""
    place = place_of(usb, stack.root)
    before = controllers(stack, domid, deadline=deadline)
    words = usb_words(usb, place, before)
    result = stack.change("usbdev-attach", str(domid), *words, deadline=deadline, checked=False)
    now = _after(stack, domid, "usbdev-attach", deadline)
    there = find_device(now, place) is not None
    if result.status == 0 and there:
        return
    if result.status != 0:
        error = failure(result, "xl usbdev-attach")
    else:
        error = OperationFailed("xl usbdev-attach ended well, but the device isn't listed")
    if there:
        raise OutcomeUnknown(
            f"{error.message}; the device is listed all the same",
            last_seen=f"USB device {usb_name(place)} is listed",
        )
    old = {one.devid for one in before}
    for made in (one for one in now if one.devid not in old and not one.held):
        # Not removed: it may be somebody else's, made in the same moment.
        error.message += (
            f"; USB controller {made.devid} is new and empty: xl seems to have made it for the "
            "device, unplug it if nobody else did"
        )
    raise error


def detach_usb(stack: Toolstack, domid: int, usb: HostUsb, *, deadline: float) -> None:
    """Take a device of the host away from the guest; its controller stays."""
    place = place_of(usb, stack.root)
    found = find_device(controllers(stack, domid, deadline=deadline), place)
    if found is None:
        raise NotFound(f"the guest has no USB device {usb_name(place)}")
    words = (str(found[0].devid), str(found[1]))
    stack.change("usbdev-detach", str(domid), *words, deadline=deadline)
    if find_device(_after(stack, domid, "usbdev-detach", deadline), place) is not None:
        raise OperationFailed("xl usbdev-detach ended well, but the device is listed still")


def attach_controller(
    stack: Toolstack, domid: int, controller: Controller, *, deadline: float
) -> None:
    """Give the guest a USB controller."""
    number, words = controller_words(controller, controllers(stack, domid, deadline=deadline))
    stack.change("usbctrl-attach", str(domid), *words, deadline=deadline)
    if all(one.devid != number for one in _after(stack, domid, "usbctrl-attach", deadline)):
        raise OperationFailed(f"xl usbctrl-attach ended well, but no controller {number} is listed")


def detach_controller(
    stack: Toolstack, domid: int, controller: Controller, *, deadline: float
) -> None:
    """Take a USB controller away, which must be empty: xl would take its devices along."""
    if controller.type != "usb" or controller.index is None:
        raise InvalidInput("which USB controller is unplugged is told by its index")
    held = controllers(stack, domid, deadline=deadline)
    found = next((one for one in held if one.devid == controller.index), None)
    if found is None:
        raise NotFound(f"the guest has no USB controller {controller.index}")
    if found.held:
        names = ", ".join(usb_name(place) for place in found.held.values())
        raise InvalidInput(f"USB controller {found.devid} holds {names}: unplug that first")
    stack.change("usbctrl-detach", str(domid), str(found.devid), deadline=deadline)
    left = _after(stack, domid, "usbctrl-detach", deadline)
    if any(one.devid == found.devid and one.state in (3, 4) for one in left):
        raise OperationFailed("xl usbctrl-detach ended well, but the controller is connected still")


def _after(stack: Toolstack, domid: int, command: str, deadline: float) -> list[UsbController]:
    try:
        return controllers(stack, domid, deadline=deadline)
    except XenparleyError as exc:
        raise OutcomeUnknown(
            f"xl {command} ended; what became of the device is not known: {exc.message}",
            last_seen=f"xl {command} has ended",
        ) from exc
