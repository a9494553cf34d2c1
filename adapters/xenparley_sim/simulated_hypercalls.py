"""The hypercall device of a simulated host, as those who open it meet it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import AccessRefused, Unavailable
from xenparley_sim.ioctl_hypervisor import HypervisorModel
from xenparley_sim.ioctl_model import refuse

if TYPE_CHECKING:
    from xenparley_sim.hypervisor import Hypervisor
    from xenparley_sim.ioctl import SimBuffer, SimulatedDevice

__all__ = ["BareModel", "HypercallDoor"]

_VERSION: Final = 17


class BareModel(HypervisorModel):
    """A host whose toolstack isn't told when a hypercall alone destroys a domain."""

    def __init__(self, hypervisor: Hypervisor, destroyed: Callable[[int], None]) -> None:
        super().__init__(hypervisor)
        self._destroyed = destroyed

    def destroy(self, domid: int) -> None:
        """Pull the plug; keys and back ends stay where nobody clears up."""
        self._destroyed(domid)
        super().destroy(domid)


class HypercallDoor:
    """``/dev/xen/privcmd``: opens the device, or says why not; misbehaves when told."""

    def __init__(self, device: SimulatedDevice, *, there: bool) -> None:
        self.device = device
        self.there = there
        self.fault: str | None = None
        self.seconds = 0.0
        self._ended = threading.Event()
        write = device.memory.write

        def lying(address: int, data: bytes | bytearray) -> None:
            write(address, b"\xff" * len(data) if self.fault == "lying" else data)

        device.memory.write = lying  # type: ignore[method-assign]

    def open(self) -> SimulatedDevice | _Handle:
        """Open it as root. Raises Unavailable when it isn't there."""
        if not self.there or self.fault == "absent":
            raise Unavailable(
                "no /dev/xen/privcmd or /proc/xen/privcmd: simulated", operation="open"
            )
        return _Handle(self)

    def open_as_user(self) -> SimulatedDevice:
        """Open it as somebody without rights: nobody but root may."""
        if not self.there or self.fault == "absent":
            raise Unavailable(
                "no /dev/xen/privcmd or /proc/xen/privcmd: simulated", operation="open"
            )
        raise AccessRefused(
            "/dev/xen/privcmd: Permission denied: hypercalls need root", operation="open"
        )

    def set(self, fault: str | None, seconds: float = 1.0) -> None:
        """Misbehave from now on; None: no more."""
        self.fault, self.seconds = fault, seconds
        self.device.rights.privileged = fault != "refused"
        self._ended.set()
        self._ended = threading.Event()

    def release(self) -> None:
        """Let go of calls that are held back."""
        self.set(None)

    def before(self, number: int) -> None:
        """Do what the fault does ahead of a hypercall."""
        fault = self.fault
        if fault == "absent":
            raise refuse(errno.ENODEV)
        if fault == "slow":
            self._ended.wait(self.seconds)
        elif fault == "hung":
            self._ended.wait()
            raise refuse(errno.EINTR)
        elif fault == "dead" and number != _VERSION:
            raise refuse(errno.EIO)


class _Handle:
    """One open descriptor."""

    name = "simulated privcmd"

    def __init__(self, door: HypercallDoor) -> None:
        self._door = door

    def ioctl(self, request: int, argument: bytearray) -> int:
        """Do one ioctl."""
        self._door.before(int.from_bytes(argument[:8], "little"))
        return self._door.device.ioctl(request, argument)

    def allocate(self, size: int) -> SimBuffer:
        """Return zeroed memory."""
        return self._door.device.allocate(size)

    def close(self) -> None:
        """Nothing to close."""
