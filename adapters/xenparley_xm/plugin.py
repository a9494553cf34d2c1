"""Registers the adapter of XM files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec
from xenparley_xm.offers import OFFERS

if TYPE_CHECKING:
    from xenparley.plugin.spi import Registrar

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

SPEC = AdapterSpec(
    name="xm",
    factory="xenparley_xm.channel:make",
    offers=OFFERS,
    schemes=frozenset({"xen"}),
    summary="guests defined by files in /etc/xen (all of Xen before 3.0.4, a habit since)",
    fork="usable in the child; subscriptions stay with the parent",
    settings={
        "folder": "where the files are (/etc/xen)",
        "toolstack": "xm or xl: whose files they are (xl's from Xen 4.5 on)",
        "xend-config-version": "xend_config_format of XM files, 1 to 4 (by the release)",
        "xen-version": "the Xen release, such as 3.0.3 (by the kernel's /sys/hypervisor)",
        "notify": "inotify, poll or auto: how changes are noticed",
        "sysfs": "where the kernel's own files are (/sys)",
    },
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter."""
    registrar.adapter(SPEC)
