"""Requests to the hypervisor over one device, with buffers that are kept and used again.

Used by one thread at a time (the worker's).
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final

from xenparley_hypercall.device import IOCTL_HYPERCALL, IOCTL_HYPERCALL_OLD32
from xenparley_wire.abi.abi import MAX_OP_SIZE
from xenparley_wire.abi.version import HYPERCALL as XEN_VERSION
from xenparley_wire.abi.version import VERSION

if TYPE_CHECKING:
    from xenparley_hypercall.device import Buffer, Device
    from xenparley_wire.abi.abi import Request

__all__ = ["LIST", "Form", "Transport"]

#: Errors by which a kernel says that it doesn't know the ioctl (and an old one any of them).
NO_SUCH_IOCTL: Final = frozenset({errno.EINVAL, errno.ENOTTY, errno.ENOSYS})
#: The use of the buffer for lists of domains.
LIST: Final = "domains"
#: Longest data buffer that is kept between calls; longer ones are given back.
_KEEP: Final = 256 * 1024


class Form:
    """The form of the ioctl that the kernel takes; shared by all transports of a device."""

    __slots__ = ("request", "struct")

    def __init__(self) -> None:
        self.request = IOCTL_HYPERCALL
        self.struct = struct.Struct("<6Q")

    def be_old(self) -> None:
        """Change to the form of 32-bit kernels of Xen 3.0.0 to 3.0.2."""
        self.request, self.struct = IOCTL_HYPERCALL_OLD32, struct.Struct("<6I")


class Transport:
    """Sends hypercalls. Raises OSError with the hypervisor's errno."""

    def __init__(self, device: Device, form: Form | None = None) -> None:
        self.device = device
        self._form = form or Form()
        self._op: Buffer | None = None
        self._kept: dict[str, Buffer] = {}

    def hypercall(self, number: int, *args: int) -> int:
        """Do one hypercall with up to five arguments; return what it returned (not negative)."""
        form = self._form
        argument = bytearray(form.struct.pack(number, *args, *(0,) * (5 - len(args))))
        return self.device.ioctl(form.request, argument)

    def xen_version(self, arch: str) -> int:
        """Return XENVER_version's number; finds out which form of the ioctl the kernel takes.

        The 24-byte form exists on 32-bit kernels of Xen 3.0.0 to 3.0.2 only.
        """
        try:
            return self.hypercall(XEN_VERSION, VERSION, 0)
        except OSError as exc:
            if exc.errno not in NO_SUCH_IOCTL or arch != "x86_32":
                raise
        self._form.be_old()
        return self.hypercall(XEN_VERSION, VERSION, 0)

    def send(self, request: Request) -> tuple[int, bytes]:
        """Do one request; return the result and the struct as the hypervisor left it.

        The op buffer is zeroed and always as large as the largest struct of any release.
        """
        op = self._op
        if op is None:
            op = self._op = self.device.allocate(MAX_OP_SIZE)
        size = len(request.data)
        op.view[:MAX_OP_SIZE] = request.data + bytes(MAX_OP_SIZE - size)
        result = self.hypercall(request.hypercall, *request.lead, op.address)
        return result, bytes(op.view[:size])

    def buffer(self, size: int, use: str = "data") -> Buffer:
        """Return a buffer of at least ``size`` bytes, valid until the same use asks again.

        It is zeroed, unless ``use`` is ``domains``: of a list only the records that the
        hypervisor says it wrote are read. Buffers of different ``use`` don't overlap.
        """
        kept = self._kept.get(use)
        if kept is None or not size <= len(kept.view) <= max(_KEEP, size):
            if kept is not None:
                del self._kept[use]
                kept.close()
            kept = self._kept[use] = self.device.allocate(size)
        if use != LIST:
            kept.view[:size] = bytes(size)
        return kept

    def close(self) -> None:
        """Give the buffers back; the device stays open."""
        op, self._op = self._op, None
        kept, self._kept = self._kept, {}
        for buffer in (*([op] if op is not None else ()), *kept.values()):
            buffer.close()
