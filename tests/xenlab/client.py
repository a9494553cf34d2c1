"""Ask the agent in dom0 to run a command."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Callable
from typing import IO

from xenlab.places import LabError

__all__ = ["Hung", "Sink", "run", "to_streams"]

Sink = Callable[[bool, bytes], None]
SILENCE = 60.0  # the agent gives a sign of life each 2 s; emulation may stall for a while


class Hung(LabError):
    """dom0 gives no sign of life, or the command's time is over and it does not say so."""


def to_streams(is_error: bool, data: bytes) -> None:
    """Pass a command's output on to this process's own."""
    stream: IO[bytes] = sys.stderr.buffer if is_error else sys.stdout.buffer
    stream.write(data)
    stream.flush()


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Hung("dom0 ended the connection in the middle of a command")
    return data


def run(
    port: int,
    token: str,
    command: str,
    *,
    limit: float = 600.0,
    stdin: str = "",
    sink: Sink = to_streams,
    silence: float = SILENCE,
) -> int:
    """Run a shell command in dom0 and return its exit status (124: it reached its limit).

    :param limit: seconds the command may take; dom0 kills it then.
    :param silence: seconds without a sign of life after which dom0 counts as hung.
    :raises Hung: dom0 is silent or gone.
    """
    request = {"token": token, "command": command, "limit": limit, "stdin": stdin}
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=silence) as link:
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as stream:
                while True:
                    kind, size = struct.unpack(">cI", _exactly(stream, 5))
                    data = _exactly(stream, size)
                    if kind == b"x":
                        status = int(struct.unpack(">i", data)[0])
                        return 128 - status if status < 0 else status
                    if kind in b"12":
                        sink(kind == b"2", data)
    except TimeoutError as exc:
        raise Hung(f"dom0 gave no sign of life for {silence:.0f} s") from exc
    except OSError as exc:
        raise Hung(f"dom0 cannot be reached: {exc}") from exc
