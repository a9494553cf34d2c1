"""Changing definitions, memory, virtual CPUs, scheduling and devices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from xenparley.application.base import HostBase
from xenparley.application.finding import Guest
from xenparley.domain.errors import InvalidInput, NotFound
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from xenparley.domain.config import Disk, GuestConfig
    from xenparley.ports.devices import AnyDevice

__all__ = ["Changes"]


class Changes(HostBase):
    """Commands that change what a guest is, not where it is in its life."""

    def define(self, config: GuestConfig, *, timeout: float | None = None) -> GuestRef:
        """Define a guest, or redefine the one with its UUID; returns its UUID and name.

        Raises ConfigError with everything that is wrong, AlreadyExists when the name is taken.
        """
        from xenparley.domain.config.validate import check

        deadline = self._deadline(timeout)
        check(config)
        ref = GuestRef(uuid=config.uuid, name=config.name)
        # A guest that is defined already is redefined where it is.
        key = GuestRef(uuid=config.uuid) if config.uuid else GuestRef(name=config.name)
        try:
            keeper = self._finder.one(key, (), deadline).sources.get(Field.DEFINED)
        except NotFound:
            keeper = None
        defined, _ = self._dispatcher.send(
            Capability.DEFINE,
            ref,
            lambda port, until: port.define(config, deadline=until),
            deadline,
            only=keeper,
        )
        return defined  # type: ignore[no-any-return]

    def undefine(self, guest: Guest, *, timeout: float | None = None) -> None:
        """Remove a definition. A living guest goes on, and is gone for good when it ends."""
        self._of_definition(
            Capability.UNDEFINE,
            guest,
            lambda port, ref, until: port.undefine(ref, deadline=until),
            timeout,
        )

    def set_autostart(self, guest: Guest, enabled: bool, *, timeout: float | None = None) -> None:
        """Have the host start a defined guest when it boots, or not."""
        self._of_definition(
            Capability.SET_AUTOSTART,
            guest,
            lambda port, ref, until: port.set_autostart(ref, enabled, deadline=until),
            timeout,
        )

    def _of_definition(
        self,
        capability: Capability,
        guest: Guest,
        call: Callable[[Any, GuestRef, float], None],
        timeout: float | None,
    ) -> None:
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        if info.defined is False:
            raise NotFound(
                f"{info.ref} is not defined", guest=str(info.ref), operation=capability.value
            )
        ref = info.definition_ref
        self._dispatcher.send(
            capability,
            ref,
            lambda port, until: call(port, ref, until),
            deadline,
            only=info.sources.get(Field.DEFINED),
        )

    def set_memory(self, guest: Guest, kib: int, *, timeout: float | None = None) -> None:
        """Ask a guest's balloon for this many KiB; it gets there in its own time."""
        _positive(kib, "KiB")
        self._change(
            Capability.SET_MEMORY_TARGET,
            guest,
            lambda port, ref, until: port.set_target(ref, kib, deadline=until),
            timeout,
        )

    def set_max_memory(self, guest: Guest, kib: int, *, timeout: float | None = None) -> None:
        """Limit a guest's memory to this many KiB; refused below what it has."""
        _positive(kib, "KiB")
        self._change(
            Capability.SET_MEMORY_MAXIMUM,
            guest,
            lambda port, ref, until: port.set_maximum(ref, kib, deadline=until),
            timeout,
        )

    def set_vcpus(self, guest: Guest, online: int, *, timeout: float | None = None) -> None:
        """Have this many virtual CPUs online."""
        _positive(online, "virtual CPUs")
        self._change(
            Capability.SET_VCPUS,
            guest,
            lambda port, ref, until: port.set_vcpus(ref, online, deadline=until),
            timeout,
        )

    def pin_vcpu(
        self, guest: Guest, vcpu: int, cpus: Collection[int], *, timeout: float | None = None
    ) -> None:
        """Let a virtual CPU run on these host CPUs only."""
        if not cpus:
            raise InvalidInput("no host CPU to run on")
        self._change(
            Capability.PIN_VCPU,
            guest,
            lambda port, ref, until: port.pin_vcpu(ref, vcpu, cpus, deadline=until),
            timeout,
        )

    def set_scheduler_parameters(
        self, guest: Guest, values: Mapping[str, int], *, timeout: float | None = None
    ) -> None:
        """Change the named scheduling parameters of a guest."""
        self._change(
            Capability.SET_SCHEDULER_PARAMETERS,
            guest,
            lambda port, ref, until: port.set_parameters(ref, dict(values), deadline=until),
            timeout,
        )

    def attach_device(
        self, guest: Guest, device: AnyDevice, *, timeout: float | None = None
    ) -> None:
        """Plug a disk, interface or PCI function into a living guest; some hosts plug more.

        With xl a USB device or controller (Xen 4.7) or a virtual keyboard (Xen 4.12), too.
        """
        self._change(
            Capability.ATTACH_DEVICE,
            guest,
            lambda port, ref, until: port.attach(ref, device, deadline=until),
            timeout,
        )

    def detach_device(
        self, guest: Guest, device: AnyDevice, *, timeout: float | None = None
    ) -> None:
        """Unplug a device, found by its target, MAC, address or (USB controllers) index."""
        self._change(
            Capability.DETACH_DEVICE,
            guest,
            lambda port, ref, until: port.detach(ref, device, deadline=until),
            timeout,
        )

    def change_media(self, guest: Guest, device: Disk, *, timeout: float | None = None) -> None:
        """Put another medium into a drive; a device without a source path ejects."""
        self._change(
            Capability.CHANGE_MEDIA,
            guest,
            lambda port, ref, until: port.change_media(ref, device, deadline=until),
            timeout,
        )

    def _change(
        self,
        capability: Capability,
        guest: Guest,
        call: Callable[[Any, GuestRef, float], None],
        timeout: float | None,
    ) -> None:
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        ref = self._aim(guest, info)
        self._dispatcher.send(
            capability,
            ref,
            lambda port, until: call(port, ref, until),
            deadline,
            only=None if info.living else info.sources.get(Field.DEFINED),
        )


def _positive(number: int, what: str) -> None:
    if type(number) is not int or not 0 < number < 1 << 53:
        raise InvalidInput(f"not a number of {what}: {number!r}")
