"""Running xl: which file it is, how a reading and how a changing command is run.

Facts behind the two ways: of 13 ``xl create`` that were killed 13 left a domain behind, and a
killed ``xl save`` stranded its guest (Xen 4.17). So what changes something is never signalled.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
)
from xenparley.domain.identity import printable
from xenparley_xl.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Result", "Runner", "find_xl"]

#: Where distributions put it when the caller's path lacks the folders of the administrator.
FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/local/bin", "/bin")
#: Bytes that a reading command may write; `xl list -l` of a thousand guests is some 4 MB.
OUTPUT_LIMIT: Final = 64 << 20
ERROR_LIMIT: Final = 16 << 10


class Result(NamedTuple):
    """What a command said. ``status`` is negative for the signal that ended it."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its own words, for an error's message; safe for terminals, bounded."""
        words = " ".join((self.err.strip() or self.out.strip()).split())
        return printable(words, limit=2000) or "without a word"


def find_xl(path: str | None = None) -> str | None:
    """Return xl's absolute path: the one given, or the first in PATH and the usual folders."""
    if path is not None:
        return path
    searched = os.environ.get("PATH", "").split(os.pathsep)
    usable = [folder for folder in searched if folder.startswith("/")]
    return shutil.which("xl", path=os.pathsep.join(dict.fromkeys([*usable, *FOLDERS])))


def _environment() -> dict[str, str]:
    """Return ours without its language: the output is parsed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    env.pop("LANGUAGE", None)
    env["LANG"] = env["LC_ALL"] = "C"
    found = env.get("PATH", "").split(os.pathsep)
    env["PATH"] = os.pathsep.join(dict.fromkeys([*filter(None, found), *FOLDERS]))
    return env


class Runner:
    """Runs xl. Thread-safe; ``path`` None: it is searched at each run, so it may come and go."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._closed = threading.Event()

    @property
    def xl(self) -> str:
        """The executable. Raises Unavailable when there is none."""
        found = find_xl(self._path)
        if found is None:
            raise Unavailable("no xl in the path: Xen's toolstack is not installed here")
        return found

    def close(self) -> None:
        """End reading commands; changing ones run on, their callers get OutcomeUnknown."""
        self._closed.set()

    def read(self, arguments: Sequence[str], *, deadline: float) -> Result:
        """Run a command that changes nothing; at its deadline it is killed with its group.

        Raises:
            Unavailable: xl is not there; ChannelLost: it was killed by somebody else.
            AccessRefused: it may not be run.
            DeadlineExceeded: it did not end in time.
            ProtocolError: it wrote more than any xl does.
        """
        what = _shown(arguments)
        process = self._start(arguments, deadline, limit=OUTPUT_LIMIT)
        try:
            if not process.wait(deadline, self._closed):
                if self._closed.is_set():
                    raise ChannelLost(f"{what}: the channel was closed meanwhile")
                raise DeadlineExceeded(f"{what} did not end in time and was killed")
            process.kill()  # what it left running in its group
            result = self._result(process, OUTPUT_LIMIT)
        finally:
            process.kill()
            process.finish()
        if result.status == -signal.SIGXFSZ or len(result.out) >= OUTPUT_LIMIT:
            raise ProtocolError(f"{what} wrote more than {OUTPUT_LIMIT} bytes")
        if result.status < 0:
            raise ChannelLost(f"{what} was ended by signal {-result.status}: {result.said}")
        return result

    def change(
        self,
        arguments: Sequence[str],
        *,
        deadline: float,
        afterwards: Callable[[], None] | None = None,
    ) -> Result:
        """Run a command that changes something, once; it is never signalled.

        ``afterwards`` is called when it has ended, even after the deadline.

        Raises:
            Unavailable, AccessRefused, DeadlineExceeded: it was not started.
            OutcomeUnknown: it did not end in time and runs on, or somebody killed it.
        """
        what = _shown(arguments)
        left = False
        try:
            process = self._start(arguments, deadline, limit=None)
            try:
                ended = process.wait(deadline, self._closed)
            except BaseException:
                process.leave(afterwards)
                left = True
                raise
            if not ended:
                process.leave(afterwards)
                left = True
                why = "the channel was closed" if self._closed.is_set() else "the time was up"
                raise OutcomeUnknown(
                    f"{what} was still running when {why}; it was left running as process "
                    f"{process.pid}, since killing it could lose the guest",
                    last_seen=f"xl is at it, process {process.pid}",
                )
            result = self._result(process, ERROR_LIMIT)
            process.finish()
        finally:
            if afterwards is not None and not left:
                afterwards()
        if result.status < 0:
            raise OutcomeUnknown(
                f"{what} was ended by signal {-result.status} (process {process.pid}): "
                f"{result.said}",
                last_seen=f"xl was killed, process {process.pid}",
            )
        return result

    def _start(self, arguments: Sequence[str], deadline: float, limit: int | None) -> Process:
        what = _shown(arguments)
        if self._closed.is_set():
            raise Unavailable(f"{what}: the xl channel is closed", retry_safe=True)
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(f"{what}: no time left to start it")
        for argument in arguments:
            if "\0" in argument:
                raise Unavailable(f"{what}: a NUL byte can't be passed to a command")
        xl = self.xl
        try:
            return Process([xl, *arguments], env=_environment(), limit=limit)
        except PermissionError as exc:
            raise AccessRefused(f"{xl} may not be run: {exc.strerror}") from exc
        except (OSError, ValueError) as exc:
            raise Unavailable(f"{xl} can't be started: {exc}") from exc

    @staticmethod
    def _result(process: Process, limit: int) -> Result:
        out, err = process.output(limit)
        return Result(process.returncode or 0, _text(out), _text(err[:ERROR_LIMIT]))


def _text(data: bytes) -> str:
    """Decode; bytes that are no UTF-8 become escapes, as other channels show them."""
    return data.decode("utf-8", "backslashreplace")


def _shown(arguments: Sequence[str]) -> str:
    return "xl " + printable(" ".join(arguments), limit=200)
