"""One run of a command: its output kept in memory files, its end waited for, nothing left behind.

Output goes to files, not pipes: a command that outlives its deadline may go on writing (a pipe
that nobody reads would stop it, one that is closed would kill it), and grandchildren that hold the
output open delay nobody, since only the command's own end is waited for.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Process"]

_STEP_MAX_S = 0.02
#: How long a killed command may take to be gone; one in uninterruptible sleep is left to a thread.
_KILL_WAIT_S = 0.5


def _memory_file() -> BinaryIO:
    make = getattr(os, "memfd_create", None)
    if make is not None:
        with contextlib.suppress(OSError):  # a kernel before 3.17
            return os.fdopen(make("xenparley-xl", os.MFD_CLOEXEC), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


class Process:
    """A started command, in a session of its own: no signal of our terminal reaches it.

    ``limit`` is the most that it may write to each of standard output and error, in bytes; None:
    not limited, for commands that must not be stopped by it. Raises OSError when it can't be
    started.
    """

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], limit: int | None = None
    ) -> None:
        self._files = (_memory_file(), _memory_file())
        try:
            self._child = subprocess.Popen(  # noqa: S603  a list, no shell
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=self._files[0],
                stderr=self._files[1],
                env=dict(env),
                cwd="/",
                close_fds=True,
                start_new_session=True,
            )
        except BaseException:
            self._close()
            raise
        self.pid = self._child.pid
        if limit is not None:
            # Its own writing is stopped by the kernel (SIGXFSZ), however fast it is.
            with contextlib.suppress(OSError, ValueError):  # it has ended, or prlimit is forbidden
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, limit))

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._child.poll()

    def _ended(self) -> bool:
        # Not reaped yet: as long as it is a zombie nobody else can have its number.
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # the program ignores SIGCHLD, so the kernel reaped it

    def wait(self, deadline: float, closed: threading.Event) -> bool:
        """Wait for its end; False when the deadline or ``closed`` came first."""
        pause = 0.001
        while not self._ended():
            left = deadline - time.monotonic()
            if left <= 0 or closed.wait(min(pause, left)):
                return self._ended()
            pause = min(pause * 1.5, _STEP_MAX_S)
        return True

    def output(self, limit: int) -> tuple[bytes, bytes]:
        """Return the first ``limit`` bytes of standard output and of standard error, so far."""
        return self._first(0, limit), self._first(1, limit)

    def _first(self, which: int, limit: int) -> bytes:
        # The child shares the file's offset: pread leaves it where it is.
        fd, parts, got = self._files[which].fileno(), [], 0
        while got < limit and (part := os.pread(fd, min(limit - got, 1 << 20), got)):
            parts.append(part)
            got += len(part)
        return b"".join(parts)

    def kill(self) -> None:
        """Kill it and all of its process group that did not leave it; for reading commands only."""
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        try:
            self._child.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            self.leave(None)

    def finish(self) -> None:
        """Give back what belongs to a command that has ended."""
        self._close()

    def leave(self, afterwards: Callable[[], None] | None) -> None:
        """Let it run on; a thread reaps it when it ends, and calls ``afterwards``."""
        self._close()

        def reap() -> None:
            self._child.wait()
            if afterwards is not None:
                afterwards()

        threading.Thread(target=reap, daemon=True, name=f"xl {self.pid} runs on").start()

    def _close(self) -> None:
        for file in self._files:
            file.close()
