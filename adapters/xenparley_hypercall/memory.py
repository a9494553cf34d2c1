"""Memory for hypercall arguments: resident, and at the same place until it is given back.

The kernel hands the address on to the hypervisor, which gets -EFAULT when the page isn't there.
Pages of the heap may be moved (compaction) or shared after a fork (copy on write moves them), so
they won't do.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from typing import Final

__all__ = ["MappedBuffer", "anonymous_buffer", "device_buffer"]

#: Flags of mmap(2) on Linux that Python 3.10 has no names for (asm-generic/mman.h).
_MAP_LOCKED: Final = 0x2000
_MAP_POPULATE: Final = 0x8000


class MappedBuffer:
    """A mapping and its address."""

    __slots__ = ("_anchor", "_mapping", "address", "view")

    def __init__(self, mapping: mmap.mmap) -> None:
        self._mapping: mmap.mmap | None = mapping
        self._anchor: ctypes.c_char | None = ctypes.c_char.from_buffer(mapping)
        self.address: int = ctypes.addressof(self._anchor)
        self.view = memoryview(mapping)

    def close(self) -> None:
        """Unmap it. Harmless when done twice."""
        mapping, self._mapping = self._mapping, None
        if mapping is not None:
            self.view.release()
            self._anchor = None
            mapping.close()


def _pages(size: int) -> int:
    return max((size + mmap.PAGESIZE - 1) // mmap.PAGESIZE, 1) * mmap.PAGESIZE


def device_buffer(fd: int, size: int) -> MappedBuffer:
    """Map whole pages on /dev/xen/hypercall (``fd``); only a shared mapping is allowed there."""
    return _unforked(
        mmap.mmap(fd, _pages(size), flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    )


def anonymous_buffer(size: int) -> MappedBuffer:
    """Map whole pages of locked anonymous memory that a child process doesn't inherit.

    Raises OSError naming RLIMIT_MEMLOCK when the pages may not be locked.
    """
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_LOCKED | _MAP_POPULATE
    try:
        mapping = mmap.mmap(-1, _pages(size), flags=flags)
    except OSError as exc:
        if exc.errno in (errno.EAGAIN, errno.EPERM):
            raise OSError(
                exc.errno, f"cannot lock {size} bytes of memory (RLIMIT_MEMLOCK)"
            ) from exc
        raise
    return _unforked(mapping)


def _unforked(mapping: mmap.mmap) -> MappedBuffer:
    try:
        mapping.madvise(mmap.MADV_DONTFORK)
    except OSError as exc:
        # A device's pages that are never copied have no need of it, and may refuse.
        if exc.errno != errno.EINVAL:
            mapping.close()
            raise OSError(exc.errno, f"madvise: {os.strerror(exc.errno or 0)}") from exc
    return MappedBuffer(mapping)
