"""Guest definitions: what libvirt keeps."""

from __future__ import annotations

import uuid as uuids
from typing import Any

import libvirt
from attrs import evolve

from xenparley.domain import errors
from xenparley.domain.config import GuestConfig
from xenparley.domain.identity import GuestRef, canonical_uuid, check_name
from xenparley.negotiation.capability import Capability
from xenparley_libvirt.documents import read, written
from xenparley_libvirt.session import Session, defined, living

__all__ = ["DefinitionsPort"]

_KEPT = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


class DefinitionsPort:
    """Reads and writes definitions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return the definition."""

        def work(connection: Any) -> GuestConfig:
            domain = defined(connection, guest)
            return evolve(read(domain.XMLDesc(_KEPT)), autostart=bool(domain.autostart()))

        return self._session.call(Capability.READ_DEFINED, guest, deadline, work)

    def read_live(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what the living guest runs with."""

        def work(connection: Any) -> GuestConfig:
            domain = living(connection, guest)
            text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
            return evolve(read(text), domid=domain.ID())

        return self._session.call(Capability.READ_LIVE, guest, deadline, work)

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Add the definition, or replace the one with its UUID, or with its name if it has none."""
        guest = GuestRef(uuid=config.uuid, name=config.name)

        def work(connection: Any) -> GuestRef:
            check_name(config.name)
            kept = {d.name(): d for d in connection.listAllDomains(0)}
            same = kept.get(config.name)
            if config.uuid is not None:
                uuid = canonical_uuid(config.uuid)
            else:
                uuid = same.UUIDString() if same is not None else str(uuids.uuid4())
            if same is not None and same.UUIDString() != uuid:
                raise errors.AlreadyExists(f"{config.name} is the name of {same.UUIDString()}")
            before = next((d for d in kept.values() if d.UUIDString() == uuid), None)
            if before is not None and before.name() != config.name:
                # libvirt has no redefinition under another name.
                before = _renamed(before, config.name)
            text = written(
                evolve(config, uuid=uuid),
                connection.getType().lower(),
                before.XMLDesc(_KEPT) if before is not None and before.isPersistent() else None,
            )
            domain = connection.defineXML(text)
            if config.autostart is not None:
                domain.setAutostart(int(config.autostart))
            return GuestRef(uuid=uuid, name=config.name)

        return self._session.call(Capability.DEFINE, guest, deadline, work)

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Remove the definition; a living guest goes on without one."""
        self._session.call(
            Capability.UNDEFINE, guest, deadline, lambda c: defined(c, guest).undefine()
        )

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Have libvirt start the guest when it starts itself, or not."""
        self._session.call(
            Capability.SET_AUTOSTART,
            guest,
            deadline,
            lambda c: defined(c, guest).setAutostart(int(enabled)),
        )


def _renamed(domain: Any, name: str) -> Any:
    if domain.isActive():
        raise errors.InvalidState(f"{domain.name()} is living: libvirt can't rename it to {name}")
    domain.rename(name, 0)
    return domain
