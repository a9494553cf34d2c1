"""Registers the XenD adapter and its schemes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec, SchemeSpec
from xenparley_xend.offers import OFFERS

if TYPE_CHECKING:
    from xenparley.plugin.spi import Registrar

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

SPEC = AdapterSpec(
    name="xend",
    factory="xenparley_xend.channel:make",
    offers=OFFERS,
    schemes=frozenset({"xen", "http", "xend+unix"}),
    summary="XenD over HTTP, its UNIX socket or XML-RPC (Xen 3.0.1 to 4.4)",
    local_only=False,
    fork="connections are made anew in the child",
    settings={
        "path": "the one UNIX socket to speak to",
        "protocol": "http, xmlrpc or auto: what is spoken there",
        "host": "the machine whose XenD is spoken to over TCP",
        "port": "its port (8000)",
        "insecure": "1 allows plain HTTP to another machine",
        "http-socket": "XenD's own socket (/var/lib/xend/xend-socket)",
        "xmlrpc-socket": "its socket for XML-RPC (/var/run/xend/xmlrpc.sock)",
        "definitions": "where XenD keeps definitions on this machine's disk",
        "files": "1 or 0: whether the host's files are on this machine's disk",
    },
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter and its two schemes."""
    registrar.adapter(SPEC)
    registrar.scheme(
        SchemeSpec(
            name="http",
            connect="xenparley_xend.scheme:connect_http",
            summary="http://HOST:PORT/: XenD over TCP, on another machine with ?insecure=1",
        )
    )
    registrar.scheme(
        SchemeSpec(
            name="xend+unix",
            connect="xenparley_xend.scheme:connect_unix",
            summary="xend+unix:///PATH: XenD's UNIX socket, of this machine or forwarded",
        )
    )
