"""A real xenstored as a simulated host's own: started, told of domains, ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from xenparley.domain.errors import Unavailable
from xenparley_sim.xenstored_build import build_preload

__all__ = ["RealXenstored", "command_of"]

#: How many seconds it may take until it answers.
_PATIENCE_S: Final = 20.0

_OCAML_CONFIG = """\
persistent = false
quota-activate = true
xenstored-kva = /proc/xen/xsd_kva
xenstored-port = /proc/xen/xsd_port
xenstored-log-file = {folder}/oxenstored.log
access-log-file = {folder}/access.log
pid-file = {folder}/oxenstored.pid
"""


def command_of(program: Path, folder: Path) -> list[str]:
    """Return how a daemon is started in the foreground with its files in a folder."""
    if not program.name.startswith("oxenstored"):
        return [str(program), "-N", "-F", str(folder / "pid")]
    config = folder / "oxenstored.conf"
    config.write_text(_OCAML_CONFIG.format(folder=folder))
    return [str(program), "--no-fork", "--config-file", str(config)]


class RealXenstored:
    """The daemon ``program`` with its socket in a new folder of ``directory``.

    It asks its hypervisor for domains: those that :meth:`know` named. It ends with this process,
    however that ends.
    """

    def __init__(self, program: Path, directory: Path) -> None:
        self.program = program
        self._directory = directory
        self._folder = Path()
        self._states: dict[int, str] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._events = -1

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "socket"

    @property
    def pid(self) -> int | None:
        """Its process id; None: it doesn't run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it; it answers when this returns. Unavailable: it can't be built or started."""
        # A folder of this user's alone: what is preloaded comes from there.
        self._folder = Path(tempfile.mkdtemp(prefix="xs-", dir=self._directory))
        try:
            self._start(build_preload(self._folder))
        except BaseException:
            self.close()
            raise

    def _start(self, library: Path) -> None:
        folder = self._folder
        self._tell()
        said = folder / "said"
        reading, self._events = os.pipe()
        os.set_blocking(self._events, False)
        try:
            with said.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603 - no shell, and our own words
                    command_of(self.program, folder),
                    env={
                        **os.environ,
                        "LD_PRELOAD": str(library),
                        "XENSTORED_RUNDIR": str(folder),
                        "XENSTORED_ROOTDIR": str(folder),
                        "XENPARLEY_DOMAINS": str(folder / "domains"),
                        "XENPARLEY_EVENTS": str(reading),
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(reading,),
                    # Ctrl-C is for the host that it belongs to, which ends it in its order.
                    start_new_session=True,
                )
        except OSError as exc:
            raise Unavailable(f"{self.program} can't be started: {exc}") from exc
        finally:
            os.close(reading)
        self._await_socket(said)

    def _await_socket(self, said: Path) -> None:
        assert self._process is not None
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            time.sleep(0.005)
        words = said.read_bytes()[-2000:].decode("utf-8", "replace").strip()
        raise Unavailable(f"{self.program} does not run without Xen here: {words or 'no answer'}")

    def close(self) -> None:
        """End it and remove its files. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        if self._events >= 0:
            os.close(self._events)
            self._events = -1
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)

    # What its hypervisor says

    def know(self, domain_id: int) -> None:
        """There is such a domain, and it runs."""
        with self._lock:
            self._states[domain_id] = "r"
            self._tell()

    def ended(self, domain_id: int) -> None:
        """A domain shut down by itself: the daemon looks, and ``@releaseDomain`` fires."""
        with self._lock:
            if domain_id in self._states:
                self._states[domain_id] = "s"
                self._tell()
                self._interrupt()

    def gone(self, domain_id: int) -> None:
        """There is no such domain any more; one that is served still is released."""
        with self._lock:
            if self._states.pop(domain_id, None) is not None:
                self._tell()
                self._interrupt()

    def _tell(self) -> None:
        path = self._folder / "domains"
        fresh = path.with_name("domains.new")
        fresh.write_text("".join(f"{each} {state}\n" for each, state in self._states.items()))
        fresh.rename(path)

    def _interrupt(self) -> None:
        # A daemon that was killed reads it no more; one that is stopped has enough to read.
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._events, b"\0")
