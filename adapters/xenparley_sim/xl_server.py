"""Serves the fake xl's processes from one that has everything imported: they are quick.

A process sends its arguments as one line of hexadecimal and gets a letter: ``G`` to go on, or how
to misbehave before that; then a line ``status signal bytes-out bytes-err`` and the two texts.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.xl_main import after, run_command

__all__ = ["CLIENT", "XlServer"]

#: The executable's own text: as little as can be imported.
CLIENT = """\
#!{python} -IS
import sys
FOLDER, PATH = {folder!r}, {path!r}


def served():
    import os

    try:
        from _socket import AF_UNIX, SOCK_STREAM, socket

        link = socket(AF_UNIX, SOCK_STREAM)
        link.connect(FOLDER + "/server")
    except (ImportError, OSError):
        return None
    words = "\\0".join(sys.argv[1:]).encode("utf-8", "surrogateescape")
    link.sendall(words.hex().encode() + b"\\n")
    how = link.recv(1)
    if how == b"C":
        os.kill(os.getpid(), 11)
    while how == b"F":
        os.write(1, b"Domain-0 and on and on\\n" * 4096)
    if how == b"S":
        stubborn()
    data = b""
    while part := link.recv(1 << 16):
        data += part
    head, _, rest = data.partition(b"\\n")
    if not head:
        return 1
    status, sign, out, err = map(int, head.split())
    os.write(2, rest[out : out + err])
    text = memoryview(rest)[:out]
    while len(text):
        text = text[os.write(1, text) :]
    if sign:
        os.kill(os.getpid(), sign)
    return status


def stubborn():
    import os, signal, time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for leaves_group in (False, True):
        if os.fork() == 0:
            if leaves_group:
                os.setsid()
            signal.alarm(30)
            while True:
                time.sleep(0.2)


def alone():
    sys.path[:0] = PATH
    from xenparley_sim.xl_main import main

    return main(sys.argv[1:], FOLDER)


status = served()
sys.exit(alone() if status is None else status)
"""


class XlServer:
    """Answers the processes of one fake xl. ``control`` returns how it is to behave now."""

    def __init__(
        self,
        path: str,
        host: Hypervisor,
        control: Callable[[], dict[str, Any]],
        log: Callable[[list[str], bool], None],
    ) -> None:
        self._host = host
        self._control = control
        self._log = log
        self._closed = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._path = path
        self._socket.listen(64)
        self._workers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, daemon=True, name="fake xl")
        self._thread.start()

    def close(self) -> None:
        """End every answer that is under way."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)
        for worker in self._workers:
            worker.join(10)

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            worker = threading.Thread(target=self._answer, args=(link,), daemon=True)
            self._workers = [each for each in self._workers if each.is_alive()]
            self._workers.append(worker)
            worker.start()

    def _answer(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError, ValueError):
            link.settimeout(60)
            line = b""
            while not line.endswith(b"\n"):
                part = link.recv(1 << 16)
                if not part:
                    return
                line += part
            text = bytes.fromhex(line.decode()).decode("utf-8", "surrogateescape")
            argv = text.split("\0") if text else []
            control = self._control()
            fault = control.get("fault")
            on = control.get("on")
            if on and (not argv or argv[0] not in on):
                fault = None
            self._log(argv, fault == "refuse")
            link.sendall({"crash": b"C", "flood": b"F", "stubborn": b"S"}.get(str(fault), b"G"))
            if fault in ("crash", "flood"):
                return
            if fault in ("hang", "stubborn") and not self._hang(str(fault), link):
                return
            if fault == "slow" and self._closed.wait(float(control.get("seconds", 1.0))):
                return
            status, out, err = run_command(argv, self._host, self._control())
            if fault == "hang-after" and not self._hang("hang-after", link):
                return
            status, sign, out, err = after(str(fault), status, out, err)
            link.sendall(b"%d %d %d %d\n" % (status, sign, len(out), len(err)) + out + err)

    def _hang(self, fault: str, link: socket.socket) -> bool:
        """Wait until the fault is taken back; False when the process is gone by then."""
        while not self._closed.is_set() and self._control().get("fault") == fault:
            time.sleep(0.01)
        link.setblocking(False)
        try:
            return link.recv(1) != b""
        except BlockingIOError:
            return not self._closed.is_set()
        finally:
            link.settimeout(60)
