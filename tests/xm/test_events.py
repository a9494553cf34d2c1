"""Being told of files that come, change and go, whatever way they were saved."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from pathlib import Path

import pytest

from support.require import missing
from xenparley.domain.errors import XenparleyError
from xenparley.domain.events import EventKind
from xenparley.negotiation.capability import Role
from xenparley_xm import watching
from xenparley_xm.watching import InotifyWatch, PollingWatch, Signal, open_watch

TEXT = 'name = "{0}"\nuuid = "6b6e5a3a-7d0c-4d4e-9f5a-{1:012x}"\nmemory = {2}\n'
HAS_INOTIFY = importlib.util.find_spec("inotify_simple") is not None


class Heard:
    """Keeps what was told, and waits for it."""

    def __init__(self):
        self.events = []
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self.events.append((event.kind, event.guest and event.guest.name))
            self._changed.notify_all()

    def wait(self, *wanted):
        """Wait until these were told, whatever else was."""
        with self._changed:
            done = self._changed.wait_for(lambda: set(wanted) <= set(self.events), 20)
        assert done, f"{wanted} not told, only {self.events}"


@pytest.fixture(params=["inotify", "poll"])
def kind(request):
    if request.param == "inotify" and not HAS_INOTIFY:
        missing("inotify", "inotify-simple is not installed (extra inotify)")
    return request.param


@pytest.fixture
def heard(files, kind, monkeypatch):
    monkeypatch.setattr(watching, "POLL_S", 0.05)
    monkeypatch.setattr(PollingWatch.__init__, "__defaults__", (0.05,))
    files.write("old", TEXT.format("old", 1, 64))
    heard = Heard()
    events = files.open(notify=kind).port(Role.EVENTS)
    heard.subscription = events.subscribe(heard, deadline=files.soon())
    yield heard
    heard.subscription.close()


D, R, U = EventKind.DEFINED, EventKind.REDEFINED, EventKind.UNDEFINED


def test_files_come_change_and_go(files, heard):
    path = files.write("new", TEXT.format("new", 2, 64))
    heard.wait((D, "new"))
    files.write("new", TEXT.format("new", 2, 128))
    heard.wait((R, "new"))
    path.unlink()
    heard.wait((U, "new"))
    assert heard.events == [(D, "new"), (R, "new"), (U, "new")]


def test_an_editor_that_writes_a_new_file_and_renames_it(files, heard):
    files.write(".old.swp", "swap")
    files.write("old~", TEXT.format("old", 1, 64))
    new = files.write("4913", TEXT.format("old", 1, 128))
    new.rename(files.path / "old")
    (files.path / ".old.swp").unlink()
    heard.wait((R, "old"))
    assert heard.events == [(R, "old")]


def test_an_editor_that_truncates_and_writes(files, heard):
    text = TEXT.format("old", 1, 128)
    with (files.path / "old").open("w") as out:
        for character in text:
            out.write(character)
            out.flush()
            time.sleep(0.002)
    heard.wait((R, "old"))
    with (files.path / "old").open("w") as out:
        time.sleep(0.4)  # empty for longer than events are gathered
        out.write(TEXT.format("old", 1, 256))
    files.write("end", TEXT.format("end", 9, 64))
    heard.wait((D, "end"))
    assert U not in {kind for kind, _ in heard.events}, "it was never gone"
    assert heard.events.count((R, "old")) >= 2


def test_touching_a_file_changes_nothing(files, heard):
    os.utime(files.path / "old")
    (files.path / "old").chmod(0o600)
    files.write("end", TEXT.format("end", 9, 64))
    heard.wait((D, "end"))
    assert heard.events == [(D, "end")]


def test_a_file_that_is_broken_for_good(files, heard):
    files.write("old", 'import os\nname = "old"\n')
    heard.wait((U, "old"))
    files.write("old", TEXT.format("old", 1, 64))
    heard.wait((D, "old"))


def test_a_thousand_changes_in_a_burst(files, heard):
    for turn in range(10):
        for number in range(100):
            files.write(f"g{number}", TEXT.format(f"g{number}", 100 + number, 64 + turn))
    wanted = [(D, f"g{number}") for number in range(100)]
    heard.wait(*wanted)
    for number in range(100):
        (files.path / f"g{number}").unlink()
    heard.wait(*((U, f"g{number}") for number in range(100)))
    for each in wanted:
        assert heard.events.count(each) == 1


def test_a_folder_that_disappears_and_comes_back(files, heard):
    away = files.path.with_name("away")
    files.path.rename(away)
    heard.wait((U, "old"))
    away.rename(files.path)
    heard.wait((D, "old"))
    files.write("new", TEXT.format("new", 2, 64))
    heard.wait((D, "new"))
    assert heard.events == [(U, "old"), (D, "old"), (D, "new")]


def test_a_folder_that_is_removed_and_made_anew(files, heard):
    (files.path / "old").unlink()
    files.path.rmdir()
    heard.wait((U, "old"))
    files.path.mkdir()
    files.write("new", TEXT.format("new", 2, 64))
    heard.wait((D, "new"))


def test_closing_from_within_the_callback(files, kind):
    told = threading.Event()

    def once(event):
        subscription.close()
        told.set()

    channel = files.open(notify=kind)
    subscription = channel.port(Role.EVENTS).subscribe(once, deadline=files.soon())
    files.write("new", TEXT.format("new", 2, 64))
    assert told.wait(20)
    subscription.close()
    assert not subscription._thread.is_alive()
    channel.close()
    with pytest.raises(XenparleyError):
        channel.port(Role.EVENTS).subscribe(once, deadline=files.soon())


def test_lost_events_are_told(files, monkeypatch):
    """More than the kernel keeps: one must look again at everything."""

    class Overflown(PollingWatch):
        def wait(self, seconds):
            super().wait(0.05)
            return Signal.LOST if not self.told.is_set() else Signal.TIME

        told = threading.Event()

    monkeypatch.setattr("xenparley_xm.events.open_watch", lambda path, kind: Overflown(0.05))
    heard = Heard()
    subscription = files.port(Role.EVENTS).subscribe(heard, deadline=files.soon())
    heard.wait((EventKind.RESYNC, None))
    Overflown.told.set()
    files.write("new", TEXT.format("new", 2, 64))
    heard.wait((D, "new"))
    subscription.close()


def test_the_kernels_own_overflow_is_noticed(files):
    if not HAS_INOTIFY:
        missing("inotify", "inotify-simple is not installed (extra inotify)")
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        missing("inotify-queue", f"{most} events are too many to overflow the queue with")
    watch = InotifyWatch(str(files.path))
    one, two = files.path / "one", files.path / "two"
    one.write_text("")
    for _ in range(most // 2 + 10):
        one.rename(two)
        two.rename(one)
    assert watch.wait(5) is Signal.LOST
    watch.close()


def test_without_inotify_one_polls(files, monkeypatch):
    def absent(name):
        raise ImportError(f"no {name}")

    monkeypatch.setattr(watching, "import_module", absent)
    assert isinstance(open_watch(str(files.path), "auto"), PollingWatch)
    with pytest.raises(ImportError):
        open_watch(str(files.path), "inotify")
    channel = files.open(notify="inotify")
    with pytest.raises(XenparleyError):
        channel.port(Role.EVENTS).subscribe(print, deadline=files.soon())
