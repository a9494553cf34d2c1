"""Registers the xl adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec
from xenparley_xl.offers import OFFERS

if TYPE_CHECKING:
    from xenparley.plugin.spi import Registrar

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

SPEC = AdapterSpec(
    name="xl",
    factory="xenparley_xl.channel:make",
    offers=OFFERS,
    schemes=frozenset({"xen"}),
    summary="the xl toolstack, by its command (Xen 4.1 to 4.22)",
    fork="usable in the child: each call runs a process of its own",
    settings={
        "path": "the program, by its absolute path (xl, as found on PATH)",
        "root": "what stands in front of the files that xl keeps (/)",
        "others": "refuse or change: guests of other owners (libvirt, XAPI, Qubes)",
    },
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter."""
    registrar.adapter(SPEC)
