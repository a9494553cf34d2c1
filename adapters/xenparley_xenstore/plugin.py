"""Registers the XenStore adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec
from xenparley_xenstore.offers import OFFERS

if TYPE_CHECKING:
    from xenparley.plugin.spi import Registrar

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

SPEC = AdapterSpec(
    name="xenstore",
    factory="xenparley_xenstore.channel:make",
    offers=OFFERS,
    schemes=frozenset({"xen"}),
    summary="the XenStore daemon, by its socket or the kernel's device (Xen 3.0.0 to 4.22)",
    fork="closed before the fork: the parent connects again by itself, the child must open its own",
    stop_guard="xenparley_xenstore.lifetime:StopGuard",
    settings={
        "path": "the daemon's socket, or the kernel's device",
        "sysfs": "where the kernel's own files are (/sys)",
    },
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter."""
    registrar.adapter(SPEC)
