"""Run commands in dom0 for the outer machine.

A request is one line of JSON: ``token``, ``command``, ``limit`` (seconds), ``stdin`` (text). Frames
answer it: one byte of kind, four bytes of length (big-endian), data. Kinds: ``1`` stdout, ``2``
stderr, ``h`` still at work (each 2 s), ``x`` exit status as a signed 32-bit number. A command ends
with its limit (status 124) or with the connection that asked for it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

PORT = 7000
BEAT = 2.0
TOKEN = Path("/mnt/share/.token")
HOME = "/root"
SITE = "/run/project/site"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{SITE}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": f"{SITE}/project:{SITE}/packages",
    "HOME": HOME,
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
}


def frame(kind: bytes, data: bytes = b"") -> bytes:
    """Return one frame of an answer."""
    return kind + struct.pack(">I", len(data)) + data


def feed(child: subprocess.Popen[bytes], data: bytes) -> None:
    """Write the command's input and close it; the command may not want it."""
    try:
        child.stdin.write(data)
        child.stdin.close()
    except OSError:
        pass


def pump(link: socket.socket, child: subprocess.Popen[bytes], limit: float) -> int:
    """Carry the command's output until it ends; return its status (124: limit reached)."""
    end = time.monotonic() + limit
    beat = time.monotonic() + BEAT
    kinds = {child.stdout.fileno(): b"1", child.stderr.fileno(): b"2"}
    while kinds:
        ready, _, _ = select.select([*kinds, link], [], [], 0.2)
        now = time.monotonic()
        for source in ready:
            if source is link:
                raise ConnectionError("the caller is gone")
            data = os.read(source, 65536)
            if data:
                link.sendall(frame(kinds[source], data))
            else:
                del kinds[source]
        if not ready and child.poll() is not None:
            break  # its daemons may keep the pipes
        if now > end:
            return 124
        if now > beat:
            link.sendall(frame(b"h"))
            beat = now + BEAT
    while child.poll() is None:
        if time.monotonic() > end:
            return 124
        time.sleep(0.02)
    return child.returncode


def answer(link: socket.socket) -> None:
    """Serve one connection: one command."""
    with link, link.makefile("rb") as lines:
        request = json.loads(lines.readline() or "{}")
        if request.get("token") != TOKEN.read_text():
            link.sendall(frame(b"2", b"wrong token\n") + frame(b"x", struct.pack(">i", 126)))
            return
        child = subprocess.Popen(
            ["/bin/bash", "-c", request["command"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=HOME,
            start_new_session=True,
        )
        data = request.get("stdin", "").encode("utf-8", "surrogateescape")
        threading.Thread(target=feed, args=(child, data), daemon=True).start()
        group = True
        try:
            status = pump(link, child, float(request.get("limit", 600)))
            group = child.poll() is None
            link.sendall(frame(b"x", struct.pack(">i", status)))
            link.shutdown(socket.SHUT_WR)
        finally:
            if group:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            child.stdout.close()
            child.stderr.close()


def main() -> None:
    """Listen for ever, and tell the console when that begins."""
    with socket.create_server(("0.0.0.0", PORT), backlog=32) as server:
        uptime = Path("/proc/uptime").read_text().split()[0]
        Path("/dev/kmsg").write_text(f"<3>LAB {uptime} agent\n")
        while True:
            link, _ = server.accept()
            threading.Thread(target=answer, args=(link,), daemon=True).start()


if __name__ == "__main__":
    main()
