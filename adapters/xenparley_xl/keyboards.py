"""Virtual keyboards: `xl vkb-list`, `vkb-attach`, `vkb-detach` (Xen 4.12).

xl has no such commands for frame buffers: those are part of a guest's making.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    InvalidInput,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley.ports.devices import DeviceInfo

if TYPE_CHECKING:
    from xenparley.domain.config.devices import Input
    from xenparley_xl.toolstack import Toolstack

__all__ = ["attach_keyboard", "detach_keyboard", "keyboards", "parse_vkb_list"]

# The columns behind the first ones are empty for keyboards without an ID.
_ROW = re.compile(
    r"(?P<dev>\d{1,10}) +(?P<be>\d{1,5}) +-?\d+ +(?P<state>-?\d{1,3}) +-?\d+ +-?\d+.*"
)


def parse_vkb_list(text: str) -> list[DeviceInfo]:
    """Read ``xl vkb-list DOMID``. Raises ProtocolError for what is none."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not lines[0].startswith("Idx"):
        raise ProtocolError(f"not a table of xl vkb-list: {printable(text, limit=120)!r}")
    found = []
    for line in lines[1:]:
        match = _ROW.fullmatch(line.strip())
        if match is None:
            raise ProtocolError(
                f"xl vkb-list: a row that makes no sense: {printable(line, limit=120)!r}"
            )
        state = int(match["state"])
        found.append(
            DeviceInfo(
                kind="vkbd",
                devid=int(match["dev"]),
                backend_domid=int(match["be"]),
                frontend_state=state if 0 <= state <= 8 else None,
            )
        )
    return found


def keyboards(stack: Toolstack, domid: int, *, deadline: float) -> list[DeviceInfo]:
    """Return a guest's keyboards. Unsupported before Xen 4.12."""
    release = stack.release()
    if release is not None and release < (4, 12):
        raise Unsupported("xl handles virtual keyboards since Xen 4.12")
    return parse_vkb_list(stack.read("vkb-list", str(domid), deadline=deadline))


def attach_keyboard(stack: Toolstack, domid: int, device: Input, *, deadline: float) -> None:
    """Give the guest a virtual keyboard, which is a pointer, too; its back end is qemu."""
    _check(device)
    before = keyboards(stack, domid, deadline=deadline)
    stack.change("vkb-attach", str(domid), "backend-type=qemu", deadline=deadline)
    if len(_after(stack, domid, "vkb-attach", deadline)) <= len(before):
        raise OperationFailed("xl vkb-attach ended well, but the keyboard isn't listed")


def detach_keyboard(stack: Toolstack, domid: int, device: Input, *, deadline: float) -> None:
    """Take the guest's virtual keyboard away. InvalidInput: it has several."""
    _check(device)
    before = keyboards(stack, domid, deadline=deadline)
    if not before:
        raise NotFound("the guest has no virtual keyboard")
    if len(before) > 1:
        raise InvalidInput(
            f"the guest has {len(before)} virtual keyboards, and nothing tells which"
        )
    devid = before[0].devid
    stack.change("vkb-detach", str(domid), str(devid), deadline=deadline)
    left = _after(stack, domid, "vkb-detach", deadline)
    if any(one.devid == devid and one.frontend_state in (3, 4) for one in left):
        raise OperationFailed("xl vkb-detach ended well, but the keyboard is connected still")


def _check(device: Input) -> None:
    if device.bus != "xen":
        bus = printable(str(device.bus), limit=40)
        raise InvalidInput(f"xl plugs input devices of the bus xen only, not {bus}")


def _after(stack: Toolstack, domid: int, command: str, deadline: float) -> list[DeviceInfo]:
    try:
        return keyboards(stack, domid, deadline=deadline)
    except XenparleyError as exc:
        raise OutcomeUnknown(
            f"xl {command} ended well; what became of the keyboard is not known: {exc.message}",
            last_seen=f"xl {command} ended with status 0",
        ) from exc
