"""XenStore's frames without I/O: bytes in, messages out; messages in, bytes out.

A frame is a header of four native-endian u32 (type, request id, transaction id, payload length)
and the payload. :class:`Decoder` takes the peer's bytes cut anywhere and ends in messages or in a
typed error that names the byte; it never holds more than one frame of the allowed size.
"""

from __future__ import annotations

import struct

from xenparley.domain.errors import InvalidInput, ProtocolError

from .xenstore_types import (
    HEADER_SIZE,
    PAYLOAD_MAX,
    Message,
    MessageType,
)

__all__ = ["HEADER", "Decoder", "encode"]

#: The header, in the byte order of this machine (both ends are always on one machine).
HEADER = struct.Struct("=IIII")

_KNOWN = frozenset(int(member) for member in MessageType)
_UINT32 = 0xFFFFFFFF


def encode(
    message_type: int,
    request_id: int,
    transaction_id: int,
    payload: bytes,
    *,
    limit: int = PAYLOAD_MAX,
) -> bytes:
    """Return one frame.

    Raises:
        InvalidInput: the payload is longer than ``limit`` bytes, or an id is not a u32.
    """
    if len(payload) > limit:
        raise InvalidInput(f"XenStore message of {len(payload)} bytes, the limit is {limit}")
    if not 0 <= request_id <= _UINT32 or not 0 <= transaction_id <= _UINT32:
        raise InvalidInput(f"not a u32: request {request_id}, transaction {transaction_id}")
    return HEADER.pack(message_type, request_id, transaction_id, len(payload)) + payload


class Decoder:
    """Cuts a stream of bytes into messages.

    ``limit`` bounds the payload (4096 by Xen's rule; oxenstored answers longer on a socket).
    After an error the decoder stays broken: a stream that lost its step can't be resumed.
    """

    __slots__ = ("_broken", "_chunks", "_held", "_limit", "_offset", "_wanted")

    def __init__(self, limit: int = PAYLOAD_MAX) -> None:
        self._limit = limit
        #: Pieces of the incomplete frame; joined once it is whole, so that a long frame that
        #: comes in many pieces costs its length and not its square.
        self._chunks: list[bytes] = []
        self._held = 0
        self._wanted = HEADER_SIZE
        self._offset = 0
        self._broken: str | None = None

    @property
    def pending(self) -> int:
        """Bytes held of a frame that is not yet whole."""
        return self._held

    @property
    def broken(self) -> str | None:
        """What was wrong with the stream, once something was."""
        return self._broken

    @property
    def offset(self) -> int:
        """Bytes of whole frames decoded so far: the place of the frame being read."""
        return self._offset

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes and return the messages that are now whole.

        Raises:
            ProtocolError: an unknown type or a length above the limit; the message names the
                offset in the stream. Whole messages before it are returned first: then
                :attr:`broken` is set and the next call raises.
        """
        if self._broken is not None:
            raise ProtocolError(self._broken)
        if self._chunks:
            self._chunks.append(data)
            self._held += len(data)
            if self._held < self._wanted:
                return []
            data = b"".join(self._chunks)
            self._chunks = []
            self._held = 0
        elif not data:
            return []
        messages: list[Message] = []
        append = messages.append
        unpack = HEADER.unpack_from
        # Past the generated __new__, which costs as much as all the rest of this loop.
        new, message_class = tuple.__new__, Message
        position = 0
        size = len(data)
        wanted = HEADER_SIZE
        while size - position >= HEADER_SIZE:
            kind, request_id, transaction_id, length = unpack(data, position)
            if length > self._limit or kind not in _KNOWN:
                problem = self._fail(position, kind, length)
                if messages:
                    return messages
                raise ProtocolError(problem)
            end = position + HEADER_SIZE + length
            if end > size:
                wanted = HEADER_SIZE + length
                break
            payload = data[position + HEADER_SIZE : end]
            append(new(message_class, (kind, request_id, transaction_id, payload)))
            position = end
        self._offset += position
        if position < size:
            self._chunks.append(data[position:])
            self._held = size - position
        self._wanted = wanted
        return messages

    def finish(self) -> None:
        """Tell that the stream has ended.

        Raises:
            ProtocolError: it ended within a frame.
        """
        if self._broken is not None:
            raise ProtocolError(self._broken)
        if self._held:
            raise ProtocolError(
                f"byte offset {self._offset}: the stream ended after {self._held} bytes of a "
                f"message of at least {self._wanted}"
            )

    def _fail(self, position: int, kind: int, length: int) -> str:
        place = self._offset + position
        if length > self._limit:
            problem = (
                f"byte offset {place + 12}: message of {length} bytes, the limit is {self._limit}"
            )
        else:
            problem = f"byte offset {place}: unknown message type {kind}"
        self._broken = problem
        self._chunks = []
        self._held = 0
        return problem
