"""The head of a file that `xl save` wrote: whose guest it is, without restoring it.

The format (tools/xl/xl.h): 32 bytes "Xen saved domain, xl format\\n \\0 \\r", four numbers of 32
bits (byte order mark, mandatory flags, optional flags, length of the optional data), then that
data: the length of the guest's configuration and the configuration, as JSON when the second
mandatory flag says so (since 4.5), else as an xl.cfg.
"""

from __future__ import annotations

import json
import os
import re
import struct
from typing import NamedTuple

from xenparley.domain.errors import AccessRefused, InvalidInput, NotFound, OperationFailed
from xenparley.domain.identity import canonical_uuid, is_uuid, printable

__all__ = ["MAGIC", "Saved", "check_path", "read_head"]

MAGIC = b"Xen saved domain, xl format\n \0 \r"
_BYTE_ORDER = 0x01020304
_JSON = 2
_MAX = 16 << 20
_KEY = re.compile(r"""^\s*(name|uuid)\s*=\s*(["'])(.*?)\2\s*$""", re.MULTILINE)


class Saved(NamedTuple):
    """Whose state a file holds; None where the head doesn't say."""

    name: str | None
    uuid: str | None


def check_path(path: str) -> str:
    """Return the path, which must be absolute. Raises InvalidInput."""
    if not path.startswith("/") or "\0" in path:
        raise InvalidInput(f"not an absolute path: {printable(path, limit=200)!r}")
    if not os.path.basename(path):  # noqa: PTH119  a Path forgets the slash at the end
        raise InvalidInput(f"not a file's path: {printable(path, limit=200)!r}")
    return path


def read_head(path: str) -> Saved:
    """Read whose guest a file holds.

    Raises NotFound, AccessRefused, OperationFailed (not a file that xl saved).
    """
    shown = printable(path, limit=200)
    try:
        with open(path, "rb") as file:  # noqa: PTH123  a path as given
            head = file.read(len(MAGIC) + 16)
            if len(head) < len(MAGIC) + 16 or not head.startswith(MAGIC):
                raise OperationFailed(f"{shown} is not a guest that xl saved")
            # Written in the byte order of its host, which the first number shows.
            order = "<" if struct.unpack_from("<I", head, 32)[0] == _BYTE_ORDER else ">"
            mark, mandatory, _, length = struct.unpack_from(f"{order}4I", head, 32)
            if mark != _BYTE_ORDER or not 4 <= length <= _MAX:
                raise OperationFailed(f"{shown} is not a guest that xl saved: its head is damaged")
            data = file.read(length)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFound(f"{shown} is not there") from exc
    except PermissionError as exc:
        raise AccessRefused(f"{shown} may not be read") from exc
    except OSError as exc:
        raise OperationFailed(f"{shown} can't be read: {exc.strerror}") from exc
    size = struct.unpack_from(f"{order}I", data)[0] if len(data) >= 4 else 0
    return _whose(data[4 : 4 + size].rstrip(b"\0"), mandatory)


def _whose(config: bytes, mandatory: int) -> Saved:
    text = config.decode("utf-8", "backslashreplace")
    name: object = None
    uuid: object = None
    if mandatory & _JSON:
        try:
            held = json.loads(text)
            name, uuid = held["c_info"].get("name"), held["c_info"].get("uuid")
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return Saved(None, None)
    else:
        told = {match[1]: match[3] for match in _KEY.finditer(text)}
        name, uuid = told.get("name"), told.get("uuid")
    return Saved(
        name if isinstance(name, str) else None,
        canonical_uuid(uuid) if isinstance(uuid, str) and is_uuid(uuid) else None,
    )
