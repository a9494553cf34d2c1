"""A guest without its passwords, for people's eyes: also without those in kept pieces.

What the model knows is a password is left out. Of a piece that only travels along, attributes and
expressions are left out whose name says a password (``passwd``, ``vncpasswd``, ``password``...); a
piece that still speaks of one is left out as a whole.
"""

from __future__ import annotations

from typing import Any

import attrs

from xenparley.domain.config import Extra, Graphics, GuestConfig
from xenparley.domain.errors import ParseError
from xenparley_wire.sxp import Sexp, dumps, loads
from xenparley_wire.sxp_tree import key_of

__all__ = ["without_secrets"]

_WORD = "passw"


def without_secrets(config: GuestConfig) -> GuestConfig:
    """Return the guest without passwords."""
    stripped: GuestConfig = _stripped(config)
    return stripped


def _stripped(thing: Any) -> Any:
    """Return the object without secrets, itself where it has none. As deep as the model only."""
    if isinstance(thing, tuple):
        found = tuple(_stripped(item) for item in thing)
        kept = tuple(item for item in found if item is not None)
        return thing if len(kept) == len(thing) and all(map(_is, kept, thing)) else kept
    if isinstance(thing, Extra):
        return _extra(thing)
    if not attrs.has(type(thing)):
        return thing
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(thing)):
        value = getattr(thing, field.name)
        new = _stripped(value)
        if new is not value:
            changes[field.name] = new
    if isinstance(thing, Graphics) and thing.password is not None:
        changes["password"] = None
    return attrs.evolve(thing, **changes) if changes else thing


def _is(one: object, other: object) -> bool:
    return one is other


def _secret(text: str) -> bool:
    return _WORD in text.lower()


def _extra(extra: Extra) -> Extra | None:
    """Return the piece without passwords; None when it can't be told from them."""
    if _secret(extra.key):
        return None
    # an escape in an atom may stand for any character
    if not _secret(extra.text) and not (extra.format == "sxp" and "\\" in extra.text):
        return extra
    text = extra.text
    try:
        if extra.format == "sxp":
            tree = loads(text)
            text = dumps(tree) if _strip(tree) else text
        elif extra.format == "xml":
            text = _element(text)
    except ParseError:
        # not taken apart: judged as it is
        return None if _secret(extra.text) else extra
    if _secret(text):
        return None
    return extra if text == extra.text else attrs.evolve(extra, text=text)


def _strip(tree: Sexp) -> bool:
    """Take passwords out of an expression, in place; say whether there were any."""
    found = False
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            kept = [item for item in node if not _secret(key_of(item) or "")]
            found = found or len(kept) < len(node)
            node[:] = kept
            stack += kept
    return found


def _element(text: str) -> str:
    """Return the element without the attributes that are passwords."""
    # other formats get along without an XML parser
    from lxml import etree

    from xenparley_formats.xml_parse import parse_piece

    root = parse_piece(text)
    for element in root.iter(etree.Element):
        for name in list(element.attrib):
            if _secret(etree.QName(name).localname):
                del element.attrib[name]
    return etree.tostring(root, encoding="unicode")
