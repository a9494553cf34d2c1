"""Registers the hypercall adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec
from xenparley_hypercall.offers import OFFERS

if TYPE_CHECKING:
    from xenparley.plugin.spi import Registrar

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

SPEC = AdapterSpec(
    name="hypercall",
    factory="xenparley_hypercall.channel:make",
    offers=OFFERS,
    schemes=frozenset({"xen"}),
    summary="the hypervisor itself, through /dev/xen/privcmd (Xen 3.0.0 to 4.22)",
    fork="usable in the child, which makes its own worker thread",
    settings={
        "device": "the node of the privcmd device",
    },
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter."""
    registrar.adapter(SPEC)
