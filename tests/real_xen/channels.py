"""Channels of this dom0 taken away for a while, as an administrator or a mishap would."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from real_xen.looks import command

__all__ = ["Mapped", "hypercalls_gone", "xenstore_gone", "xl_gone"]

PRIVCMD = ("/dev/xen/privcmd", "/proc/xen/privcmd")
SOCKET = Path("/run/xenstored/socket")
XENBUS = ("/dev/xen/xenbus", "/proc/xen/xenbus")


@contextlib.contextmanager
def _covered(paths: tuple[str, ...]) -> Iterator[None]:
    """Lay /dev/null over what is there of these nodes."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            if Path(path).exists():
                command("mount", "--bind", "/dev/null", path)
                stack.callback(command, "umount", path)
        yield


@contextlib.contextmanager
def hypercalls_gone() -> Iterator[None]:
    """No new program reaches the hypervisor; what has the device open keeps it."""
    with _covered(PRIVCMD):
        yield


@contextlib.contextmanager
def xenstore_gone(*, device: bool = True) -> Iterator[None]:
    """No new connection to xenstored; with ``device`` the kernel's node is no way to it either."""
    away = SOCKET.with_suffix(".away")
    with _covered(XENBUS if device else ()):
        SOCKET.rename(away)
        try:
            yield
        finally:
            away.rename(SOCKET)


@contextlib.contextmanager
def xl_gone() -> Iterator[None]:
    """There is no xl."""
    found = shutil.which("xl")
    assert found is not None
    path = Path(found)
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


class Mapped:
    """A page of a guest's memory held by dom0: a guest that is destroyed meanwhile stays dying."""

    def __init__(self, domid: int, frame: int) -> None:
        self._library = ctypes.CDLL("libxenforeignmemory.so.1", use_errno=True)
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        self._library.xenforeignmemory_open.restype = pointer
        self._library.xenforeignmemory_open.argtypes = [pointer, ctypes.c_uint]
        self._library.xenforeignmemory_map.restype = pointer
        self._library.xenforeignmemory_map.argtypes = [
            *(pointer, ctypes.c_uint32, ctypes.c_int, ctypes.c_size_t, pointer, pointer)
        ]
        self._library.xenforeignmemory_unmap.argtypes = [pointer, pointer, ctypes.c_size_t]
        self._library.xenforeignmemory_close.argtypes = [pointer]
        self._handle = self._library.xenforeignmemory_open(None, 0)
        assert self._handle, "no way to map a guest's memory"
        frames = (number * 1)(frame)
        self._page = self._library.xenforeignmemory_map(
            self._handle, domid, 1, 1, ctypes.byref(frames), None
        )
        assert self._page, f"frame {frame:#x} of domain {domid} can't be mapped"

    def __enter__(self) -> Mapped:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.xenforeignmemory_unmap(self._handle, self._page, 1)
        self._library.xenforeignmemory_close(self._handle)
