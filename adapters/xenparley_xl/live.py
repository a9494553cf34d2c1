"""What xl keeps of a living guest's configuration: `xl list -l`, JSON since 4.2, SXP-like in 4.1.

xl.conf may have it print the old notation on newer releases too, so the first character decides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import NotFound, ProtocolError, Unsupported
from xenparley.domain.identity import printable

if TYPE_CHECKING:
    from xenparley_xl.toolstack import Toolstack

__all__ = ["live_object", "parse_long_list", "printed"]

#: Deeper than any libxl_domain_config; json itself gives up at Python's limit of recursion.
_DEPTH = 64


def printed(stack: Toolstack, domid: int, *, deadline: float) -> str:
    """Return what `xl list -l DOMID` prints. Raises NotFound when it leaves the guest out."""
    text = stack.read("list", "-l", str(domid), deadline=deadline)
    if not text.strip():
        raise NotFound(
            f"xl keeps no configuration of domain {domid}: it was not made by xl or libvirt, "
            "or is being made or removed right now"
        )
    return text


def live_object(stack: Toolstack, domid: int, *, deadline: float) -> dict[str, Any]:
    """Return the ``config`` object of one guest. Raises NotFound, ProtocolError.

    Unsupported: it is printed in the old notation, which has no such object.
    """
    text = printed(stack, domid, deadline=deadline)
    if text.lstrip().startswith("("):
        raise Unsupported("xl list -l prints the old notation of Xen 4.1 here, not JSON")
    found = parse_long_list(text)
    if domid not in found:
        raise NotFound(f"xl keeps no configuration of domain {domid}")
    return found[domid]


def parse_long_list(text: str) -> dict[int, dict[str, Any]]:
    """Read the JSON of `xl list -l`: configurations by domain id. Raises ProtocolError."""
    try:
        # yajl and json-c differ in blanks only; one guest asked is one object in some releases.
        held = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"xl list -l: no JSON: {exc}: {printable(text, limit=80)!r}") from exc
    entries = held if isinstance(held, list) else [held]
    found = {}
    for entry in entries:
        domid = entry.get("domid") if isinstance(entry, dict) else None
        config = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(domid, int) or isinstance(domid, bool) or not isinstance(config, dict):
            raise ProtocolError(f"xl list -l: not a guest: {printable(repr(entry), limit=80)}")
        if _deep(config):
            raise ProtocolError(f"xl list -l: nested more than {_DEPTH} deep")
        found[domid] = config
    return found


def _deep(value: object, depth: int = 0) -> bool:
    if depth > _DEPTH:
        return True
    if isinstance(value, dict):
        return any(_deep(inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return any(_deep(inner, depth + 1) for inner in value)
    return False
