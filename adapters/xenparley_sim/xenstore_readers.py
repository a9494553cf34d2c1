"""The socket for readers (up to Xen 4.14) in front of a daemon that has none.

A request that would change something goes on as one that changes nothing, and its answer comes
back as EROFS in its place, so that answers keep their order.
"""

from __future__ import annotations

from collections import deque

from xenparley.domain.errors import XenparleyError
from xenparley_sim.gate import Through
from xenparley_sim.xenstore_session import CHANGING
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import MessageType

__all__ = ["Readers"]

_ANSWER_MAX = 16 << 20
_REFUSAL = b"EROFS\0"
#: Asked instead: whether domain 0 is served.
_HARMLESS = (MessageType.IS_DOMAIN_INTRODUCED, b"0\0")


class Readers(Through):
    """One connection's two directions."""

    def __init__(self) -> None:
        self._from_client = Decoder()
        self._from_server = Decoder(_ANSWER_MAX)
        #: For each request that is not answered yet, whether it was refused; the oldest first.
        self._refused: deque[bool] = deque()

    def requests(self, data: bytes) -> bytes:
        """Return the requests, those that change something replaced."""
        passed = bytearray()
        for kind, request, transaction, payload in _messages(self._from_client, data):
            refused = kind in CHANGING
            self._refused.append(refused)
            sent, words = _HARMLESS if refused else (kind, payload)
            passed += encode(sent, request, 0 if refused else transaction, words)
        return bytes(passed)

    def answers(self, data: bytes) -> bytes:
        """Return the answers, and events, with EROFS for what was replaced."""
        passed = bytearray()
        for kind, request, transaction, payload in _messages(self._from_server, data):
            if kind != MessageType.WATCH_EVENT and self._refused and self._refused.popleft():
                passed += encode(MessageType.ERROR, request, transaction, _REFUSAL)
            else:
                passed += encode(kind, request, transaction, payload, limit=_ANSWER_MAX)
        return bytes(passed)


def _messages(decoder: Decoder, data: bytes) -> list[tuple[int, int, int, bytes]]:
    try:
        return [(m.type, m.request_id, m.transaction_id, m.payload) for m in decoder.feed(data)]
    except XenparleyError as exc:
        # As xenstored does with who is out of step.
        raise ConnectionAbortedError(str(exc)) from exc
