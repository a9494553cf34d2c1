"""How daemons answer requests of somebody who may not ask."""

from __future__ import annotations

from xenparley_wire.xenstore import HEADER, encode
from xenparley_wire.xenstore_types import MessageType

__all__ = ["http_denial", "xenstore_denial"]

_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-length: 0\r\n\r\n"


def http_denial(data: bytes) -> tuple[bytes, int]:
    """Answer an HTTP request with 403 once its head is there."""
    end = data.find(b"\r\n\r\n")
    return (_FORBIDDEN, len(data)) if end >= 0 else (b"", 0)


def xenstore_denial(data: bytes) -> tuple[bytes, int]:
    """Answer each XenStore request that is whole with EACCES."""
    answer, at = b"", 0
    while len(data) - at >= HEADER.size:
        _, request_id, transaction_id, length = HEADER.unpack_from(data, at)
        if len(data) - at < HEADER.size + length:
            break
        at += HEADER.size + length
        answer += encode(MessageType.ERROR, request_id, transaction_id, b"EACCES\0")
    return answer, at
