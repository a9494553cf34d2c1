"""What living guests run with, as xl keeps it. xl has no definitions: those are files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import Unsupported
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.identity import GuestRef
    from xenparley_xl.toolstack import Toolstack

__all__ = ["DefinitionsPort"]

C = Capability
_FILES = "xl keeps no definitions: they are files of /etc/xen"


class DefinitionsPort:
    """Reads living guests' configurations."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def read_live(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what the guest runs with: `xl list -l`, name and handle from the hypervisor."""
        from attrs import evolve

        from xenparley_xl.live import parse_long_list, printed

        with self._stack.call(C.READ_LIVE, guest):
            line = self._stack.living(guest, deadline=deadline)
            text = printed(self._stack, line.domid, deadline=deadline)
            if text.lstrip().startswith("("):
                from xenparley_xl.sxp_model import config_of_sxp

                config = config_of_sxp(text, line.domid)
            else:
                from xenparley_xl.json_model import config_of

                config = config_of(parse_long_list(text).get(line.domid), line.domid)
            return evolve(config, domid=line.domid, uuid=line.uuid, name=line.name or config.name)

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Raise Unsupported."""
        with self._stack.call(C.READ_DEFINED, guest):
            raise Unsupported(_FILES)

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Raise Unsupported."""
        with self._stack.call(C.DEFINE):
            raise Unsupported(_FILES)

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Raise Unsupported."""
        with self._stack.call(C.UNDEFINE, guest):
            raise Unsupported(_FILES)

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Raise Unsupported."""
        with self._stack.call(C.SET_AUTOSTART, guest):
            raise Unsupported(_FILES)
