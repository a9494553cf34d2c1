"""Registers the simulated host."""

from __future__ import annotations

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec, Registrar, SchemeSpec
from xenparley_sim.offers import OFFERS

__all__ = ["xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter and the scheme, both named ``sim``."""
    registrar.adapter(
        AdapterSpec(
            name="sim",
            factory="xenparley_sim.channel:open_channel",
            offers=OFFERS,
            schemes=frozenset({"sim"}),
            summary="a simulated Xen host, in memory or in a file",
            fork="a host in a file is opened anew; one in memory stays with its process",
            settings={
                "path": "the file that the host lives in",
                "fault": "KIND:CAPABILITY,...: how it misbehaves",
            },
        )
    )
    registrar.scheme(
        SchemeSpec(
            name="sim",
            connect="xenparley_sim.scheme:connect",
            summary="sim: a simulated host in memory; sim:PATH one that lives in a file",
        )
    )
