"""Ctrl-Z while the program watches: it lets go of XenStore before it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.hosts import FakeChannel, World, _Plugin, fake_host, full_offers
from support.xenstored import peer
from xenparley import InvalidInput, PluginError, Plugins, connect
from xenparley_xenstore.client import open_store

#: A group of its own, with its parent in the same session: the kernel does not stop orphans.
PROGRAM = """
import os, sys
os.setpgid(0, 0)
from xenparley_cli.entry import main
sys.exit(main(sys.argv[1:]))
"""


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]


def wait_for(true):
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_program_that_tells_events_can_be_stopped():
    with peer("simulated") as daemon:
        with open_store(str(daemon.socket)) as store:
            soon = time.monotonic() + 20
            for key, value in (("domid", "0"), ("name", "Domain-0"), ("vm", "/vm/0")):
                store.write(f"/local/domain/0/{key}", value.encode(), deadline=soon)
        wait_for(lambda: daemon._server.connections == 0)
        uri = f"xen:///?channels=xenstore&xenstore.path={daemon.socket}"
        words = ["-c", uri, "--format", "csv", "--columns", "kind", "events", "--count", "1"]
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                assert "listening (xenstore)" in child.stderr.readline()
                assert daemon._server.connections >= 1
                child.send_signal(signal.SIGTSTP)
                wait_for(lambda: state(child.pid) == "T")
                wait_for(lambda: daemon._server.connections == 0)
                child.send_signal(signal.SIGCONT)
                told, _ = child.communicate(timeout=60)
                assert told.split() == ["kind", "resync"]
                assert child.returncode == 0
            finally:
                child.send_signal(signal.SIGCONT)
                child.kill()


class Guarded(_Plugin):
    """Its adapter notes when it is guarded."""

    def __init__(self, channel, target):
        super().__init__(channel, True, False)
        fields = {name: getattr(self.spec, name) for name in ("name", "factory", "offers")}
        self.spec = type(self.spec)(
            **fields, schemes=frozenset({"xen"}), summary="a fake", stop_guard=target
        )


class Guard:
    held = 0

    def __enter__(self):
        Guard.held += 1

    def __exit__(self, *_):
        Guard.held -= 1


def guarded_host(target):
    plugins = Plugins(load=False, environ={})
    channel = FakeChannel("a", World().reads(), full_offers())
    plugins.register(Guarded(channel, target), "a")
    return connect("xen:///", plugins=plugins, timeout=5)


def test_adapters_guards_are_held_as_long_as_the_program_wants():
    with guarded_host(Guard) as host:
        with host.stop_guard():
            assert Guard.held == 1
        assert Guard.held == 0
    with fake_host(FakeChannel("a", World().reads(), full_offers())) as host, host.stop_guard():
        assert Guard.held == 0


def test_signals_are_the_main_threads():
    caught = []

    def enter(host):
        try:
            with host.stop_guard():
                pass
        except InvalidInput as exc:
            caught.append(str(exc))

    with guarded_host(Guard) as host:
        thread = threading.Thread(target=enter, args=(host,))
        thread.start()
        thread.join()
    assert caught
    assert "main thread" in caught[0]


def test_a_guard_that_is_none_is_the_plugins_fault():
    with guarded_host("nowhere_at_all:Guard") as host, pytest.raises(PluginError):
        with host.stop_guard():
            pass
    with pytest.raises(PluginError, match="stop_guard is neither"):
        guarded_host("not a target")
