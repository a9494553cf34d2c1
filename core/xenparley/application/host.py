"""The host object that embedders hold."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import TYPE_CHECKING

from xenparley.application.channel import ChannelStatus
from xenparley.application.desired import Desired
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from xenparley.application.events import EventStream
    from xenparley.application.explanation import Explanation

__all__ = ["Host"]

#: Seconds that closing may take in all.
CLOSE_S = 5.0


class Host(Desired):
    """One Xen host, by whatever channels it offers. Made by :func:`xenparley.connect`.

    Safe to share between threads; use it as a context manager or close it. It lives on when
    channels are lost and come back. After a fork the child must connect again.
    """

    def channels(self) -> tuple[ChannelStatus, ...]:
        """Return every channel with its state, its reason and what it offers."""
        return self._channels.statuses()

    def explain(
        self,
        capability: Capability,
        fields: Collection[Field] | None = None,
        *,
        force: bool = False,
    ) -> Explanation:
        """Say who would serve this now, and why the others would not. Nothing is sent."""
        from xenparley.application.explanation import explain

        return explain(self._channels.views(), capability, fields, self._prefer, force=force)

    def events(
        self,
        *,
        poll: float | None = None,
        debounce: float | None = None,
        timeout: float | None = None,
    ) -> EventStream:
        """Return a stream of what happens to guests.

        The best channel that can tell is used; where there is none, or with ``poll`` seconds
        given, the guests are listed every so often (1 s unless told) and the differences are
        the events. Polling sees pause and unpause on every host; it may miss what comes and goes
        between two looks.

        With ``debounce`` an end is told so many seconds late: if the same handle starts in that
        time, the two are one STARTED with the detail ``reboot``.
        """
        from xenparley.application.events import open_stream

        return open_stream(self, poll, debounce, self._deadline(timeout))

    def stop_guard(self) -> AbstractContextManager[None]:
        """Return a context manager for a program that watches and may be stopped by Ctrl-Z.

        Held in the main thread, it closes on SIGTSTP what a stopped process must not hold (a
        watch of XenStore that nobody reads freezes the store for the whole host), and passes the
        signal on; after SIGCONT the connections come back and streams tell RESYNC. A library
        takes no signals unasked, so that it is for the program to say. InvalidInput: entered by
        another thread.
        """
        from xenparley.application.guarding import guarded

        return guarded(self._channels, self._plugins)

    def close(self) -> None:
        """Close every stream and channel. Idempotent; calls after it raise Unavailable."""
        if self._closed:
            return
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()
        self._channels.close(CLOSE_S)

    def __enter__(self) -> Host:
        """Return the host itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Name the host; never shows settings."""
        return f"<xenparley.Host {self.label!r}>"
