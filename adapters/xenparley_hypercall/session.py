"""One hypervisor: the device, the worker and the ABI that the probe found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from xenparley.domain.errors import Unsupported
from xenparley_hypercall.device import machine_arch, open_device
from xenparley_hypercall.probe import identify
from xenparley_hypercall.reads import DomainReader
from xenparley_hypercall.worker import Workers
from xenparley_wire.abi.table import InterfaceKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_hypercall.device import Device
    from xenparley_hypercall.probe import Found
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi

__all__ = ["Session", "connect"]

T = TypeVar("T")


class Session:
    """Thread-safe. After a fork the child makes its own worker and buffers on first use."""

    def __init__(self, device: Device, arch: str) -> None:
        self.arch = arch
        self._device = device
        self._workers = Workers(device)
        self._pid = os.getpid()
        self._inherited: list[Workers] = []
        self._found: Found | None = None
        self._reader: DomainReader | None = None
        self._cpus: int | None = None

    @property
    def device_name(self) -> str:
        """The device's name, for messages."""
        return self._device.name

    @property
    def found(self) -> Found:
        """What the probe found."""
        if self._found is None:
            raise Unsupported("the hypervisor has not been probed")
        return self._found

    @property
    def abi(self) -> Abi:
        """The layouts. Raises :class:`Unsupported` with the reason where none are known."""
        abi = self.found.abi
        if abi is None:
            raise Unsupported(self.found.reason or "no layouts are known for this hypervisor")
        return abi

    @property
    def reader(self) -> DomainReader:
        """Reads domain records."""
        if self._reader is None:
            self._reader = DomainReader(self.abi)
        return self._reader

    @property
    def key(self) -> InterfaceKey:
        """The interface versions."""
        abi = self.abi
        return InterfaceKey(abi.sysctl, abi.domctl, abi.dom0_op)

    def cpus(self, turn: Turn) -> int:
        """Return how many CPUs the host can have, for maps of them; asked once."""
        if self._cpus is None:
            from xenparley_hypercall.host import MAX_CPUS, physinfo

            info = physinfo(turn, self.abi)
            top = -1 if info.max_cpu_id is None else info.max_cpu_id
            self._cpus = min(max(info.nr_cpus, top + 1, 1), MAX_CPUS)
        return self._cpus

    def probe(self, deadline: float) -> Found:
        """Find out which hypervisor this is; see :func:`xenparley_hypercall.probe.identify`."""
        found = self.run(
            lambda turn: identify(turn, self.arch), deadline=deadline, operation="probe"
        )
        if self._found is None or found.abi is None or self._found.abi is None:
            self._reader = None
            self._found = found
        return found

    def run(
        self,
        job: Callable[[Turn], T],
        *,
        deadline: float,
        operation: str,
        guest: str | None = None,
    ) -> T:
        """Do a job on the worker; see :meth:`xenparley_hypercall.worker.Workers.run`."""
        if self._pid != os.getpid():
            # The worker stayed in the parent, and so did its buffers (MADV_DONTFORK): neither
            # may be touched here, not even to give them back.
            self._inherited.append(self._workers)
            self._workers = Workers(self._device, self._workers.form)
            self._pid = os.getpid()
        return self._workers.run(job, deadline=deadline, operation=operation, guest=guest)

    def close(self) -> None:
        """End the worker and close the device (unless a hypercall still hasn't returned)."""
        self._workers.close()
        if self._workers.idle():
            self._device.close()


def connect(deadline: float, device: Device | None = None, arch: str | None = None) -> Session:
    """Open the device (this machine's by default) and probe the hypervisor.

    Raises :class:`Unavailable` or :class:`AccessRefused` with the reason in words.
    """
    session = Session(device or open_device(), arch or machine_arch())
    try:
        session.probe(deadline)
    except BaseException:
        session.close()
        raise
    return session
