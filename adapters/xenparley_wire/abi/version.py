"""xen_version (hypercall 17): stable on every release, open to everybody for the most part."""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

from xenparley.domain.errors import ProtocolError

__all__ = [
    "BUILD_ID",
    "CAPABILITIES",
    "CHANGESET",
    "COMMANDLINE",
    "COMPILE_INFO",
    "EXTRAVERSION",
    "FEATURE_DOM0",
    "FIXED_SIZES",
    "GET_FEATURES",
    "GUEST_HANDLE",
    "HYPERCALL",
    "LONG_FORMS",
    "PAGESIZE",
    "PLATFORM_PARAMETERS",
    "VERSION",
    "CompileInfo",
    "decode_build_id",
    "decode_compile_info",
    "decode_text",
    "decode_version",
    "era_of_3_0",
]

Data = bytes | bytearray | memoryview

#: The hypercall's number.
HYPERCALL: Final = 17

VERSION: Final = 0
EXTRAVERSION: Final = 1
COMPILE_INFO: Final = 2
CAPABILITIES: Final = 3
CHANGESET: Final = 4
PLATFORM_PARAMETERS: Final = 5
GET_FEATURES: Final = 6
PAGESIZE: Final = 7
GUEST_HANDLE: Final = 8
COMMANDLINE: Final = 9
BUILD_ID: Final = 10

#: Bytes of the answers of fixed size. These truncate; 4.20 has forms that don't.
FIXED_SIZES: Final[dict[int, int]] = {
    EXTRAVERSION: 16,
    COMPILE_INFO: 144,
    CAPABILITIES: 1024,
    CHANGESET: 64,
    GUEST_HANDLE: 16,
    COMMANDLINE: 1024,
}
#: The long form (4.20 and later) of a command: {u32 length; char text[length]}, no NUL.
LONG_FORMS: Final[dict[int, int]] = {
    EXTRAVERSION: 11,
    CAPABILITIES: 12,
    CHANGESET: 13,
    COMMANDLINE: 14,
}
#: Bit of feature map 0 that says "the caller is domain 0" (4.2 and later).
FEATURE_DOM0: Final = 11


class CompileInfo(NamedTuple):
    """How the hypervisor was built."""

    compiler: str
    by: str
    domain: str
    date: str


def decode_version(result: int) -> tuple[int, int]:
    """Return (major, minor). Raises :class:`ProtocolError` if that can't be a Xen release."""
    major, minor = result >> 16 & 0xFFFF, result & 0xFFFF
    if result < 0 or not 2 <= major <= 99:
        raise ProtocolError(f"xen_version: {result:#x} is no release of Xen")
    return major, minor


def decode_text(data: Data) -> str:
    """Return the text up to its NUL; bytes that aren't UTF-8 are replaced."""
    return bytes(data).partition(b"\0")[0].decode("utf-8", "replace").strip()


def decode_compile_info(data: Data) -> CompileInfo:
    """Read {char compiler[64], by[16], domain[32], date[32]}."""
    if len(data) < FIXED_SIZES[COMPILE_INFO]:
        raise ProtocolError(f"compile_info: {len(data)} bytes of {FIXED_SIZES[COMPILE_INFO]}")
    parts = struct.unpack_from("64s16s32s32s", bytes(data))
    return CompileInfo(*(decode_text(part) for part in parts))


def decode_build_id(data: Data, length: int) -> str:
    """Return the build id as hexadecimal digits."""
    if not 0 <= length <= len(data):
        raise ProtocolError(f"build_id: length {length}, but {len(data)} bytes")
    return bytes(data[:length]).hex()


def era_of_3_0(extraversion: str) -> int | None:
    """Return the point release that an extraversion of 3.0 names (".4-1" is 4), else None.

    3.0.0 to 3.0.4 all call themselves 3.0; only this tells them apart.
    """
    match = re.match(r"\.(\d{1,3})(?!\d)", extraversion)
    return int(match[1]) if match else None
