"""The formats' plugin: names and places only; the work is imported when a format is used."""

from __future__ import annotations

from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import FormatSpec, Registrar

__all__ = ["xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

_VERSION = {"xend-config-version": "1 to 4: Xen 3.0.2 and older, 3.0.3, 3.0.4, 3.1 and later"}
_ARCH = {"arch": "the guest's architecture, which the file doesn't say (for reading)"}
_SECRETS = {"secrets": "yes or no: whether passwords are written"}


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the notations of a guest's configuration."""
    registrar.format(
        FormatSpec(
            name="xml",
            summary="libvirt's domain XML",
            reader="xenparley_formats.xml_format:read",
            writer="xenparley_formats.xml_format:write",
            suffixes=(".xml",),
            options=_SECRETS,
        )
    )
    registrar.format(
        FormatSpec(
            name="json",
            summary="the model itself, as documented and versioned JSON",
            reader="xenparley_formats.json_format:read",
            writer="xenparley_formats.json_format:write",
            suffixes=(".json",),
            options=_SECRETS,
        )
    )
    registrar.format(
        FormatSpec(
            name="sxp",
            summary="XenD's S-expressions",
            reader="xenparley_formats.sxp_format:read",
            writer="xenparley_formats.sxp_format:write",
            suffixes=(".sxp", ".sexpr"),
            options={**_VERSION, **_SECRETS},
        )
    )
    registrar.format(
        FormatSpec(
            name="xm",
            summary="xm's files in /etc/xen (Xen 3.0 to 4.4), read without executing them",
            reader="xenparley_formats.xm_format:read",
            writer="xenparley_formats.xm_format:write",
            suffixes=(".xm",),
            options={**_VERSION, **_ARCH, **_SECRETS},
        )
    )
    registrar.format(
        FormatSpec(
            name="xl",
            summary="xl.cfg (Xen 4.1 and later)",
            reader="xenparley_formats.xl_format:read",
            writer="xenparley_formats.xl_format:write",
            suffixes=(".xl", ".xlcfg"),
            options={**_ARCH, **_SECRETS},
        )
    )
