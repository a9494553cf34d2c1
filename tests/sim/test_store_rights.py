"""What a guest may do in the simulated host's XenStore: permissions and quotas, on the wire."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from xenparley_sim.xenstore_server import Quota, Store, XenStoreServer
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_types import Access, MessageType, Permission

GUEST, OTHER = 5, 6
HOME = f"/local/domain/{GUEST}"


class Client:
    """A connection that asks one thing after the other."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(10)
        self.link.connect(str(path))
        self.decoder = Decoder()
        self.events = []

    def close(self):
        self.link.close()

    def ask(self, kind, payload, transaction=0):
        self.link.sendall(encode(kind, 1, transaction, payload))
        while True:
            for each in self.decoder.feed(self.link.recv(65536)):
                if each.type == MessageType.WATCH_EVENT:
                    self.events.append(each.payload)
                    continue
                return each.payload.rstrip(b"\0").decode()

    def read(self, path):
        return self.ask(MessageType.READ, requests.path(path))

    def write(self, path, value=b"x", transaction=0):
        return self.ask(MessageType.WRITE, requests.write(path, value), transaction)

    def allow(self, path, *entries):
        return self.ask(MessageType.SET_PERMS, requests.permissions(path, entries))


@pytest.fixture
def store():
    made = Store(Quota(nodes=12, watches=3, transactions=2, node_size=200, permissions=3))
    made.write(HOME, b"")
    made.set_permissions(HOME, [Permission(GUEST, Access.NONE)])
    made.write("/secret/deep", b"of domain 0")
    return made


@pytest.fixture
def guest(store, tmp_path):
    server = XenStoreServer(tmp_path / "guest", store, domain_id=GUEST)
    with server, closing(Client(server.path)) as made:
        yield made


@pytest.fixture
def other(store, tmp_path):
    server = XenStoreServer(tmp_path / "other", store, domain_id=OTHER)
    with server, closing(Client(server.path)) as made:
        yield made


def test_a_guest_is_at_home_in_its_folder_and_nowhere_else(store, guest, other):
    assert guest.write("data/a", b"1") == "OK"
    assert store.read(f"{HOME}/data/a") == b"1"
    assert guest.read("data/a") == guest.read(f"{HOME}/data/a") == "1"
    assert guest.read("data/b") == "ENOENT"
    for path in ("/secret", "/secret/deep", "/secret/none", "/none", f"/local/domain/{OTHER}"):
        assert guest.read(path) == "EACCES", path
    assert guest.write("/secret/deep") == guest.write("/mine") == "EACCES"
    assert guest.ask(MessageType.RM, requests.path("/secret/deep")) == "EACCES"
    assert other.read(f"{HOME}/data/a") == other.write(f"{HOME}/data/a") == "EACCES"
    assert store.read("/secret/deep") == b"of domain 0"


@pytest.mark.parametrize(
    ("access", "reads", "writes"),
    [
        (Access.NONE, "EACCES", "EACCES"),
        (Access.READ, "1", "EACCES"),
        (Access.WRITE, "EACCES", "OK"),
        (Access.BOTH, "1", "OK"),
    ],
)
def test_who_is_listed_may_what_is_listed(guest, other, access, reads, writes):
    guest.write("data", b"1")
    mine = Permission(GUEST, Access.NONE)
    assert guest.allow("data", mine, Permission(OTHER, access)) == "OK"
    assert (other.read(f"{HOME}/data"), other.write(f"{HOME}/data", b"2")) == (reads, writes)
    # The first entry's letter is for everybody else.
    assert guest.allow("data", Permission(GUEST, access)) == "OK"
    assert (other.write(f"{HOME}/data", b"1"), other.read(f"{HOME}/data")) == (writes, reads)
    assert guest.read("data") == "1"


def test_only_domain_0_gives_a_node_away(store, guest, other):
    guest.write("data")
    assert guest.allow("data", Permission(OTHER, Access.BOTH)) == "EPERM"
    assert other.allow(f"{HOME}/data", Permission(OTHER, Access.BOTH)) == "EACCES"
    store.set_permissions(f"{HOME}/data", [Permission(OTHER, Access.NONE)])
    assert guest.read("data") == "EACCES" and other.read(f"{HOME}/data") == "x"


def test_what_a_guest_makes_is_its_own(store, guest, other):
    guest.write("shared")
    listed = (Permission(GUEST, Access.NONE), Permission(OTHER, Access.BOTH))
    guest.allow("shared", *listed)
    assert other.write(f"{HOME}/shared/from/other") == "OK"
    assert store.permissions(f"{HOME}/shared/from/other")[0].domain_id == OTHER


def test_quotas_are_the_guests_alone(store, guest):
    """Each quota is met, and passed by domain 0."""
    owned = 1  # its home
    while guest.write(f"n/{owned}") == "OK":
        owned += 1
        assert owned < 100
    assert guest.write("n/more") == "ENOSPC"
    # What is there may still be written, and domain 0 may add as much as it likes.
    assert guest.write("n/1", b"again") == "OK"
    store.write(f"{HOME}/of/domain/0", b"")
    assert guest.ask(MessageType.RM, requests.path("n")) == "OK"
    assert guest.write("n/more") == "OK"

    # 24 bytes, and 8 for each permission, are the record's.
    assert guest.write("n/more", b"x" * (200 - 24 - 8 - 1)) == "OK"
    assert guest.write("n/more", b"x" * (200 - 24 - 8)) == "ENOSPC"
    store.write(f"{HOME}/n/more", b"x" * 1000)
    assert guest.write("n/" + "y" * 200) == "ENOSPC"

    entries = [Permission(GUEST, Access.NONE), *(Permission(n, Access.READ) for n in (6, 7, 8))]
    assert guest.allow("n/more", *entries[:3]) == "OK"
    assert guest.allow("n/more", *entries) == "ENOSPC"
    store.set_permissions(f"{HOME}/n/more", entries)


def test_a_guest_has_so_many_watches_and_transactions(store, guest):
    told = [guest.ask(MessageType.WATCH, requests.watch("data", str(n))) for n in range(5)]
    assert told == ["OK"] * 4 + ["E2BIG"]
    assert guest.ask(MessageType.UNWATCH, requests.watch("data", "0")) == "OK"
    assert guest.ask(MessageType.WATCH, requests.watch("data", "9")) == "OK"
    begun = [guest.ask(MessageType.TRANSACTION_START, b"\0") for _ in range(4)]
    assert begun[3] == "ENOSPC" and all(each.isdigit() for each in begun[:3])
    # Within one the quotas hold too, and what is thrown away never counted.
    first = int(begun[0])
    inside = [guest.write(f"t/{n}", transaction=first) for n in range(14)]
    assert inside[0] == "OK" and inside[-1] == "ENOSPC"
    assert guest.ask(MessageType.TRANSACTION_END, b"F\0", first) == "OK"
    assert guest.write("t/0") == "OK"
    for number in range(9):
        store.watch("/x", str(number), "domain 0", lambda path, token: None)


@pytest.mark.parametrize("kind", [MessageType.INTRODUCE, MessageType.RELEASE, MessageType.CONTROL])
def test_what_is_the_toolstacks_is_no_guests(guest, kind):
    payload = requests.introduce(7, 1, 1) if kind is MessageType.INTRODUCE else b"7\0"
    assert guest.ask(kind, payload) == "EACCES"
