"""Events: the folder is looked at when something happened, and the difference is told, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from xenparley.domain.errors import ChannelLost, Unavailable, XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.plugin.log import logger
from xenparley_xm.calls import Calls
from xenparley_xm.errors import CHANNEL, os_error
from xenparley_xm.folder import Entry, Folder
from xenparley_xm.watching import Signal, Watch, open_watch, quiet

__all__ = ["EventsPort", "FolderSubscription"]

#: Something happened: wait until the folder is quiet this long, at most so long, in seconds.
_QUIET_S: Final = 0.05
_LONGEST_S: Final = 1.0
#: A file that was good and is not, and was touched less long ago than this, is being written.
_HALF_WRITTEN_S: Final = 1.0
#: How long one look at the folder may take, in seconds.
_LOOK_S: Final = 30.0


class Seen(NamedTuple):
    """A definition as seen: the guest's name, what its files hold, and the trouble with them."""

    name: str | None
    digests: tuple[bytes, ...]
    files: tuple[str, ...]


class EventsPort:
    """Tells of files that come, change and go."""

    def __init__(self, calls: Calls, kind: str) -> None:
        self._calls = calls
        self._kind = kind
        self._lock = threading.Lock()
        self._running: set[FolderSubscription] = set()

    def subscribe(
        self, callback: Callable[[GuestEvent], None], *, deadline: float
    ) -> FolderSubscription:
        """Call back for each change from now on, from a thread of the subscription's own."""
        with self._calls.call(Capability.EVENTS, deadline) as folder:
            try:
                watch = open_watch(folder.path, self._kind)
            except (OSError, ImportError) as exc:
                error = exc if isinstance(exc, OSError) else OSError(0, str(exc))
                raise os_error(error, f"no inotify for {folder.path}") from exc
            try:
                # Watched first, looked at then: what happens between is told.
                before = _definitions(folder.scan(deadline).entries)
                subscription = FolderSubscription(folder, watch, callback, before, self._ended)
                self._keep(subscription, folder)
            except BaseException:
                watch.close()
                raise
            subscription.start()
            return subscription

    def _keep(self, subscription: FolderSubscription, folder: Folder) -> None:
        with self._lock:
            if folder.closed:
                raise ChannelLost("the channel is closed")
            self._running.add(subscription)

    def close(self) -> None:
        """End every subscription."""
        with self._lock:
            running = tuple(self._running)
        for subscription in running:
            subscription.close()

    def _ended(self, subscription: FolderSubscription) -> None:
        with self._lock:
            self._running.discard(subscription)


class FolderSubscription:
    """A running subscription."""

    def __init__(
        self,
        folder: Folder,
        watch: Watch,
        callback: Callable[[GuestEvent], None],
        before: dict[str, Seen],
        ended: Callable[[FolderSubscription], None],
    ) -> None:
        self._folder = folder
        self._watch = watch
        self._callback = callback
        self._before = before
        self._ended = ended
        self._gap = False
        self._again = False
        self._stop = threading.Event()
        # Reentrant: a callback may close its own subscription.
        self._calling = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="xenparley-xm-events", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End it; a callback that is running in another thread is waited for. Idempotent."""
        with self._calling:
            closing = not self._stop.is_set()
            self._stop.set()
            if closing:
                self._watch.wake()
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(_LOOK_S)
        self._ended(self)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                pause = _HALF_WRITTEN_S / 4 if self._again else self._watch.interval
                said = self._watch.wait(pause)
                if said is not Signal.TIME:
                    last = quiet(self._watch, _QUIET_S, _LONGEST_S)
                    said = Signal.LOST if Signal.LOST in (said, last) else said
                if not self._stop.is_set():
                    self._look(lost=said is Signal.LOST)
        finally:
            with self._calling:
                self._stop.set()
            self._watch.close()

    def _look(self, *, lost: bool) -> None:
        try:
            scan = self._folder.scan(time.monotonic() + _LOOK_S)
        except Unavailable:
            if self._folder.closed:
                return
            after: dict[str, Seen] = {}  # no folder, no definitions
            reasons: dict[str, str] = {}
            self._again = False
        except XenparleyError as exc:
            if not self._gap:
                logger("xm").warning("could not look for events: %s", exc)
            self._gap = True
            return
        else:
            after = _definitions(scan.entries)
            reasons = {**scan.left_out, **{e.file: e.trouble for e in scan.entries if e.trouble}}
            self._again = self._wait_for_writers(after, reasons)
        before, self._before = self._before, after
        at = time.time()
        if lost or self._gap:
            why = "more changed at once than the kernel keeps" if lost else "a look failed"
            self._gap = False
            self._tell(EventKind.RESYNC, None, at, why)
            return
        for uuid in sorted(before.keys() | after.keys()):
            old, new = before.get(uuid), after.get(uuid)
            told = new or old
            assert told is not None
            guest = GuestRef(uuid=uuid, name=told.name)
            if old is None:
                self._tell(EventKind.DEFINED, guest, at, None)
            elif new is None:
                trouble = [reasons[file] for file in old.files if file in reasons]
                self._tell(EventKind.UNDEFINED, guest, at, "; ".join(trouble) or None)
            elif old.digests != new.digests:
                self._tell(EventKind.REDEFINED, guest, at, None)

    def _wait_for_writers(self, after: dict[str, Seen], reasons: dict[str, str]) -> bool:
        """Keep what was seen of files that are being written; say whether there are any."""
        writing = False
        for uuid, seen in self._before.items():
            if uuid in after:
                continue
            for file in seen.files:
                if file in reasons and self._folder.touched(file, _HALF_WRITTEN_S):
                    after[uuid] = seen
                    writing = True
        return writing

    def _tell(self, kind: EventKind, guest: GuestRef | None, at: float, detail: str | None) -> None:
        event = GuestEvent(kind=kind, guest=guest, source=CHANNEL, at=at, detail=detail)
        with self._calling:
            if self._stop.is_set():
                return
            try:
                self._callback(event)
            except Exception:  # noqa: BLE001 - logged; the next event is told all the same
                logger("xm").exception("a subscriber to the XM files failed")


def _definitions(entries: tuple[Entry, ...]) -> dict[str, Seen]:
    """Return the definitions that can be read, by UUID; a UUID's files in order of their names."""
    found: dict[str, Seen] = {}
    for entry in entries:
        if entry.summary is None:
            continue
        old = found.get(entry.uuid)
        if old is None:
            found[entry.uuid] = Seen(entry.name, (entry.digest,), (entry.file,))
        else:
            digests, files = (*old.digests, entry.digest), (*old.files, entry.file)
            found[entry.uuid] = Seen(old.name, digests, files)
    return found
