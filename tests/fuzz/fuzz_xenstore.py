"""XenStore's frames and replies: any bytes from the peer are messages or one typed error.

However the stream is cut, the messages are the same; what was read can be sent again.
"""

from __future__ import annotations

from xenparley.domain.errors import InvalidInput, ProtocolError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_paths import check_path
from xenparley_wire.xenstore_types import Message, Permission

SEEDS = "xenstore"

_READERS = (
    replies.text,
    replies.error_name,
    replies.acknowledged,
    replies.directory,
    replies.directory_part,
    replies.permissions,
    replies.watch_event,
    replies.number,
    replies.truth,
)


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed ones is a find."""
    whole = _decode(data, len(data) or 1)
    for step in (1, 7, 16):
        if _decode(data, step) != whole:
            raise AssertionError(f"cut into pieces of {step} bytes, the stream says otherwise")
    sent = b"".join(
        encode(message.type, message.request_id, message.transaction_id, message.payload)
        for message in whole[0]
    )
    if not data.startswith(sent):
        raise AssertionError("encoded again, the messages are not what came")
    for message in whole[0]:
        _read(message.payload)


def _decode(data: bytes, step: int) -> tuple[list[Message], str | None]:
    """Feed the bytes in pieces; return the messages and what was wrong with the stream."""
    decoder = Decoder()
    messages: list[Message] = []
    try:
        for start in range(0, len(data), step):
            messages += decoder.feed(data[start : start + step])
            if decoder.pending > 16 + 4096 + step:
                raise AssertionError("more is held than one frame")
        decoder.finish()
    except ProtocolError as exc:
        return messages, exc.message
    return messages, None


def _read(payload: bytes) -> None:
    """Give a payload to every reader; those that can be written again must come back."""
    found: dict[str, object] = {}
    for reader in _READERS:
        try:
            found[reader.__name__] = reader(payload)  # type: ignore[operator]
        except ProtocolError:
            continue
    entries = found.get("permissions")
    if isinstance(entries, list) and all(isinstance(entry, Permission) for entry in entries):
        try:
            again = requests.permissions("/x", entries).removeprefix(b"/x\0")
        except InvalidInput:
            again = b""
        if again and replies.permissions(again) != entries:
            raise AssertionError("permissions come back as others")
    names = found.get("directory")
    if isinstance(names, list) and b"\0".join(n.encode() for n in names) != payload[:-1]:
        raise AssertionError("the names listed are not those that came")
    try:
        path = check_path(payload.decode("latin-1"))
    except InvalidInput:
        return
    if path != payload:
        raise AssertionError("a path goes out as another")
