"""All channels of one connection: probed at once, watched over, in one order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from xenparley.application.channel import ChannelHandle, ChannelStatus
from xenparley.domain.errors import Attempt, NoChannel
from xenparley.negotiation.offer import Available
from xenparley.negotiation.plan import ChannelView

__all__ = ["PROBE_S", "ChannelSet"]

#: How many seconds a channel's probe may take.
PROBE_S = 10.0
#: How many seconds adapters may take to be imported, all at once.
IMPORT_S = 30.0


class ChannelSet:
    """The channels of one host."""

    def __init__(self, handles: Iterable[ChannelHandle]) -> None:
        self._handles: Mapping[str, ChannelHandle] = {
            h.name: h for h in sorted(handles, key=lambda h: h.name)
        }
        self._closed = False

    def __getitem__(self, name: str) -> ChannelHandle:
        """Return one channel by its name."""
        return self._handles[name]

    def open(self, timeout: float) -> None:
        """Probe all channels at once. Raises NoChannel when none is available."""
        self._probe(self._handles.values(), timeout)
        self._one_host()
        if not self._available():
            raise self.nobody("no channel to the host is available", "connect")

    def views(self, *, without: Mapping[str, str] | None = None) -> tuple[ChannelView, ...]:
        """Return what the planner sees; ``without`` maps channels to why they are out."""
        self._reprobe_due()
        views = tuple(h.view for h in self._handles.values())
        if not without:
            return views
        from xenparley.negotiation.offer import Unavailable

        return tuple(
            ChannelView(name=v.name, result=Unavailable(without[v.name]))
            if v.name in without
            else v
            for v in views
        )

    def revive(self, deadline: float) -> None:
        """Probe now all that is lost, waiting for it: for a caller whom nobody else can serve."""
        lost = [h for h in self._handles.values() if not isinstance(h.view.result, Available)]
        self._probe(lost, deadline - time.monotonic())
        self._one_host()

    def statuses(self) -> tuple[ChannelStatus, ...]:
        """Return the state of every channel, by name."""
        return tuple(h.status() for h in self._handles.values())

    def lost(self) -> dict[str, str]:
        """Return the channels that were there and are not any more, with the reasons."""
        return {s.name: s.reason or s.state for s in self.statuses() if s.state == "lost"}

    def nobody(self, message: str, operation: str) -> NoChannel:
        """Build the error that lists every channel and its reason."""
        attempts = [
            Attempt(s.name, s.reason or s.state) for s in self.statuses() if s.state != "available"
        ]
        detail = "; ".join(f"{a.channel}: {a.reason}" for a in attempts)
        if not detail:
            # Channels there are, but none that can do this.
            detail = "; ".join(f"{name}: cannot" for name in self._handles)
        return NoChannel(
            f"{message} ({detail or 'no adapter is installed for it'})",
            operation=operation,
            attempts=attempts,
            retry_safe=True,
        )

    def close(self, timeout: float) -> None:
        """Close every channel."""
        self._closed = True
        deadline = time.monotonic() + timeout
        for handle in self._handles.values():
            handle.close(deadline)

    def _available(self) -> list[str]:
        return [n for n, h in self._handles.items() if isinstance(h.view.result, Available)]

    def _probe(self, handles: Iterable[ChannelHandle], timeout: float) -> None:
        """Import what isn't, then probe: each at once for all, no import beside a probe.

        Imports are work, on a slow dom0 seconds of it; a probe that lasts is a host that hangs.
        """
        if timeout <= 0:
            return
        end = time.monotonic() + timeout
        until = min(end, time.monotonic() + IMPORT_S)
        ready = at_once(handles, lambda handle: handle.prepare(until), until)
        limit = min(end, time.monotonic() + PROBE_S)
        at_once(ready, lambda handle: handle.probe(limit), limit)

    def _reprobe_due(self) -> None:
        now = time.monotonic()
        for handle in self._handles.values():
            if handle.due(now) and not self._closed:
                threading.Thread(
                    target=self._probe_again,
                    args=(handle,),
                    name=f"xenparley-probe-{handle.name}",
                    daemon=True,
                ).start()

    def _probe_again(self, handle: ChannelHandle) -> None:
        if handle.prepare(time.monotonic() + IMPORT_S):
            handle.probe(time.monotonic() + PROBE_S)
        self._one_host()

    def _one_host(self) -> None:
        """Refuse a channel that speaks of another host than the one before it by name."""
        first: tuple[str, str] | None = None
        for name, handle in self._handles.items():
            result = handle.view.result
            if not isinstance(result, Available) or result.host_id is None:
                continue
            if first is None:
                first = (name, result.host_id)
            elif result.host_id != first[1]:
                handle.refuse(
                    f"speaks of another host ({result.host_id}) than {first[0]} ({first[1]})"
                )


def at_once(
    handles: Iterable[ChannelHandle], step: Callable[[ChannelHandle], object], deadline: float
) -> list[ChannelHandle]:
    """Do a step with all handles, each on a thread of its own; return those that it said yes of.

    Waits until the deadline; what comes later is not among them.
    """
    chosen = list(handles)
    if len(chosen) == 1:
        return chosen if step(chosen[0]) else []
    said: list[ChannelHandle] = []

    def one(handle: ChannelHandle) -> None:
        if step(handle):
            said.append(handle)

    threads = [
        threading.Thread(target=one, args=(h,), name=f"xenparley-probe-{h.name}", daemon=True)
        for h in chosen
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [handle for handle in chosen if handle in said]
