"""Start, use and stop one machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xenlab import client
from xenlab.keeper import Settings
from xenlab.locks import held, wait_lock
from xenlab.needs import missing_for_run
from xenlab.places import HERE, LabError, Missing, Places

__all__ = ["Machine"]

BOOT_LIMIT = 180.0


class Machine:
    """A machine by its name; several may run beside one another.

    The lock, not a process id, tells whether it runs: the keeper holds it as long as it lives.
    """

    def __init__(self, places: Places, name: str) -> None:
        self.name = name
        self.folder = places.run(name)
        self._lock = self.folder / "machine.lock"
        self._owner: int | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def share(self) -> Path:
        """The folder that dom0 sees as /mnt/share."""
        return self.folder / "share"

    @property
    def console(self) -> Path:
        """What Xen and dom0 wrote to the serial console."""
        return self.folder / "console.log"

    def running(self) -> bool:
        """Say whether the machine runs."""
        return held(self._lock)

    def state(self) -> dict[str, Any]:
        """Return what the keeper tells: ``keeper``, ``qemu``, ``port``, ``token``, ``image``."""
        try:
            state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def start(self, settings: Settings, *, owned: bool = False) -> None:
        """Boot and wait for dom0's agent; a machine that runs already is left as it is.

        :param owned: the machine ends with this process, however that ends.
        :raises Missing: this machine lacks something.
        :raises LabError: dom0 did not come up.
        """
        lacks = missing_for_run()
        if lacks:
            raise Missing("the lab needs " + ", ".join(lacks))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with wait_lock(self.folder / "start.lock", "waiting for another start"):
            if self.running():
                return
            self.console.unlink(missing_ok=True)
            # Kept as long as it runs: it is this process's child, and waited for when it ends.
            self._keeper = self._spawn(settings, owned)
            try:
                self._wait(self._keeper)
            except BaseException:
                self.stop()
                raise

    def _spawn(self, settings: Settings, owned: bool) -> subprocess.Popen[bytes]:
        theirs = None
        if owned:
            theirs, self._owner = os.pipe()
        words = [str(HERE / "lab"), "keep", str(self.folder), json.dumps(asdict(settings))]
        words += [] if theirs is None else [str(theirs)]
        try:
            with (self.folder / "keeper.log").open("wb") as log:
                return subprocess.Popen(
                    [sys.executable, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=() if theirs is None else (theirs,),
                    start_new_session=True,
                )
        finally:
            if theirs is not None:
                os.close(theirs)

    def _wait(self, keeper: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + BOOT_LIMIT
        # asking the forwarded port earlier would cost seconds: QEMU accepts and loses the first SYN
        while b" agent" not in self.console_tail(4096):
            if keeper.poll() is not None:
                raise LabError(f"the machine ended while booting: {self.why()}")
            if time.monotonic() > end:
                raise client.Hung(f"dom0 is not up after {BOOT_LIMIT:.0f} s: {self.why()}")
            time.sleep(0.1)
        if self.run("true", limit=20, silence=30) != 0:
            raise LabError("dom0's agent does not run commands")

    def why(self) -> str:
        """Return what the keeper and QEMU said, with the end of the console's log."""
        try:
            said = (self.folder / "keeper.log").read_text(errors="replace").strip()
        except OSError:
            said = ""
        tail = self.console_tail(6000).decode("utf-8", "replace")
        return f"{said}\n--- end of {self.console} ---\n{tail}\n--- end of the console's log ---"

    def console_tail(self, size: int) -> bytes:
        """Return the last bytes of the console's log."""
        try:
            with self.console.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - size))
                return log.read()
        except FileNotFoundError:
            return b""

    def run(
        self,
        command: str,
        *,
        limit: float = 600.0,
        stdin: str = "",
        sink: client.Sink = client.to_streams,
        silence: float = client.SILENCE,
    ) -> int:
        """Run a shell command in dom0: see :func:`xenlab.client.run`."""
        state = self.state()
        if "port" not in state or not self.running():
            raise LabError(f"no machine {self.name!r} is running: `lab start`")
        return client.run(
            state["port"],
            state["token"],
            command,
            limit=limit,
            stdin=stdin,
            sink=sink,
            silence=silence,
        )

    def stop(self) -> bool:
        """End the machine and return whether it ran; nothing of it is left."""
        ran = self.running()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None
        begun = time.monotonic()
        while self.running():
            waited = time.monotonic() - begun
            keeper = self.state().get("keeper")
            if keeper is not None and self.running():
                self._signal(keeper, signal.SIGKILL if waited > 5 else signal.SIGTERM)
            if waited > 15:
                raise LabError(f"keeper {keeper} of the machine {self.name!r} does not end")
            time.sleep(0.05)
        if self._keeper is not None:
            self._keeper.wait(timeout=15)
            self._keeper = None
        return ran

    @staticmethod
    def _signal(process: int, number: signal.Signals) -> None:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            return

    def remove(self) -> None:
        """Remove the stopped machine's folder."""
        if not self.running():
            shutil.rmtree(self.folder, ignore_errors=True)
