"""Take the ELF kernel out of a bzImage: vmlinux.py BZIMAGE OUT."""

from __future__ import annotations

import lzma
import struct
import subprocess
import sys
from pathlib import Path

SETUP_SECTORS = 0x1F1  # offsets of the Linux x86 boot protocol
PAYLOAD_OFFSET = 0x248


def unpacked(image: bytes) -> bytes:
    """Return the kernel that the image carries, xz or legacy lz4."""
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = ((image[SETUP_SECTORS] or 4) + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x02!L\x18"):
        # four bytes of size follow the stream: lz4 complains of them after the kernel is out
        command = ["lz4", "-dc"]
        return subprocess.run(command, input=payload, capture_output=True, check=False).stdout
    sys.exit(f"unknown kernel payload {payload[:8]!r}")


if __name__ == "__main__":
    kernel = unpacked(Path(sys.argv[1]).read_bytes())
    if not kernel.startswith(b"\x7fELF"):
        sys.exit(f"{sys.argv[1]}: no ELF kernel inside")
    Path(sys.argv[2]).write_bytes(kernel)
