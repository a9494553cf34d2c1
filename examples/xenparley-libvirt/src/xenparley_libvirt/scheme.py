"""The scheme ``libvirt:URI``."""

from __future__ import annotations

import re

from xenparley.domain.errors import InvalidInput
from xenparley.plugin.spi import Connection
from xenparley.plugin.uri import Uri

__all__ = ["connect"]

_INNER = re.compile(r"(xen|test)(\+[a-z0-9]+)?://([^/]*)(/.*)")


def connect(uri: Uri) -> Connection:
    """Say which host libvirt's URI means: this machine where it names none. InvalidInput."""
    match = _INNER.fullmatch(uri.path)
    if uri.host is not None or match is None:
        raise InvalidInput(f"libvirt: is followed by libvirt's own URI, xen:///system, not {uri}")
    local = not match[3] and match[2] in (None, "+unix")
    return Connection(
        label=f"libvirt {uri.path}", local=local, settings={"libvirt": {"uri": uri.path}}
    )
