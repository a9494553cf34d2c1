"""Which plugins may take part: by name, from arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from xenparley.plugin.discovery import EntryPoint, normalised

__all__ = ["Selection"]

ALLOW_VARIABLE = "XENPARLEY_PLUGINS"
DISABLE_VARIABLE = "XENPARLEY_DISABLE_PLUGINS"


class Selection:
    """Says which plugins are blocked, and why.

    A word names a plugin (``sim``), a distribution with all its plugins (``xenparley-foo``), or
    one plugin of one distribution (``xenparley-foo:sim``). Disabling outweighs allowing, and the
    environment and the arguments can only narrow each other.
    """

    def __init__(
        self,
        allow: Collection[str] | None,
        disable: Collection[str],
        environ: Mapping[str, str] | None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._allow: list[tuple[str, frozenset[str]]] = []
        if allow is not None:
            self._allow.append(("the list of allowed plugins", _words(allow)))
        if ALLOW_VARIABLE in environ:
            self._allow.append((ALLOW_VARIABLE, _words(environ[ALLOW_VARIABLE].split(","))))
        self._disable = [
            ("disabled by the caller", _words(disable)),
            (
                f"disabled by {DISABLE_VARIABLE}",
                _words(environ.get(DISABLE_VARIABLE, "").split(",")),
            ),
        ]

    def blocked(self, name: str, distribution: str | None) -> str | None:
        """Return why a plugin is blocked; None: it isn't. ``distribution`` None: not installed.

        What the caller registers by hand is allowed by that, but may be disabled.
        """
        words = {name.lower()}
        if distribution is not None:
            words |= {distribution, f"{distribution}:{name.lower()}"}
        for reason, listed in self._disable:
            if words & listed:
                return reason
        if distribution is not None:
            for where, listed in self._allow:
                if not words & listed:
                    return f"not in {where}"
        return None

    def unknown(self, entries: Collection[EntryPoint]) -> list[tuple[str, str]]:
        """Return (word, where) of each allowed word that names nothing installed: a slip."""
        known = set()
        for entry in entries:
            name = entry.name.lower()
            known |= {name, entry.distribution, f"{entry.distribution}:{name}"}
        return [(w, where) for where, listed in self._allow for w in sorted(listed - known)]


def _words(texts: Collection[str]) -> frozenset[str]:
    words = set()
    for text in texts:
        distribution, colon, name = text.strip().lower().rpartition(":")
        words.add(normalised(distribution) + colon + name)
        if not colon:
            words.add(normalised(name))
    return frozenset(words - {""})
