"""XenStore's frames without I/O: round trips, cuts anywhere, limits, distrust."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.level import examples
from xenparley.domain.errors import InvalidInput, ProtocolError, XenparleyError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_paths import (
    check_domain_id,
    check_path,
    check_watch_path,
    join,
    parent,
    path_payloads,
)
from xenparley_wire.xenstore_types import (
    SINCE,
    Access,
    Feature,
    Message,
    MessageType,
    Permission,
    WatchEvent,
)

u32 = st.integers(0, 0xFFFFFFFF)
messages = st.lists(
    st.builds(
        Message,
        st.sampled_from([int(kind) for kind in MessageType]),
        u32,
        u32,
        st.binary(max_size=200),
    ),
    max_size=8,
)


def decode(pieces, limit=4096):
    """Return the messages, and what was wrong if anything was."""
    decoder = Decoder(limit)
    found = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
        decoder.finish()
    except ProtocolError as exc:
        return found, str(exc)
    return found, None


def cut(data, places):
    """Cut bytes at some places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(messages, st.lists(st.integers(0, 10_000), max_size=12))
def test_messages_come_out_as_they_went_in_however_they_are_cut(sent, places):
    data = b"".join(encode(*message) for message in sent)
    assert decode(cut(data, places)) == (sent, None)


@given(messages)
def test_one_byte_at_a_time(sent):
    data = b"".join(encode(*message) for message in sent)
    assert decode([bytes([byte]) for byte in data]) == (sent, None)


@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=8))
def test_noise_ends_in_messages_or_one_typed_error_wherever_it_is_cut(noise, places):
    whole = decode([noise], 64)
    assert decode(cut(noise, places), 64) == whole
    found, problem = whole
    if problem is not None:
        assert "byte offset" in problem
    assert sum(16 + len(message.payload) for message in found) <= len(noise)


@pytest.mark.heavy
@settings(max_examples=examples(2000))
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(
                lambda kind, size, tail: struct.pack("=IIII", kind, 1, 0, size) + tail,
                st.integers(0, 30),
                st.integers(0, 100),
                st.binary(max_size=100),
            ),
        ),
        max_size=6,
    ),
    st.lists(st.integers(0, 800), max_size=10),
)
def test_nearly_right_noise(parts, places):
    noise = b"".join(parts)
    assert decode(cut(noise, places), 64) == decode([noise], 64)


def test_a_broken_decoder_stays_broken_and_names_the_byte():
    decoder = Decoder()
    good = encode(MessageType.READ, 1, 0, b"abc")
    assert decoder.feed(good + struct.pack("=IIII", 99, 1, 0, 0)) == [Message(2, 1, 0, b"abc")]
    assert decoder.broken == f"byte offset {len(good)}: unknown message type 99"
    with pytest.raises(ProtocolError, match=f"byte offset {len(good)}"):
        decoder.feed(good)
    with pytest.raises(ProtocolError):
        decoder.finish()


def test_the_length_is_checked_before_anything_is_kept():
    decoder = Decoder(4096)
    with pytest.raises(ProtocolError, match="byte offset 12: message of 4294967295 bytes"):
        decoder.feed(struct.pack("=IIII", 2, 1, 0, 0xFFFFFFFF))
    assert decoder.pending == 0
    assert len(Decoder(5000).feed(encode(2, 1, 0, b"x" * 5000, limit=5000))) == 1


def test_a_long_answer_in_many_pieces_costs_its_length():
    size = 8 << 20
    data = encode(2, 1, 0, b"x" * size, limit=size)
    decoder = Decoder(size)
    found = []
    for start in range(0, len(data), 1000):
        found += decoder.feed(data[start : start + 1000])
    assert len(found[0].payload) == size


def test_too_long_a_request_is_refused():
    assert len(encode(2, 1, 0, b"x" * 4096)) == 4112
    with pytest.raises(InvalidInput, match="4097"):
        encode(2, 1, 0, b"x" * 4097)
    with pytest.raises(InvalidInput):
        encode(2, 1 << 32, 0, b"")


def test_numbers_are_those_of_the_header():
    assert MessageType.DIRECTORY_PART == 22
    assert MessageType.SET_QUOTA == 26
    assert MessageType.INVALID == 65535
    assert SINCE[MessageType.RESET_WATCHES] == "4.2"
    assert set(SINCE) < set(MessageType)


names = st.text("abcXYZ019-_@", min_size=1, max_size=12)
good_paths = st.lists(names, max_size=6).map(lambda parts: "/" + "/".join(parts))


@given(good_paths)
def test_good_paths(path):
    assert check_path(path) == path.encode()
    if path != "/":
        assert check_path(path[1:]) == path[1:].encode()
        assert join(parent(path), path.rpartition("/")[2]) == path


@given(st.text(max_size=30))
def test_a_path_is_taken_only_if_a_daemon_would_take_it(text):
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@")
    good = (
        bool(text)
        and set(text) <= allowed
        and "//" not in text
        and (text == "/" or not text.endswith("/"))
    )
    try:
        check_path(text)
    except InvalidInput:
        assert not good
    else:
        assert good


@given(st.lists(st.one_of(good_paths, st.text("ab/\0 é", max_size=8)), min_size=1, max_size=6))
def test_paths_checked_at_once_are_checked_as_one_by_one(paths):
    try:
        expected = [check_path(path) + b"\0" for path in paths]
    except InvalidInput:
        with pytest.raises(InvalidInput):
            path_payloads(paths)
    else:
        assert path_payloads(paths) == expected


def test_long_paths_checked_at_once():
    longest = "/" + "x" * 3071
    assert path_payloads([longest, "/a"]) == [longest.encode() + b"\0", b"/a\0"]
    for bad in (["/a", longest + "x"], ["x" * 2049, "/a"]):
        with pytest.raises(InvalidInput):
            path_payloads(bad)


def test_special_watches_and_domain_ids():
    assert check_watch_path("@releaseDomain") == b"@releaseDomain"
    assert check_watch_path("@releaseDomain/5") == b"@releaseDomain/5"
    for bad in ("@", "@a b", "@" + "x" * 3000):
        with pytest.raises(InvalidInput):
            check_watch_path(bad)
    assert check_domain_id(0x7FF5) == b"32757"
    for bad in (-1, 65536):
        with pytest.raises(InvalidInput):
            check_domain_id(bad)


def test_payloads_of_requests():
    assert requests.path("/a") == b"/a\0"
    assert requests.write("/a", b"v\0w") == b"/a\0v\0w"
    assert requests.directory_part("/a", 7) == b"/a\x007\0"
    assert requests.watch("@introduceDomain", "t 1", 2) == b"@introduceDomain\0t 1\x002\0"
    entries = [Permission(0, Access.NONE), Permission(5, Access.BOTH)]
    assert requests.permissions("/a", entries) == b"/a\0n0\0b5\0"
    assert requests.transaction_end(True) == b"T\0"
    assert requests.transaction_end(False) == b"F\0"
    assert requests.introduce(3, 4, 5) == b"3\x004\x005\0"
    assert requests.domain(9) == b"9\0"
    assert requests.set_target(1, 2) == b"1\x002\0"
    assert requests.features() == b""
    assert requests.features(4, Feature.DOMID_ANY) == b"4\x008\0"
    assert requests.quota() == b""
    assert requests.quota("node-size", 3, 9) == b"3\0node-size\x009\0"
    assert requests.control("log", "on") == b"log\0on\0"


@pytest.mark.parametrize(
    "call",
    [
        lambda: requests.write("/a", b"x" * 4094),
        lambda: requests.directory_part("/a", -1),
        lambda: requests.permissions("/a", []),
        lambda: requests.permissions("/a", [Permission(70000, Access.READ)]),
        lambda: requests.watch("/a", ""),
        lambda: requests.watch("/a", "a\0b"),
        lambda: requests.watch("/a", "t", -1),
        lambda: requests.introduce(1, -1, 0),
        lambda: requests.features(None, Feature.DOMID_ANY),
        lambda: requests.quota("a b"),
        lambda: requests.quota(None, 3),
        lambda: requests.quota("nodes", None, -1),
        lambda: requests.control("a\0b"),
        lambda: requests.control("x" * 4097),
    ],
)
def test_what_no_daemon_would_take_is_refused(call):
    with pytest.raises(InvalidInput):
        call()


def test_replies():
    assert replies.directory(b"a\0b-c\0") == ["a", "b-c"]
    assert replies.directory(b"") == []
    assert replies.directory_part(b"12\0a\0b\0") == ("12", ["a", "b"], 4, False)
    assert replies.directory_part(b"12\0a\0b\0\0") == ("12", ["a", "b"], 4, True)
    assert replies.directory_part(b"12\0\0") == ("12", [], 0, True)
    assert replies.permissions(b"n0\0b65535\0") == [
        Permission(0, Access.NONE),
        Permission(65535, Access.BOTH),
    ]
    assert replies.watch_event(b"/a\0t\0") == WatchEvent("/a", "t")
    assert replies.watch_event(b"/a\0t\0more\0") == WatchEvent("/a", "t")
    assert replies.number(b"12\0") == 12
    assert replies.truth(b"T\0") is True
    assert replies.truth(b"F") is False
    assert replies.error_name(b"EAGAIN\0") == "EAGAIN"
    assert replies.text(b"/local/domain/1") == "/local/domain/1"


READERS = [
    replies.directory,
    replies.directory_part,
    replies.permissions,
    replies.watch_event,
    replies.number,
    replies.truth,
    replies.error_name,
    replies.text,
    replies.acknowledged,
]


@pytest.mark.parametrize("reader", READERS)
@given(st.binary(max_size=60))
def test_any_payload_is_read_or_refused(reader, payload):
    try:
        reader(payload)
    except XenparleyError as exc:
        assert isinstance(exc, ProtocolError)
        assert "offset" in str(exc)


@pytest.mark.parametrize(
    ("reader", "payload", "offset"),
    [
        (replies.directory, b"a\0b/c\0", 2),
        (replies.directory, b"a\0\0", 2),
        (replies.directory, b"a\0b", 2),
        (replies.permissions, b"n0\0x5\0", 3),
        (replies.permissions, b"", 0),
        (replies.watch_event, b"/a\0", 0),
        (replies.number, b"-1\0", 0),
        (replies.truth, b"maybe\0", 0),
        (replies.text, b"ab\xff", 2),
        (replies.error_name, b"\0", 0),
    ],
)
def test_refusals_name_the_byte(reader, payload, offset):
    with pytest.raises(ProtocolError, match=f"byte offset {offset} "):
        reader(payload)
