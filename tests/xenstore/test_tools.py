"""Xen's own xenstore-* programs as the other client of the same daemon."""

from __future__ import annotations

import contextlib
import subprocess

from support.xenstored import tool
from xenparley_xenstore.subscription import Change


def run(daemon, name, *arguments):
    done = subprocess.run(
        [tool(name), *arguments],
        env=daemon.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout.decode()


def test_we_see_what_xenstore_write_writes(daemon, store, soon):
    with store.watch("/theirs", deadline=soon()) as subscription:
        subscription.wait(deadline=soon())
        run(daemon, "xenstore-write", "/theirs/key", "a value")
        assert subscription.wait(deadline=soon()) == Change("/theirs/key", "/theirs")
        assert store.read("/theirs/key", deadline=soon()) == b"a value"
        run(daemon, "xenstore-rm", "/theirs")
        assert subscription.wait(deadline=soon()) == Change("/theirs", "/theirs")
    assert not store.exists("/theirs", deadline=soon())


def test_xenstore_read_and_list_see_what_we_write(daemon, store, soon):
    store.write("/ours/key", b"our value", deadline=soon())
    assert run(daemon, "xenstore-read", "/ours/key") == "our value\n"
    assert run(daemon, "xenstore-list", "/ours") == "key\n"


def test_xenstore_ls_shows_the_tree_that_we_walk(daemon, store, soon):
    for guest in range(1, 30):
        store.write(f"/local/domain/{guest}/name", b"guest-%d" % guest, deadline=soon())
        store.write(f"/local/domain/{guest}/memory/target", b"131072", deadline=soon())
    theirs = run(daemon, "xenstore-ls", "-f", "/local").splitlines()
    ours = [
        f'{node.path} = "{node.value.decode()}"'
        for node in store.walk("/local", deadline=soon())
        if node.path != "/local"
    ]
    assert [line.rstrip() for line in theirs] == ours


def test_xenstore_watch_sees_our_changes(daemon, store, soon):
    store.write("/seen", b"", deadline=soon())
    with subprocess.Popen(
        [tool("xenstore-watch"), "-n", "4", "/seen"],
        env=daemon.environment,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as watcher:
        try:
            # The first line tells that the watch is registered.
            lines = [watcher.stdout.readline().strip()]
            for name in ("a", "b", "c"):
                store.write(f"/seen/{name}", b"1", deadline=soon())
            lines += [line.strip() for line in watcher.stdout]
            assert lines == [b"/seen", b"/seen/a", b"/seen/b", b"/seen/c"]
            assert watcher.wait(60) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                watcher.kill()


def test_xenstore_chmod_and_our_permissions(daemon, store, soon):
    daemon.domains.write_text("5 r\n")
    store.write("/p", b"", deadline=soon())
    run(daemon, "xenstore-chmod", "/p", "n0", "r5")
    assert [str(entry) for entry in store.permissions("/p", deadline=soon())] == ["n0", "r5"]
