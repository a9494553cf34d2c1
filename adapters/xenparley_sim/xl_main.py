"""What the fake xl does when it is run; see :mod:`xenparley_sim.xl_fake`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenparley_sim.hypervisor import Hypervisor

__all__ = ["Stop", "Xl", "after", "main", "read_control", "run_command"]


class Stop(Exception):
    """The command ends here: with this status, and these words on standard error."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Xl:
    """One run: what it was told, and what it prints."""

    def __init__(self, host: Hypervisor, control: dict[str, Any]) -> None:
        self.control = control
        major, minor = control.get("release", [4, 17])
        self.release: tuple[int, int] = (major, minor)
        self.host = host
        self.out: list[bytes] = []
        self.err: list[str] = []

    def print(self, text: str | bytes = "") -> None:
        """Print a line."""
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        self.out.append(data + b"\n")

    def said(self, key: str) -> set[int]:
        """Return the domain ids that are told under a key."""
        return set(self.control.get(key, ()))


def run_command(
    argv: list[str], host: Hypervisor, control: dict[str, Any]
) -> tuple[int, bytes, bytes]:
    """Run a subcommand as told; returns its status, output and errors."""
    from xenparley.domain.errors import XenparleyError
    from xenparley_sim.xl_commands import run

    fault = control.get("fault")
    if control.get("on") and (not argv or argv[0] not in control["on"]):
        fault = None
    if fault == "silent":
        return 0, b"", b""
    if fault == "refuse":
        return 1, b"", _REFUSED
    xl = Xl(host, control)
    try:
        status = run(xl, argv)
    except Stop as stop:
        status = stop.status
        if stop.words:
            xl.err.append(stop.words)
    except XenparleyError as exc:
        # The simulated host refuses where libxl would.
        xl.err.append(f"libxl: error: {exc.message}")
        status = 1
    words = "".join(line + "\n" for line in xl.err)
    return status, b"".join(xl.out), words.encode("utf-8", "surrogateescape")


_REFUSED = (
    b"xencall: error: Could not obtain handle on privileged command interface: Permission denied\n"
    b"libxl: error: cannot open libxc handle: Permission denied\ncannot init xl context\n"
)


def after(fault: str, status: int, out: bytes, err: bytes) -> tuple[int, int, bytes, bytes]:
    """Spoil an answer: status, the signal to die by (0: none), output and errors."""
    if fault == "half":
        return status, signal.SIGKILL, out[: len(out) // 2], err
    if fault == "crash-after":
        return status, signal.SIGKILL, out, err
    if fault == "garble":
        return status, 0, b"\x00\xff(]{ no such table\n" * 3, b"\x1b[31mno words"
    return status, 0, out, err


def read_control(folder: str) -> dict[str, Any] | None:
    """Return how it is to behave; None when its folder is being removed."""
    try:
        with open(os.path.join(folder, "control"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            return json.load(file)  # type: ignore[no-any-return]
    except FileNotFoundError:
        return None


def main(argv: list[str], folder: str) -> int:
    """Run one command with nobody's help; returns the exit status."""
    from xenparley_sim.hypervisor import Hypervisor

    with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:  # noqa: PTH118, PTH123
        log.write(json.dumps(argv) + "\n")
    control = read_control(folder)
    if control is None:
        return 1
    command = argv[0] if argv else ""
    fault = str(control.get("fault"))
    if control.get("on") and command not in control["on"]:
        fault = ""
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    while fault == "flood":
        os.write(1, b"Domain-0 and on and on\n" * 4096)
    if fault in ("hang", "stubborn"):
        _hang(fault, folder)
    host = Hypervisor(os.path.join(folder, "host.db"))  # noqa: PTH118
    try:
        status, out, err = run_command(argv, host, read_control(folder) or control)
    finally:
        host.close()
    if fault == "hang-after":
        _hang(fault, folder)
    status, sign, out, err = after(fault, status, out, err)
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(err)
    sys.stderr.buffer.flush()
    if sign:
        os.kill(os.getpid(), sign)
    return status


def _hang(fault: str, folder: str) -> None:
    """Sleep until the fault is taken back or the folder is gone, a minute at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        control = read_control(folder)
        if control is None:
            raise SystemExit(1)
        if control.get("fault") != fault:
            return
        time.sleep(0.02)
