"""A bell: one thread sleeps until another rings.

Made of an eventfd: waking a thread through a lock or a queue takes twice as long, since that
thread wakes while the ringing one still holds the interpreter's lock; a system call lets it go.
"""

from __future__ import annotations

import os
import select
import time
from typing import Final

__all__ = ["Bell"]

_ONE: Final = (1).to_bytes(8, "little")
#: Longest sleep in one go, in milliseconds: poll(2) takes an int.
_LONGEST: Final = 1 << 30


class Bell:
    """Rings that nobody waited for are kept, as one. Its descriptor goes with its last user.

    Closing by hand could close a number that another thread still sleeps on, and that is soon
    another file's.
    """

    __slots__ = ("_fd_in", "_fd_out", "_poll")

    def __init__(self) -> None:
        self._fd_in = self._fd_out = -1
        if hasattr(os, "eventfd"):
            self._fd_in = self._fd_out = os.eventfd(0, os.EFD_CLOEXEC)
        else:
            self._fd_out, self._fd_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._fd_out, select.POLLIN)

    def __del__(self) -> None:
        for fd in {self._fd_in, self._fd_out}:
            if fd >= 0:
                os.close(fd)

    def ring(self) -> None:
        """Wake who sleeps, or will."""
        os.write(self._fd_in, _ONE)

    def sleep(self) -> None:
        """Sleep until it rings."""
        os.read(self._fd_out, 8)

    def sleep_until(self, deadline: float) -> bool:
        """Sleep until it rings, not longer than ``deadline`` (monotonic); say whether it rang."""
        while True:
            left = deadline - time.monotonic()
            # Rounded up: waking a little late beats waking a little early, again and again.
            milliseconds = min(int(max(left, 0.0) * 1000) + 1, _LONGEST) if left > 0 else 0
            if self._poll.poll(milliseconds):
                os.read(self._fd_out, 8)
                return True
            if left <= 0 or time.monotonic() >= deadline:
                return False
