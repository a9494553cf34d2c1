"""Single requests, as every daemon answers them."""

from __future__ import annotations

import pytest

from xenparley.domain.errors import InvalidInput, NoChannel, Unavailable
from xenparley_wire.xenstore_types import Access, Feature, Permission
from xenparley_xenstore.client import open_store
from xenparley_xenstore.endpoints import DEVICES, Endpoint, endpoints
from xenparley_xenstore.errors import (
    StoreFailure,
    StoreInvalid,
    StoreNotFound,
    StoreTooBig,
    StoreUnsupported,
)


def test_write_read_and_remove(store, soon):
    store.write("/a/b/c", b"\x00value\xff", deadline=soon())
    assert store.read("/a/b/c", deadline=soon()) == b"\x00value\xff"
    assert store.read("/a", deadline=soon()) == b""
    assert store.directory("/a/b", deadline=soon()) == ["c"]
    assert store.directory("/a/b/c", deadline=soon()) == []
    store.remove("/a/b", deadline=soon())
    assert not store.exists("/a/b/c", deadline=soon())
    assert store.exists("/a", deadline=soon())


def test_mkdir_keeps_what_is_there(store, soon):
    store.write("/a", b"kept", deadline=soon())
    store.mkdir("/a", deadline=soon())
    store.mkdir("/b", deadline=soon())
    assert store.read("/a", deadline=soon()) == b"kept"
    assert store.read("/b", deadline=soon()) == b""


def test_absent_nodes(store, soon):
    with pytest.raises(StoreNotFound) as caught:
        store.read("/nowhere", deadline=soon())
    assert caught.value.name == "ENOENT"
    assert "/nowhere" in str(caught.value)
    store.remove("/nowhere", deadline=soon())
    with pytest.raises(StoreNotFound):
        store.directory("/no/where", deadline=soon())


def test_relative_paths_are_domain_0s(store, soon):
    store.write("data/x", b"1", deadline=soon())
    assert store.read("/local/domain/0/data/x", deadline=soon()) == b"1"


def test_permissions(daemon, store, soon):
    # The C daemon (4.17) wants the domains to exist.
    daemon.domains.write_text("3 r\n5 r\n6 r\n")
    store.write("/p", b"", deadline=soon())
    assert store.permissions("/p", deadline=soon())[0].domain_id == 0
    wanted = [Permission(3, Access.NONE), Permission(5, Access.READ), Permission(6, Access.BOTH)]
    store.set_permissions("/p", wanted, deadline=soon())
    assert store.permissions("/p", deadline=soon()) == wanted


def test_domains(store, soon):
    assert store.domain_path(7, deadline=soon()) == "/local/domain/7"
    assert not store.is_introduced(7, deadline=soon())
    with pytest.raises((StoreNotFound, StoreInvalid)):
        store.release(7, deadline=soon())


@pytest.mark.parametrize(
    "path", ["", "a//b", "/a/", "//", "/a b", "/é", "/a\0b", "/" + "x" * 3072, "x" * 2049, "/a\n"]
)
def test_bad_paths_are_never_sent(path, soon):
    with open_store("/nonexistent/socket") as nobody, pytest.raises(InvalidInput):
        nobody.read(path, deadline=soon())


def test_longest_path_is_taken_by_the_daemon(store, soon):
    path = "/" + "/".join(["n" * 60] * 50)
    path += "/" + "x" * (3072 - len(path) - 1)
    assert len(path) == 3072
    with pytest.raises((StoreNotFound, StoreInvalid)):
        store.read(path, deadline=soon())
    # Whatever it said, the connection lives.
    store.write("/after", b"1", deadline=soon())


def test_too_large_a_request_is_never_sent(store, soon):
    store.connect(deadline=soon())
    with pytest.raises(InvalidInput, match="4096"):
        store.write("/big", b"x" * 4096, deadline=soon())
    store.write("/small", b"x", deadline=soon())


def test_largest_value(daemon, store, soon):
    value = b"x" * (4096 - len("/big") - 1)
    if daemon.kind == "oxenstored":
        with pytest.raises(StoreTooBig):
            store.write("/big", value, deadline=soon())
    else:
        store.write("/big", value, deadline=soon())
        assert store.read("/big", deadline=soon()) == value


def test_younger_requests(daemon, store, soon):
    if daemon.kind == "simulated":
        assert "nodes" in store.quota_names(deadline=soon())
        store.set_quota("nodes", 50, deadline=soon())
        assert store.quota("nodes", deadline=soon()) == 50
        store.set_features(9, Feature.ERROR_FIELD, deadline=soon())
        assert store.features(9, deadline=soon()) == Feature.ERROR_FIELD
        assert store.features(deadline=soon()) & Feature.RECONNECTION
        return
    # 4.17 knows none of them, and says so.
    for call in (store.quota_names, store.features):
        with pytest.raises(StoreUnsupported) as caught:
            call(deadline=soon())
        assert caught.value.name == "ENOSYS"


def test_reset_watches_and_control(daemon, store, soon):
    if daemon.kind != "oxenstored":
        assert "help" in store.control("help", deadline=soon())
        with pytest.raises((StoreInvalid, StoreFailure, StoreNotFound)):
            store.control("nonsense-of-ours", deadline=soon())
    store.reset_watches(deadline=soon())


def test_nobody_there(tmp_path, soon):
    places = [Endpoint(str(tmp_path / "socket"), False), Endpoint(str(tmp_path / "xenbus"), True)]
    from xenparley_xenstore.client import XenStore

    with XenStore(places) as nobody, pytest.raises(NoChannel) as caught:
        nobody.read("/", deadline=soon())
    assert [attempt.channel for attempt in caught.value.attempts] == [str(p.path) for p in places]
    assert all("nobody is there" in attempt.reason for attempt in caught.value.attempts)


def test_closed_client_refuses(store, soon):
    store.read("/", deadline=soon())
    store.close()
    with pytest.raises(Unavailable):
        store.read("/", deadline=soon())


def test_endpoints_of_every_era():
    default = endpoints({})
    assert [p.path for p in default[:2]] == ["/run/xenstored/socket", "/var/run/xenstored/socket"]
    assert [p.path for p in default if p.device] == list(DEVICES)
    assert default[-1].read_only
    assert endpoints({"XENSTORED_PATH": "/x/y"}) == [Endpoint("/x/y", False)]
    assert endpoints({"XENSTORED_PATH": DEVICES[1]}) == [Endpoint(DEVICES[1], True)]
    assert [p.path for p in endpoints({"XENSTORED_RUNDIR": "/r"})] == ["/r/socket", "/r/socket_ro"]
