"""The service provider interface: what a plugin declares and what it hands over.

A plugin is a module (or object) with one hook, ``xenparley_register``, marked with
:data:`hookimpl <xenparley.plugin.hooks.hookimpl>`; it gets a :class:`Registrar`. It declares the
SPI version it was written for as ``xenparley_spi = (major, minor)``.

Versions: the major number changes when a plugin must change, the minor when something is added.
Something to be removed is deprecated for one minor release of xenparley at least, with a warning
that names its replacement. New abilities come as new capabilities and ports, never as new
methods that an adapter must have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from attrs import field, frozen

from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Offer, ProbeResult
from xenparley.plugin.uri import Uri

__all__ = [
    "SPI_VERSION",
    "AdapterSpec",
    "Channel",
    "ChannelContext",
    "CommandSpec",
    "Connection",
    "FormatSpec",
    "Reading",
    "Registrar",
    "SchemeSpec",
    "Writing",
]

#: (major, minor) of this interface.
SPI_VERSION = (1, 0)


class ChannelContext(NamedTuple):
    """What an adapter's factory is told.

    ``local`` says whether the URI means this machine. ``settings`` are the scheme's and caller's
    words for this adapter (paths, ports), all text; an adapter refuses unknown ones and wrong
    values with InvalidInput.
    """

    adapter: str
    uri: Uri
    local: bool
    settings: Mapping[str, str] = MappingProxyType({})


class Channel(Protocol):
    """One way into one host: what an adapter's factory returns.

    The factory itself must be quick and touch nothing; :meth:`probe` does the first I/O.
    """

    def probe(self, *, deadline: float) -> ProbeResult:
        """Look whether the host offers this channel, and what. May be called again at any time.

        Returns Unavailable with the reason rather than raising. Never changes the host.
        """
        ...

    def port(self, role: Role) -> Any:
        """Return the object that implements the Protocol of this role (``xenparley.ports``).

        Called only for roles of offered capabilities; may be called before or after a probe.
        """
        ...

    def close(self) -> None:
        """Release everything. Idempotent; calls in flight end (ChannelLost, OutcomeUnknown)."""
        ...


@frozen(kw_only=True)
class AdapterSpec:
    """An adapter: how to make its channel, and what that may offer.

    ``factory`` is called with a ChannelContext; as text, ``"module:name"``, it is imported when
    the channel is first probed. ``schemes`` lists the URI schemes the adapter serves.
    ``local_only`` adapters speak of this machine and are refused for another. An adapter that is
    not ``thread_safe`` gets one call at a time. ``fork`` words what happens after a fork.
    ``settings`` maps each setting that users may give (``?NAME.SETTING=VALUE``, ``settings=``) to
    what it is for; such a name has no dot. ``stop_guard`` makes a context manager that a program
    may hold in its main thread: on SIGTSTP (Ctrl-Z) it lets go of what a stopped process must
    not hold, such as watches that nobody reads any more. As text it is imported when asked for.
    """

    name: str
    factory: str | Callable[[ChannelContext], Channel]
    offers: tuple[Offer, ...]
    schemes: frozenset[str]
    summary: str
    local_only: bool = True
    thread_safe: bool = True
    fork: str = "not usable after a fork; connect again"
    settings: Mapping[str, str] = field(factory=dict)
    stop_guard: str | Callable[[], AbstractContextManager[object]] | None = None


class Reading(NamedTuple):
    """What a format made of a document; ``warnings`` word what it could not carry over.

    ``locate``, where a format has one, turns a place of the model (``devices/disk[2]/target``)
    into one of the document (``guest.xml:14: devices/disk[2]/target``).
    """

    config: Any
    warnings: tuple[str, ...] = ()
    locate: Callable[[str], str] | None = None


class Writing(NamedTuple):
    """A document that a format wrote; ``warnings`` word what was lost (only with ``lossy``)."""

    text: str
    warnings: tuple[str, ...] = ()


class FormatSpec(NamedTuple):
    """A notation for configurations.

    ``reader(data: bytes, *, source: str, strict: bool, options: Mapping[str, str]) -> Reading``
    raises ParseError or ConfigError; ``strict`` refuses unknown content.
    ``writer(config, *, lossy: bool, options: Mapping[str, str]) -> Writing`` raises
    Unrepresentable, unless ``lossy``. Either may be ``"module:name"`` text, imported when used.
    ``options`` lists the option names it knows, with a summary each.
    """

    name: str
    summary: str
    reader: str | Callable[..., Reading]
    writer: str | Callable[..., Writing]
    suffixes: tuple[str, ...] = ()
    options: Mapping[str, str] = MappingProxyType({})


class Connection(NamedTuple):
    """What a scheme makes of a URI: which host, and how each adapter is to reach it.

    ``settings`` maps an adapter's name to its settings. ``label`` is for people.
    """

    label: str
    local: bool
    settings: Mapping[str, Mapping[str, str]] = MappingProxyType({})


class SchemeSpec(NamedTuple):
    """A URI scheme; ``connect(uri) -> Connection`` raises InvalidInput for a bad URI."""

    name: str
    connect: str | Callable[[Uri], Connection]
    summary: str


class CommandSpec(NamedTuple):
    """A command of the command line.

    ``configure(parser)`` adds arguments to an argparse parser; ``run(context, arguments) -> int``
    returns the exit code. ``context`` is the command line's public context object.
    """

    name: str
    summary: str
    configure: str | Callable[[Any], None]
    run: str | Callable[[Any, Any], int]


class Registrar(Protocol):
    """What the hook gets. Raises PluginError for a bad declaration, or a name given twice.

    Names that other plugins have are settled when all have registered: see
    :mod:`xenparley.plugin.registry`.
    """

    def adapter(self, spec: AdapterSpec) -> None:
        """Register an adapter."""
        ...

    def format(self, spec: FormatSpec) -> None:
        """Register a format."""
        ...

    def scheme(self, spec: SchemeSpec) -> None:
        """Register a URI scheme."""
        ...

    def command(self, spec: CommandSpec) -> None:
        """Register a command of the command line."""
        ...
