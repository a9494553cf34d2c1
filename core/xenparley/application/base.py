"""What every part of a host object stands on."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.application.channels import ChannelSet
from xenparley.application.dispatch import Dispatcher
from xenparley.application.finding import Finder, Guest
from xenparley.application.reading import Reader
from xenparley.domain.errors import InvalidInput, Unavailable
from xenparley.domain.guest import Field, GuestInfo
from xenparley.domain.identity import GuestRef

if TYPE_CHECKING:
    from xenparley.application.events import EventStream
    from xenparley.plugin.registry import Plugins

__all__ = ["STEERING_FIELDS", "HostBase"]

#: What a command needs to know of its target.
STEERING_FIELDS = (Field.UUID, Field.NAME, Field.STATE, Field.REASON)


class HostBase:
    """Holds the channels and hands out deadlines."""

    def __init__(
        self, channels: ChannelSet, *, uri: str, label: str, prefer: Sequence[str], timeout: float
    ) -> None:
        #: The URI that was connected to, and the host's name for people.
        self.uri = uri
        self.label = label
        self._timeout = timeout
        self._prefer = tuple(prefer)
        self._channels = channels
        self._reader = Reader(channels, prefer)
        self._finder = Finder(channels, self._reader, prefer)
        self._dispatcher = Dispatcher(channels, self._reader, prefer)
        self._closed = False
        self._pid = os.getpid()
        self._streams: list[EventStream] = []
        #: Set by connect(): imports what adapters name as text.
        self._plugins: Plugins | None = None

    def _deadline(self, timeout: float | None) -> float:
        """Turn a timeout in seconds (None: the connection's) into a deadline."""
        if self._closed:
            raise Unavailable("the connection is closed")
        if os.getpid() != self._pid:
            # Its threads stayed behind in the parent, which still uses the sockets.
            raise Unavailable("the connection was made before a fork; connect again")
        seconds = self._timeout if timeout is None else timeout
        if not 0 <= seconds < float("inf"):
            raise InvalidInput(f"not a timeout in seconds: {seconds!r}")
        return time.monotonic() + seconds

    def _target(
        self, guest: Guest, deadline: float, *, fields: Collection[Field] = STEERING_FIELDS
    ) -> GuestInfo:
        return self._finder.one(guest, fields, deadline)

    def _aim(self, guest: Guest, info: GuestInfo, *, force: bool = False) -> GuestRef:
        """Return the guest that was found as the target of a command; forced if that was said."""
        if force or (isinstance(guest, GuestRef) and guest.force):
            return evolve(info.ref, force=True)
        return info.ref
