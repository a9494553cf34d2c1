"""What the reader finds and the model has no word for."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any
from xml.sax.saxutils import quoteattr

from lxml import etree

from xenparley.domain.config import Extra
from xenparley.domain.identity import printable
from xenparley_formats.xml_node import EXTRA, NAMESPACE, Node
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import SPACES

__all__ = ["AFTER", "BEFORE", "Found", "add_attribute", "add_child", "add_text", "in_order"]

#: (parent path, rank, piece): the writer's order is by rank below each parent.
Found = list[tuple[str, int, Extra]]

#: Parents of what stands before and after the root element.
BEFORE = "^/"
AFTER = "$/"

_ATTRIBUTE, _ELEMENT, _TEXT = range(3)
# prefixes that the writer declares on the root element
_OUR_PREFIX = re.compile(r"xenparley|xp\d+")
_OURS = f"{{{NAMESPACE}}}"


def add_attribute(
    node: Node, element: Any, name: str, text: str, found: Found, prefix: str, run: ReadRun
) -> None:
    """Keep an attribute; strict reading refuses it."""
    key = f"@{name}"
    if name.startswith(_OURS) or (run.strict and key not in node.opaque):
        run.problem(element, "unknown attribute", key)
    found.append((prefix, _ATTRIBUTE, Extra("xml", prefix + key, text)))


def add_child(node: Node | None, child: Any, found: Found, prefix: str, run: ReadRun) -> None:
    """Keep an element, comment or processing instruction; strict reading refuses elements."""
    tag = child.tag
    if not isinstance(tag, str):
        _add_other(child, found, prefix, run)
        return
    if tag == EXTRA and not prefix:
        _add_foreign(child, found, run)
        return
    if tag.startswith(_OURS) or (run.strict and (node is None or tag not in node.opaque)):
        run.problem(child, "unknown element")
    if len(child):
        run.blanks = True
    found.append((prefix, _ELEMENT, Extra("xml", prefix + tag, _alone(child))))


def _alone(element: Any) -> str:
    """Return the element as a document of its own, with the namespaces that it uses.

    A prefix may be used in content only (``type='q:name'``): declared again if it looks so.
    """
    spaces = element.nsmap
    if not spaces:
        return str(etree.tostring(element, encoding="unicode", with_tail=False))
    text = etree.tostring(deepcopy(element), encoding="unicode", with_tail=False)
    for prefix, uri in spaces.items():
        if prefix is None or _OUR_PREFIX.fullmatch(prefix):
            continue
        named = re.escape(prefix)
        if re.search(rf"(?<![\w.-]){named}:", text) and f"xmlns:{prefix}=" not in text:
            end = re.match(r"<[^\s/>]+", text)
            assert end is not None
            declared = f" xmlns:{prefix}={quoteattr(uri)}"
            text = text[: end.end()] + declared + text[end.end() :]
    return text


def _add_other(child: Any, found: Found, prefix: str, run: ReadRun) -> None:
    if child.tag is etree.Comment:
        found.append((prefix, _ELEMENT, Extra("xml", f"{prefix}!comment", child.text or "")))
    elif child.tag is etree.ProcessingInstruction:
        text = etree.tostring(child, encoding="unicode", with_tail=False)
        found.append((prefix, _ELEMENT, Extra("xml", f"{prefix}?", text)))
    else:
        run.problem(child.getparent(), "an entity reference")


def _add_foreign(child: Any, found: Found, run: ReadRun) -> None:
    """Read a piece of another notation, which xenparley's writer put there."""
    words = dict(child.items())
    if set(words) != {"format", "key"} or words["format"] == "xml" or len(child):
        run.problem(child, "needs the attributes format (not 'xml') and key, and text")
        return
    extra = Extra(words["format"], words["key"], child.text or "")
    found.append(("", _ELEMENT, extra))


def add_text(element: Any, text: str, found: Found, prefix: str, run: ReadRun) -> None:
    """Keep text that stands where no text is expected."""
    text = text.strip(SPACES)
    if run.strict:
        run.problem(element, f"text where none is expected: {printable(text, limit=40)!r}")
    for index, (parent, rank, extra) in enumerate(found):
        if parent == prefix and rank == _TEXT:
            joined = Extra("xml", extra.key, f"{extra.text}\n{text}")
            found[index] = (parent, rank, joined)
            return
    found.append((prefix, _TEXT, Extra("xml", f"{prefix}#text", text)))


def in_order(found: Found) -> tuple[Extra, ...]:
    """Return the pieces in the order in which the writer puts them."""
    if len(found) > 1:
        found.sort(key=lambda item: item[:2])
    return tuple(extra for _, _, extra in found)
