"""A simulated hypervisor at the ioctl boundary: bytes in, bytes out, for any release of the table.

Its memory is its own: addresses are handed out by :meth:`SimulatedDevice.allocate` and everything
else is -EFAULT, as on a host. It answers as each release does: the test of rights comes before
the one of the interface version in dom0_op, in sysctl up to 4.2 and in domctl up to 3.4, and
after it since.
"""

from __future__ import annotations

import errno
import struct
import threading
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from xenparley_sim.ioctl_model import Rights, refuse
from xenparley_sim.ioctl_ops import Operations
from xenparley_sim.ioctl_version import Versions
from xenparley_wire.abi.table import InterfaceKey, load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from xenparley_sim.ioctl_model import HypercallModel

__all__ = ["Memory", "SimBuffer", "SimulatedDevice"]

_IOCTL: Final = 0x00305000
_IOCTL_OLD32: Final = 0x00185000
_PAGE: Final = 4096


class SimBuffer:
    """Memory that the simulated hypervisor can reach."""

    def __init__(self, memory: Memory, address: int, size: int) -> None:
        self._memory = memory
        self._data = bytearray(size)
        self.address = address
        self.view = memoryview(self._data)

    def close(self) -> None:
        """Give it back; the address is no longer valid."""
        self._memory.forget(self)
        self.view.release()


class Memory:
    """The caller's memory as the hypervisor sees it. Addresses fit 32 bits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0x10000
        self._starts: list[int] = []
        self._buffers: list[SimBuffer] = []

    @property
    def in_use(self) -> int:
        """How many buffers are there."""
        return len(self._buffers)

    def allocate(self, size: int) -> SimBuffer:
        """Return whole pages, with a hole behind them."""
        pages = max((size + _PAGE - 1) // _PAGE, 1)
        with self._lock:
            buffer = SimBuffer(self, self._next, pages * _PAGE)
            self._starts.append(self._next)
            self._buffers.append(buffer)
            self._next += (pages + 1) * _PAGE
        return buffer

    def forget(self, buffer: SimBuffer) -> None:
        """Take a buffer away."""
        with self._lock:
            at = self._buffers.index(buffer)
            del self._buffers[at], self._starts[at]

    def _find(self, address: int, size: int) -> memoryview:
        at = bisect_right(self._starts, address) - 1
        if at < 0 or size < 0:
            raise refuse(errno.EFAULT)
        offset = address - self._starts[at]
        view = self._buffers[at].view
        if offset + size > len(view):
            raise refuse(errno.EFAULT)
        return view[offset : offset + size]

    def read(self, address: int, size: int) -> bytes:
        """Return bytes; OSError EFAULT where there are none."""
        return bytes(self._find(address, size))

    def write(self, address: int, data: bytes | bytearray) -> None:
        """Write bytes; OSError EFAULT where there is nothing."""
        self._find(address, len(data))[:] = data


class SimulatedDevice:
    """A privcmd device with a hypervisor of the given release behind it.

    ``version`` is (major, minor) as XENVER_version tells it. ``privileged`` False is a guest
    that is not dom0. ``denied`` lists ops that a FLASK policy refuses (``sysctl.sched_id``).
    ``key`` may be a pair that no release has: a hypervisor newer than the table, whose layouts
    are those of the newest. ``before`` is called with (hypercall number) ahead of each call, for
    tests that delay or fail it.
    """

    name = "simulated privcmd"

    def __init__(
        self,
        model: HypercallModel,
        *,
        key: InterfaceKey,
        version: tuple[int, int],
        extraversion: str = ".0",
        arch: str = "x86_64",
        layout_key: InterfaceKey | None = None,
        privileged: bool = True,
        denied: Collection[str] = (),
        before: Callable[[int], None] | None = None,
    ) -> None:
        self.key = key
        self.version = version
        self.memory = Memory()
        #: What the caller may do; may be changed at any time.
        self.rights = Rights(privileged, set(denied))
        #: Numbers of the hypercalls that were made, and names of the ops that were carried out.
        self.calls: list[int] = []
        self.done: list[str] = []
        self._before = before
        abi = load(arch, layout_key or key, version)
        self._operations = Operations(model, abi, key, version, self.memory, self.rights, self.done)
        self._versions = Versions(model, version, extraversion, self.memory, self.rights)
        # 32-bit kernels of 3.0.0 to 3.0.2 had an ioctl with 32-bit members, and only that.
        self._old32 = arch == "x86_32" and bool(key.dom0_op)

    def allocate(self, size: int) -> SimBuffer:
        """Return zeroed memory."""
        return self.memory.allocate(size)

    def close(self) -> None:
        """Nothing to close."""

    def ioctl(self, request: int, argument: bytearray) -> int:
        """Do one ioctl: the struct {op, arg[5]} in ``argument``."""
        expected, form = (_IOCTL_OLD32, "<6I") if self._old32 else (_IOCTL, "<6Q")
        if request != expected:
            raise refuse(errno.ENOTTY)
        if len(argument) != struct.calcsize(form):
            raise refuse(errno.EFAULT)
        number, *args = struct.unpack(form, argument)
        self.calls.append(number)
        if self._before is not None:
            self._before(number)
        if number == 17:
            return self._versions.call(args[0], args[1])
        return self._operations.call(number, args)
