"""The one hook, and the marker for its implementations. pluggy is used in this package only."""

from __future__ import annotations

import pluggy

from xenparley.plugin.spi import Registrar

__all__ = ["PROJECT", "hookimpl", "hookspec", "xenparley_register"]

PROJECT = "xenparley"
hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a plugin's ``xenparley_register``.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(historic=True)
def xenparley_register(registrar: Registrar) -> None:
    """Register adapters, formats, schemes and commands. Must do nothing else, and be quick."""
