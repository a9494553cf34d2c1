"""The privcmd device: what the rest needs of it, and the one of Linux."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final, Protocol

from xenparley.domain.errors import AccessRefused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "BUFFER_NODE",
    "IOCTL_HYPERCALL",
    "IOCTL_HYPERCALL_OLD32",
    "NODES",
    "Buffer",
    "Device",
    "LinuxDevice",
    "machine_arch",
    "open_device",
]

#: Tools prefer the first since Xen 4.7; up to 4.6, and on XenLinux, there is only the second.
NODES: Final[tuple[str, ...]] = ("/dev/xen/privcmd", "/proc/xen/privcmd")
#: Memory for hypercall arguments that never moves (Linux 4.18 and later).
BUFFER_NODE: Final = "/dev/xen/hypercall"

#: _IOC(_IOC_NONE, 'P', 0, 48): {u64 op; u64 arg[5]}.
IOCTL_HYPERCALL: Final = 0x00305000
#: The same with 24 bytes: 32-bit kernels of Xen 3.0.0 to 3.0.2, {unsigned long op, arg[5]}.
IOCTL_HYPERCALL_OLD32: Final = 0x00185000


class Buffer(Protocol):
    """Memory that the hypervisor may read and write: resident, at one address until closed."""

    @property
    def address(self) -> int:
        """Where it begins."""
        ...

    @property
    def view(self) -> memoryview:
        """Its bytes, writable."""
        ...

    def close(self) -> None:
        """Give it back. Nothing may still use it."""
        ...


class Device(Protocol):
    """An open privcmd device. May be used by several threads at once."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def ioctl(self, request: int, argument: bytearray) -> int:
        """Do one ioctl and return what the hypervisor returned. Raises OSError."""
        ...

    def allocate(self, size: int) -> Buffer:
        """Return a zeroed buffer of at least ``size`` bytes. Raises OSError."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def machine_arch() -> str:
    """Return the architecture whose layouts this *process* uses (``x86_64``, ``x86_32``...).

    A 32-bit process passes 32-bit layouts, whatever the kernel is.
    """
    machine = os.uname().machine
    wide = sys.maxsize > 2**32
    if machine in ("x86_64", "amd64"):
        return "x86_64" if wide else "x86_32"
    if machine in ("i386", "i486", "i586", "i686"):
        return "x86_32"
    if machine in ("aarch64", "arm64"):
        return "arm64" if wide else "arm32"
    return "arm32" if machine.startswith("arm") else machine


class LinuxDevice:
    """The privcmd device of Linux."""

    def __init__(self, fd: int, name: str, buffer_fd: int | None) -> None:
        """Take over the open descriptors; use :func:`open_device`."""
        import fcntl

        self._fd = fd
        self._buffer_fd = buffer_fd
        self.name = name
        self._ioctl: Callable[[int, int, bytearray, bool], int] = fcntl.ioctl

    def ioctl(self, request: int, argument: bytearray) -> int:
        """Do one ioctl; blocks as long as the hypervisor takes.

        fcntl.ioctl lets other threads run meanwhile for arguments of up to 1024 bytes.
        """
        fd = self._fd
        if fd < 0:
            raise OSError(errno.EBADF, f"{self.name} is closed")
        return self._ioctl(fd, request, argument, True)

    def allocate(self, size: int) -> Buffer:
        """Map memory on /dev/xen/hypercall, or lock anonymous memory where that isn't there."""
        from xenparley_hypercall.memory import anonymous_buffer, device_buffer

        if self._buffer_fd is not None:
            return device_buffer(self._buffer_fd, size)
        return anonymous_buffer(size)

    def close(self) -> None:
        """Close the descriptors. Buffers stay until they are closed."""
        fd, self._fd = self._fd, -1
        buffer_fd, self._buffer_fd = self._buffer_fd, None
        if fd >= 0:
            os.close(fd)
        if buffer_fd is not None:
            os.close(buffer_fd)


def open_device(nodes: Sequence[str] = NODES, buffer_node: str | None = BUFFER_NODE) -> LinuxDevice:
    """Open the first node that is there.

    Raises :class:`Unavailable` if there is none (not a Xen host, or a container without the
    device), :class:`AccessRefused` if this user may not open it.
    """
    missing: list[str] = []
    for node in nodes:
        try:
            fd = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        except OSError as exc:
            if exc.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR):
                missing.append(node)
                continue
            if exc.errno in (errno.EACCES, errno.EPERM):
                raise AccessRefused(
                    f"{node}: {os.strerror(exc.errno)}: hypercalls need root", operation="open"
                ) from exc
            raise Unavailable(f"{node}: {exc.strerror}", operation="open") from exc
        return LinuxDevice(fd, node, _open_buffer_node(buffer_node))
    raise Unavailable(_why_missing(missing), operation="open")


def _open_buffer_node(node: str | None) -> int | None:
    if node is None:
        return None
    try:
        return os.open(node, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # Linux before 4.18, or a container that has one node only: locked memory does as well.
        return None


def _why_missing(nodes: Sequence[str]) -> str:
    text = f"no {' or '.join(nodes)}: "
    try:
        with open("/sys/hypervisor/type", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            xen = file.read(16).strip() == "xen"
    except OSError:
        xen = False
    if xen:
        return (
            text
            + "Xen is there, but the device isn't in this container (or xen-privcmd not loaded)"
        )
    return text + "this machine doesn't run on Xen, or the device isn't in this container"
