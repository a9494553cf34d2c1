"""One Python API for every Xen host: xenparley asks it for its channels and takes the best.

    with xenparley.connect("sim:") as host:
        for guest in host.list():
            print(guest.domid, guest.name, guest.phase)

Everything public is imported when it is first used, so that a small program stays small.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenparley.application.asynchronous import AsyncHost, connect_async
    from xenparley.application.channel import ChannelStatus
    from xenparley.application.connecting import connect
    from xenparley.application.events import EventStream
    from xenparley.application.explanation import Explanation
    from xenparley.application.host import Host
    from xenparley.application.outcome import Outcome
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.errors import (
        AccessRefused,
        AlreadyExists,
        AmbiguousGuest,
        Attempt,
        ChannelLost,
        ConfigError,
        Conflict,
        DeadlineExceeded,
        InvalidInput,
        InvalidState,
        NoChannel,
        NotFound,
        OperationFailed,
        OutcomeUnknown,
        ParseError,
        PluginError,
        Problem,
        ProtocolError,
        Unavailable,
        Unrepresentable,
        Unsupported,
        XenparleyError,
    )
    from xenparley.domain.events import EventKind, GuestEvent
    from xenparley.domain.guest import Field, GuestInfo, Listing
    from xenparley.domain.host import HostCapabilities, HostInfo
    from xenparley.domain.identity import GuestRef
    from xenparley.domain.lifecycle import Command, Phase
    from xenparley.domain.runstate import RunFlags, ShutdownReason
    from xenparley.negotiation.capability import Capability
    from xenparley.plugin.registry import Plugins

__all__ = [
    "AccessRefused",
    "AlreadyExists",
    "AmbiguousGuest",
    "AsyncHost",
    "Attempt",
    "Capability",
    "ChannelLost",
    "ChannelStatus",
    "Command",
    "ConfigError",
    "Conflict",
    "DeadlineExceeded",
    "EventKind",
    "EventStream",
    "Explanation",
    "Field",
    "GuestConfig",
    "GuestEvent",
    "GuestInfo",
    "GuestRef",
    "Host",
    "HostCapabilities",
    "HostInfo",
    "InvalidInput",
    "InvalidState",
    "Listing",
    "NoChannel",
    "NotFound",
    "OperationFailed",
    "Outcome",
    "OutcomeUnknown",
    "ParseError",
    "Phase",
    "PluginError",
    "Plugins",
    "Problem",
    "ProtocolError",
    "RunFlags",
    "ShutdownReason",
    "Unavailable",
    "Unrepresentable",
    "Unsupported",
    "XenparleyError",
    "connect",
    "connect_async",
]

#: Where each public name lives.
_HOMES = {
    "application.asynchronous": ("AsyncHost", "connect_async"),
    "application.channel": ("ChannelStatus",),
    "application.connecting": ("connect",),
    "application.events": ("EventStream",),
    "application.explanation": ("Explanation",),
    "application.host": ("Host",),
    "application.outcome": ("Outcome",),
    "domain.config": ("GuestConfig",),
    "domain.events": ("EventKind", "GuestEvent"),
    "domain.guest": ("Field", "GuestInfo", "Listing"),
    "domain.host": ("HostCapabilities", "HostInfo"),
    "domain.identity": ("GuestRef",),
    "domain.lifecycle": ("Command", "Phase"),
    "domain.runstate": ("RunFlags", "ShutdownReason"),
    "negotiation.capability": ("Capability",),
    "plugin.registry": ("Plugins",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # The rest is the error tree.
        value = getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'domain.errors')}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
