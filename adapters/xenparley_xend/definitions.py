"""Definitions: kept by XenD from 3.0.4 on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from attrs import evolve

from xenparley.domain.errors import AlreadyExists, InvalidState, NotFound, Unsupported
from xenparley.domain.identity import GuestRef, canonical_uuid, printable
from xenparley.negotiation.capability import Capability
from xenparley_formats.sxp_read import VOLATILE, config_from_sxp
from xenparley_xend.doors import Op
from xenparley_xend.inventory import guests
from xenparley_xend.lifecycle import check_holdable
from xenparley_xend.passwords import unsecret

if TYPE_CHECKING:
    from xenparley.domain.config import Extra, GuestConfig
    from xenparley_wire.sxp import Sexp
    from xenparley_xend.calls import Calls
    from xenparley_xend.rows import Seen

__all__ = ["DefinitionsPort"]

C = Capability
_LIVE_ONLY: Final = frozenset((*VOLATILE, "domid"))
#: Devices that a living guest has of its own: they are no part of its definition.
_OWN_DEVICES: Final = frozenset({"console", "vkbd"})


class DefinitionsPort:
    """Reads and writes configurations."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return the definition; of a guest that lives, XenD tells what it runs with."""
        with self._calls.call(C.READ_DEFINED, deadline, guest):
            self._check_managed()
            found = self._calls.defined(guest, deadline)
            config = config_from_sxp(
                _dormant(found.tree), version=self._calls.release.format, source="xend"
            )
            return evolve(config, domid=None)

    def read_live(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what the guest runs with."""
        with self._calls.call(C.READ_LIVE, deadline, guest):
            found = self._calls.living(guest, deadline)
            config = config_from_sxp(found.tree, version=self._calls.release.format, source="xend")
            return evolve(config, domid=found.seen.domid, uuid=found.seen.uuid)

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Add or replace a definition; what an old one holds and we don't know is kept."""
        from xenparley_formats.sxp_write import config_to_sxp

        calls = self._calls
        guest = GuestRef(uuid=config.uuid, name=config.name)
        with calls.call(C.DEFINE, deadline, guest) as door, unsecret(config):
            self._check_managed()
            check_holdable(config.name)
            uuid = None if config.uuid is None else canonical_uuid(config.uuid)
            old = None
            for one in guests(calls, deadline, living=False):
                if uuid is not None and one.uuid == uuid:
                    old = one
                elif one.name == config.name:
                    if uuid is not None or not calls.may_be_defined(one):
                        raise AlreadyExists(
                            f"the name {printable(config.name)} is taken by {one.uuid}"
                        )
                    old = one
            if uuid is None:
                uuid = old.uuid if old is not None and old.uuid is not None else str(uuid4())
            said = evolve(config, uuid=uuid, domid=None, extras=self._extras(config, old, deadline))
            door_ = calls.xmlrpc or door
            door_.new(config_to_sxp(said, version=calls.release.format), deadline)
            return GuestRef(uuid=uuid, name=config.name)

    def _extras(self, config: GuestConfig, old: Seen | None, deadline: float) -> tuple[Extra, ...]:
        """Return what the configuration keeps, and what only the old definition does."""
        if old is None or old.uuid is None:
            return config.extras
        try:
            found = self._calls.defined(GuestRef(uuid=old.uuid), deadline)
        except NotFound:
            return config.extras
        held = config_from_sxp(
            _dormant(found.tree), version=self._calls.release.format, source="xend"
        )
        said = {extra.key for extra in config.extras if extra.format == "sxp"}
        return (*config.extras, *(e for e in held.extras if e.key not in said))

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Remove a definition. XenD keeps that of a living guest: InvalidState."""
        with self._calls.call(C.UNDEFINE, deadline, guest) as door:
            self._check_managed()
            found = self._calls.defined(guest, deadline)
            if found.seen.domid is not None:
                raise InvalidState(
                    f"{guest} is living, and XenD forgets only definitions of guests that are not",
                    phase="active",
                    allowed=("destroy", "shutdown"),
                )
            door.command(found.seen.uuid or found.key, Op("delete"), deadline)

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Set ``on_xend_start``: the definition is given anew, all else as XenD holds it."""
        with self._calls.call(C.SET_AUTOSTART, deadline, guest) as door:
            self._check_managed()
            found = self._calls.defined(guest, deadline)
            if found.seen.autostart is enabled:
                return
            tree = [item for item in _dormant(found.tree) if _key(item) != "on_xend_start"]
            tree[0] = "vm"
            tree.append(["on_xend_start", "start" if enabled else "ignore"])
            (self._calls.xmlrpc or door).new(tree, deadline)

    def _check_managed(self) -> None:
        if not self._calls.release.manages:
            raise Unsupported("XenD keeps definitions from Xen 3.0.4 on; before, /etc/xen does")


def _key(item: Sexp) -> str | None:
    return item[0] if isinstance(item, list) and item and isinstance(item[0], str) else None


def _dormant(tree: Sexp) -> list[Sexp]:
    """Return the tree without what is true of a living guest only."""
    if not isinstance(tree, list):
        return []
    living = any(_key(item) == "domid" for item in tree)
    kept: list[Sexp] = []
    for item in tree:
        key = _key(item)
        if key in _LIVE_ONLY:
            continue
        inner = item[1] if isinstance(item, list) and len(item) > 1 else None
        if living and key == "device" and inner is not None and _key(inner) in _OWN_DEVICES:
            continue
        kept.append(item)
    return kept
