"""Settings of adapters, said by a URI (``?xm.folder=/etc/xen2``) or by the caller."""

from __future__ import annotations

from collections.abc import Mapping

from xenparley.domain.errors import InvalidInput, PluginError
from xenparley.domain.identity import printable
from xenparley.plugin.registry import Plugins
from xenparley.plugin.spi import Connection
from xenparley.plugin.uri import Uri

__all__ = ["Settings", "combined", "in_uri"]

#: Adapter's name -> setting's name -> value.
Settings = Mapping[str, Mapping[str, str]]
#: What is told as the place of a caller's setting.
_ARGUMENT = "the argument settings"


def in_uri(uri: Uri) -> tuple[Uri, dict[str, dict[str, str]]]:
    """Take the words ``ADAPTER.KEY`` out of a URI's query: the URI without them, and they.

    An adapter's name may hold dots, a setting's can't: the last dot parts them. Schemes never
    see these words.
    """
    if not any("." in key for key in uri.query):
        return uri, {}
    rest: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for key, value in uri.query.items():
        adapter, dot, setting = key.rpartition(".")
        if not dot:
            rest[key] = value
            continue
        if not adapter or not setting:
            raise InvalidInput(
                f"{uri}: a setting is ADAPTER.KEY=VALUE, not {printable(key, limit=80)!r}"
            )
        found.setdefault(adapter, {})[setting] = value
    return uri._replace(query=rest), found


def combined(
    uri: Uri, from_uri: Settings, given: Settings | None, connection: Connection, plugins: Plugins
) -> dict[str, dict[str, str]]:
    """Return all settings: the scheme's, then the URI's, then the caller's, the last one winning.

    Raises InvalidInput, naming the place, for an adapter or setting that nobody declares, for a
    URI's setting of an adapter that does not serve it or that the URI says otherwise already,
    and for any in a URI that leads to another machine: such a URI says which machine is meant,
    and must not turn a channel round to this one. PluginError: the adapter's plugin is broken.
    """
    settings = {name: dict(values) for name, values in connection.settings.items()}
    for adapter, values in from_uri.items():
        _known(f"the URI {uri}", adapter, values, plugins)
        spec = plugins.adapters[adapter]
        if uri.scheme not in spec.schemes:
            raise InvalidInput(f"the URI {uri}: {adapter} does not serve {uri.scheme}: URIs")
        if not connection.local:
            raise InvalidInput(
                f"the URI {uri}: settings of adapters are for channels of this machine, the "
                f"connection is to {connection.label}; a program may pass them as settings="
            )
        said = settings.setdefault(adapter, {})
        for key in values:
            if key in said:
                raise InvalidInput(f"the URI {uri}: it says {adapter}.{key} in two ways")
        said.update(values)
    for adapter, values in (given or {}).items():
        _known(_ARGUMENT, adapter, values, plugins)
        settings.setdefault(adapter, {}).update(values)
    return settings


def _known(place: str, adapter: str, values: Mapping[str, str], plugins: Plugins) -> None:
    spec = plugins.adapters.get(adapter)
    if spec is None:
        for status in plugins.status:
            if status.state in ("failed", "quarantined") and status.name == adapter:
                raise PluginError(
                    f"{place}: {adapter!r} has settings, but its plugin is broken: {status.error}"
                ) from status.exception
        known = ", ".join(plugins.adapters) or "none"
        raise InvalidInput(
            f"{place}: there is no adapter {printable(str(adapter), limit=60)!r}; known: {known}"
        )
    if not isinstance(values, Mapping):
        raise InvalidInput(f"{place}: the settings of {adapter} are a mapping, not {values!r}")
    for key, value in values.items():
        if key not in spec.settings:
            known = ", ".join(sorted(spec.settings)) or "none"
            raise InvalidInput(
                f"{place}: {adapter} has no setting {printable(str(key), limit=60)!r}; "
                f"known: {known}"
            )
        if not isinstance(value, str):
            # The value itself may be a password.
            raise InvalidInput(f"{place}: {adapter}.{key} is text, not {type(value).__name__}")
