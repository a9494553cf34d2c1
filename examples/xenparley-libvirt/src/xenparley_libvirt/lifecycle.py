"""Steering guests through their life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libvirt

from xenparley.domain import errors
from xenparley.domain.config import GuestConfig
from xenparley.domain.identity import GuestRef, check_name
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_libvirt.documents import written
from xenparley_libvirt.session import Session, defined, living

__all__ = ["LifecyclePort"]

_CHOICE = "as libvirt chooses"
_BRIEFLY = "libvirt's driver can't start a guest paused: this one ran for a moment"


class LifecyclePort:
    """Commands; libvirt answers when they are accepted."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
        """Make and start a guest that libvirt does not keep."""
        guest = GuestRef(uuid=config.uuid, name=config.name)

        def work(connection: Any) -> Receipt:
            check_name(config.name)
            _free(connection, config)
            text = written(config, connection.getType().lower())
            return _started(paused, lambda flags: connection.createXML(text, flags))

        return self._session.call(Capability.CREATE, guest, deadline, work)

    def start(self, guest: GuestRef, *, paused: bool, deadline: float) -> Receipt:
        """Start a guest that libvirt keeps."""

        def work(connection: Any) -> Receipt:
            domain = defined(connection, guest)
            if domain.isActive():
                raise errors.AlreadyExists(f"{guest} is living already")

            def start(flags: int) -> Any:
                domain.createWithFlags(flags)
                return domain

            return _started(paused, start)

        return self._session.call(Capability.START, guest, deadline, work)

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Take the guest off its CPUs."""

        def work(domain: Any) -> None:
            if domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:
                domain.suspend()

        return self._steer(Capability.PAUSE, guest, deadline, work)

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Let the guest run again."""

        def work(domain: Any) -> None:
            if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()

        return self._steer(Capability.UNPAUSE, guest, deadline, work)

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to power off; how is libvirt's choice."""
        return self._steer(Capability.SHUTDOWN, guest, deadline, lambda d: d.shutdown(), _CHOICE)

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to reboot; how is libvirt's choice."""
        return self._steer(Capability.REBOOT, guest, deadline, lambda d: d.reboot(0), _CHOICE)

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pull the plug."""

        def work(domain: Any) -> None:
            try:
                domain.destroy()
            except libvirt.libvirtError as exc:
                if exc.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                    raise errors.NotFound(f"{guest} is gone: {exc}") from exc
                raise

        return self._steer(Capability.DESTROY, guest, deadline, work)

    def _steer(
        self,
        capability: Capability,
        guest: GuestRef,
        deadline: float,
        command: Callable[[Any], object],
        how: str | None = None,
    ) -> Receipt:
        def work(connection: Any) -> Receipt:
            command(living(connection, guest))
            return Receipt(how=how)

        return self._session.call(capability, guest, deadline, work)


def _free(connection: Any, config: GuestConfig) -> None:
    """Refuse a name or UUID that libvirt has already: it would say so in words of its own."""
    for domain in connection.listAllDomains(0):
        if domain.name() == config.name or domain.UUIDString() == config.uuid:
            what = "living" if domain.isActive() else "defined"
            raise errors.AlreadyExists(f"{domain.name()} ({domain.UUIDString()}) is {what} already")


def _started(paused: bool, start: Callable[[int], Any]) -> Receipt:
    if not paused:
        return Receipt(domid=start(0).ID())
    try:
        return Receipt(domid=start(libvirt.VIR_DOMAIN_START_PAUSED).ID())
    except libvirt.libvirtError as exc:
        if exc.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
    # The driver refused the flag before it did anything.
    domain = start(0)
    domain.suspend()
    return Receipt(domid=domain.ID(), warnings=(_BRIEFLY,))
