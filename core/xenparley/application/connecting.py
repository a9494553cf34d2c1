"""From a URI to a host."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from xenparley.application.channel import ChannelHandle
from xenparley.application.channels import ChannelSet
from xenparley.application.host import Host
from xenparley.application.settings import combined, in_uri
from xenparley.domain.errors import InvalidInput, NoChannel, PluginError
from xenparley.domain.identity import printable
from xenparley.plugin.registry import Plugins
from xenparley.plugin.spi import AdapterSpec, Channel, ChannelContext, Connection
from xenparley.plugin.uri import Uri, parse_uri

__all__ = ["connect"]

DEFAULT_URI = "xen:///"


def connect(
    uri: str | None = None,
    *,
    channels: Collection[str] | None = None,
    disable: Collection[str] = (),
    prefer: Sequence[str] = (),
    plugins: Plugins | None = None,
    timeout: float = 30.0,
    insecure: bool = False,
    strict: bool = False,
    settings: Mapping[str, Mapping[str, str]] | None = None,
) -> Host:
    """Connect to a Xen host and find out what it offers.

    ``uri`` None means $XENPARLEY_URI, else ``xen:///``: this machine. ``channels`` allows only
    these adapters, ``disable`` rules some out, ``prefer`` puts some first; the URI's
    ``?channels=``, ``?disable=``, ``?prefer=`` and the environment's XENPARLEY_CHANNELS and
    XENPARLEY_DISABLE_CHANNELS narrow further. ``timeout`` is the seconds that each call may take
    unless it is told otherwise. ``insecure`` allows plain HTTP to another machine. ``strict``
    makes a broken plugin an error. ``settings`` maps an adapter's name to its settings
    (``{"xm": {"folder": "/etc/xen2"}}``), and outweighs the URI's ``?xm.folder=/etc/xen2``.

    Raises InvalidInput (the URI, an unknown channel or setting, a setting's value), NoChannel
    with every channel's reason, PluginError (strict, or a channel asked for by name whose plugin
    is broken).
    """
    text = uri if uri is not None else os.environ.get("XENPARLEY_URI") or DEFAULT_URI
    parsed = parse_uri(text)
    if insecure:
        parsed = parsed._replace(query={**parsed.query, "insecure": "1"})
    parsed, said = in_uri(parsed)
    plugins = Plugins(strict=strict) if plugins is None else plugins
    connection = _connection(parsed, plugins)
    if said or settings:
        made = combined(parsed, said, settings, connection, plugins)
        connection = connection._replace(settings=made)
    wanted = _narrowed(channels, parsed.query.get("channels"), "XENPARLEY_CHANNELS")
    refused = {
        *disable,
        *_names(parsed.query.get("disable")),
        *_names(os.environ.get("XENPARLEY_DISABLE_CHANNELS")),
    }
    first = (*prefer, *_names(parsed.query.get("prefer")))
    specs = _specs(parsed, plugins, wanted)
    _known({*(wanted or ()), *refused, *first}, plugins)
    handles = [
        ChannelHandle(
            spec,
            _factory(spec, plugins, parsed, connection),
            _refusal(spec, parsed, connection, wanted, refused),
        )
        for spec in specs
    ]
    found = ChannelSet(handles)
    chosen = {*said, *(settings or ())}
    try:
        found.open(timeout)
        _well_configured(handles, chosen)
    except NoChannel:
        found.close(1.0)
        _well_configured(handles, chosen)
        raise
    except BaseException:
        found.close(1.0)
        raise
    host = Host(found, uri=text, label=connection.label, prefer=first, timeout=timeout)
    host._plugins = plugins
    return host


def _well_configured(handles: Iterable[ChannelHandle], chosen: Collection[str]) -> None:
    """Raise what an adapter said about a value that the caller chose: no channel is missing."""
    for handle in handles:
        if handle.misconfigured is not None and handle.name in chosen:
            raise handle.misconfigured


def _connection(uri: Uri, plugins: Plugins) -> Connection:
    if uri.scheme == "xen":
        # The one scheme that is nobody's: all local adapters serve it.
        if uri.host is not None or uri.path not in ("", "/"):
            raise InvalidInput(
                f"{uri}: xen: means this machine, so only xen:/// is understood; to reach XenD "
                "on another one use http://HOST:8000/, or forward its sockets by ssh"
            )
        return Connection(label="this machine", local=True)
    made = plugins.resolve(plugins.scheme(uri.scheme).connect)(uri)
    if not isinstance(made, Connection):
        raise PluginError(f"scheme {uri.scheme}: its connect returned {type(made).__name__}")
    return made


def _specs(uri: Uri, plugins: Plugins, wanted: frozenset[str] | None) -> tuple[AdapterSpec, ...]:
    serving = plugins.adapters_for(uri.scheme)
    if wanted is None:
        return serving
    named = {s.name for s in serving}
    # Those asked for by name that can't serve this URI are shown as refused, not left out.
    return serving + tuple(
        s for name, s in plugins.adapters.items() if name in wanted and name not in named
    )


def _known(names: Collection[str], plugins: Plugins) -> None:
    unknown = sorted(n for n in names if n not in plugins.adapters)
    if not unknown:
        return
    for status in plugins.status:
        if status.state in ("failed", "quarantined") and status.name in unknown:
            raise PluginError(
                f"channel {status.name!r} was asked for, but its plugin is broken: {status.error}"
            ) from status.exception
    known = ", ".join(plugins.adapters) or "none"
    shown = ", ".join(printable(n, limit=60) for n in unknown)
    raise InvalidInput(f"unknown channel: {shown}; known: {known}")


def _refusal(
    spec: AdapterSpec,
    uri: Uri,
    connection: Connection,
    wanted: frozenset[str] | None,
    refused: Collection[str],
) -> str | None:
    if spec.name in refused:
        return "disabled by configuration"
    if wanted is not None and spec.name not in wanted:
        return "not among the channels asked for"
    if spec.local_only and not connection.local:
        return f"speaks of this machine only, the connection is to {connection.label}"
    if uri.scheme not in spec.schemes:
        return f"does not serve {uri.scheme}: URIs"
    return None


def _factory(spec: AdapterSpec, plugins: Plugins, uri: Uri, connection: Connection) -> _Factory:
    context = ChannelContext(
        adapter=spec.name,
        uri=uri,
        local=connection.local,
        settings=dict(connection.settings.get(spec.name, {})),
    )
    return _Factory(spec, plugins, context)


class _Factory:
    """Imports and calls an adapter's factory when the channel is first probed."""

    def __init__(self, spec: AdapterSpec, plugins: Plugins, context: ChannelContext) -> None:
        self._spec = spec
        self._plugins = plugins
        self._context = context

    def __call__(self) -> Channel:
        made: Channel = self._plugins.resolve(self._spec.factory)(self._context)
        return made


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(n.strip() for n in text.split(",") if n.strip()) if text else ()


def _narrowed(
    channels: Collection[str] | None, in_uri: str | None, variable: str
) -> frozenset[str] | None:
    """Intersect what the argument, the URI and the environment allow; None: no limit."""
    limits = []
    if channels is not None:
        limits.append(frozenset(channels))
    if in_uri is not None:
        limits.append(frozenset(_names(in_uri)))
    environ: Mapping[str, str] = os.environ
    if environ.get(variable):
        limits.append(frozenset(_names(environ[variable])))
    return frozenset.intersection(*limits) if limits else None
