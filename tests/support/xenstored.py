"""A real xenstored on any Linux machine: Debian's daemons over a preloaded stand-in for Xen.

``xen-utils-4.17`` (any ``xen-utils-4.*``) brings both daemons to ``/usr/lib/xen-*/bin``; cc builds
the stand-in. Where either is missing the tests say so and use the simulated host's own store.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.require import missing, required
from xenparley.domain.errors import Unavailable
from xenparley_sim.xenstored_build import build_preload, find
from xenparley_sim.xenstored_daemon import command_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "Daemon", "available", "daemon_path", "need", "peer", "tool"]

#: The peers that the tests run against: the C daemon, the OCaml daemon, the simulated host's.
KINDS = ("xenstored", "oxenstored", "simulated")

_LOCK = threading.Lock()
_BUILT: dict[str, Path | str] = {}


def daemon_path(kind: str) -> Path | None:
    """Return where the newest daemon of this name is installed, or None."""
    return find(kind)


def tool(name: str) -> str:
    """Return the path of a xenstore-* program, or end the test with a reason."""
    path = shutil.which(name)
    if path is None:
        missing("xenstored", f"no {name}: install xenstore-utils")
    return path


def _preload() -> Path | str:
    """Build the stand-in once for each process; a str says why it can't be had."""
    with _LOCK:
        if "library" not in _BUILT:
            _BUILT["library"] = _build()
        return _BUILT["library"]


def _build() -> Path | str:
    # One library for all the daemons of this process.
    folder = Path(tempfile.mkdtemp(prefix="xenparley-preload-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        return build_preload(folder)
    except Unavailable as exc:
        return str(exc)


def available(kind: str) -> str | None:
    """Return why this peer can't be run here; None when it can."""
    if kind == "simulated":
        return None
    if daemon_path(kind) is None:
        return f"no /usr/lib/xen-*/bin/{kind}: install xen-utils-4.17"
    library = _preload()
    return library if isinstance(library, str) else None


class Daemon:
    """A running daemon, its folder and its socket. Use as a context manager."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp(prefix="xenstored-"))
        self.socket = self.folder / "socket"
        self.domains = self.folder / "domains"
        self.domains.write_text("")
        self._process: subprocess.Popen[bytes] | None = None
        self._server: Any = None

    @property
    def environment(self) -> dict[str, str]:
        """What a libxenstore program needs to find it."""
        return {**os.environ, "XENSTORED_RUNDIR": str(self.folder)}

    @property
    def pid(self) -> int | None:
        """The daemon's process id; None for the simulated one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; it answers when this returns."""
        if self.kind == "simulated":
            from xenparley_sim.xenstore_server import XenStoreServer

            self._server = XenStoreServer(self.socket)
            self._server.start()
            return
        program, library = daemon_path(self.kind), _preload()
        assert program is not None and isinstance(library, Path), available(self.kind)
        self._process = subprocess.Popen(
            command_of(program, self.folder),
            env={
                **self.environment,
                "LD_PRELOAD": str(library),
                "XENSTORED_ROOTDIR": str(self.folder),
                "XENPARLEY_DOMAINS": str(self.domains),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_socket()

    def _await_socket(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"{self.kind} did not start in {self.folder}")

    def kill(self) -> None:
        """End it without warning, as kill -9 does; its socket file stays."""
        if self._server is not None:
            self._server.kill()
            self._server = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop a real daemon (SIGSTOP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def memory(self) -> int:
        """Return a real daemon's resident bytes."""
        assert self._process is not None
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def need(kind: str) -> None:
    """End the test with the reason why this daemon can't be had, if it can't."""
    reason = None if kind == "in-process" else available(kind)
    if reason is not None:
        # oxenstored is a second opinion: it is asked for by its own name.
        missing(kind if required(kind) else "xenstored", reason)


@contextlib.contextmanager
def peer(kind: str) -> Iterator[Daemon]:
    """Run a peer, or end the test with the reason why it can't be."""
    need(kind)
    with Daemon(kind) as daemon:
        yield daemon
