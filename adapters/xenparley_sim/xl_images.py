"""The subcommands of the fake xl that write, read and send away whole guests."""

from __future__ import annotations

import json
import os
import struct
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from xenparley_sim.xl_commands import find, options
from xenparley_sim.xl_main import Stop

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.xl_main import Xl

__all__ = ["COMMANDS"]

_MAGIC = b"Xen saved domain, xl format\n \0 \r"


def _save(xl: Xl, arguments: list[str]) -> None:
    from xenparley_sim.xl_long import libxl_object

    _, rest = options(xl, arguments, "cp")
    domain, path = find(xl, rest[0]), rest[1]
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as exc:
        raise Stop(2, f"Failed to open temp file {path} for writing: {exc.strerror}") from exc
    xl.err.append(f"Saving to {path} new xl format (info 0x3/0x0/1199)")
    held = libxl_object(xl.host.config(domain.domid), domain, xl.release)
    place = f"/xl/{uuid.uuid4()}"
    xl.host.save(domain.domid, place)
    if xl.release >= (4, 5):
        config, flags = json.dumps(held).encode(), 3
    else:
        config, flags = f'name = "{domain.name}"\nuuid = "{domain.handle}"\n'.encode(), 1
    data = struct.pack("<I", len(config)) + config
    with os.fdopen(fd, "wb") as file:
        file.write(_MAGIC + struct.pack("<4I", 0x01020304, flags, 0, len(data)) + data)
        file.write(place.encode())


def _restore(xl: Xl, arguments: list[str]) -> None:
    given, rest = options(xl, arguments, "peqdcV")
    try:
        with open(rest[0], "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError as exc:
        raise Stop(1, f"Can't open restore file: {exc.strerror}") from exc
    if not data.startswith(_MAGIC):
        raise Stop(1, "File has wrong magic number - corrupt or for a different tool?")
    length = struct.unpack_from("<4I", data, 32)[3]
    xl.err.append(f"Loading new save file {rest[0]} (new xl fmt info 0x3/0x0/{length})")
    xl.host.restore(data[48 + length :].decode(), paused="-p" in given)


def _dump(xl: Xl, arguments: list[str]) -> None:
    domain, path = find(xl, arguments[0]), arguments[1]
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"\x7fELF" + domain.name.encode())
    except OSError as exc:
        raise Stop(1, f"libxl: error: core dumping domain to {path}: {exc.strerror}") from exc


def _migrate(xl: Xl, arguments: list[str]) -> None:
    given, rest = options(xl, arguments, "s:eC:")
    domain: Domain = find(xl, rest[0])
    if given.get("-s") != "" or not rest[1].endswith("xl migrate-receive"):
        xl.err.append(f"ssh: Could not resolve hostname {rest[1]}: Name or service not known")
        raise Stop(
            1,
            "libxl: error: migration target: Ready message reading: EOF\n"
            "migration child [2] (for ssh) exited with error status 255\n"
            "Migration failed, resuming at sender.",
        )
    place = f"/xl/{uuid.uuid4()}"
    xl.host.save(domain.domid, place)
    xl.host.restore(place, paused=bool(domain.pauses))
    xl.err.append("Migration successful.")


COMMANDS: dict[str, Callable[[Xl, list[str]], int | None]] = {
    "save": _save,
    "restore": _restore,
    "dump-core": _dump,
    "migrate": _migrate,
}
