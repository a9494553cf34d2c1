"""Domain XML to GuestConfig, by the table of nodes. All problems are reported at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from xenparley.domain.config import Extra, Feature, GuestConfig
from xenparley.domain.errors import ConfigError
from xenparley.domain.identity import printable
from xenparley_formats.api import Reading, worded
from xenparley_formats.xml_extras import (
    AFTER,
    BEFORE,
    Found,
    add_attribute,
    add_child,
    add_text,
    in_order,
)
from xenparley_formats.xml_guest_nodes import DOMAIN, FEATURES, GROUPS
from xenparley_formats.xml_node import FLAG, FLAT, MANY, ONE, SCALARS, Node, Values
from xenparley_formats.xml_parse import parse_xml
from xenparley_formats.xml_places import also_wrong, locate
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import SPACES

__all__ = ["read_xml", "read_xml_once"]

#: Features as most documents have them.
_PLAIN = {name: Feature(name=name) for name in FEATURES}


def read_xml(data: bytes, *, source: str = "<xml>", strict: bool = False) -> Reading:
    """Return the guest that a ``<domain>`` document describes.

    What the model doesn't know is kept in ``extras``; ``strict`` refuses it. Raises ParseError
    for what is not XML (or has a document type), ConfigError with every problem otherwise.

    Documents are indented, and what is blank between elements says nothing: most are read
    without it, in less time. Those of which pieces are kept as they stand are read again with it.
    """
    reading = read_xml_once(data, source=source, strict=strict, lean=True)
    if reading is None:
        reading = read_xml_once(data, source=source, strict=strict, lean=False)
        assert reading is not None
    return reading


def read_xml_once(data: bytes, *, source: str, strict: bool, lean: bool) -> Reading | None:
    """Read the document; None where ``lean`` reading left out blank text that counts."""
    root = parse_xml(data, source, lean=lean)
    run = ReadRun(source, strict=strict)
    if root.tag != "domain":
        shown = printable(root.tag, limit=80)
        run.problem(root, f"the document is a <{shown}>, not a <domain>")
        raise ConfigError(run.found(), summary="invalid domain XML")
    found: Found = []
    if root.getprevious() is not None:
        for beside in reversed(list(root.itersiblings(preceding=True))):
            add_child(None, beside, found, BEFORE, run)
    if root.getnext() is not None:
        for beside in root.itersiblings():
            add_child(None, beside, found, AFTER, run)
    config = _object(DOMAIN, root, run, found)
    if run.blanks and lean:
        return None
    if not isinstance(config, GuestConfig):
        raise ConfigError(run.found(), summary="invalid domain XML")
    if run.problems:
        others = also_wrong(root, source, config, run.problems)
        raise ConfigError((*run.found(), *others), summary="invalid domain XML")
    warnings = worded(run.warnings) if run.warnings else ()
    return Reading(config=config, warnings=warnings, locate=partial(locate, root, source))


def _object(node: Node, element: Any, run: ReadRun, found: Found) -> Any:
    """Build the element's object; None when it can't be. ``found`` is its own, or its owner's."""
    values: Values = {}
    before = len(run.problems)
    _fill(node, element, values, found, node.prefix, run)
    for name in node.lists:
        if name in values:
            values[name] = tuple(values[name])
    if node.hook is not None:
        node.hook(element, values, run)
    for name, message in node.required:
        if name not in values:
            if len(run.problems) == before:
                run.problem(element, message)
            return None
    if found and node.owns_extras:
        values["extras"] = in_order(found)
    assert node.maker is not None
    return node.maker.make(values)


def _fill(
    node: Node, element: Any, values: Values, found: Found, prefix: str, run: ReadRun
) -> None:
    """Take the element's attributes, text and children into the owner's values."""
    parsers = node.parsers
    for name, text in element.items():
        entry = parsers.get(name)
        if entry is None:
            add_attribute(node, element, name, text, found, prefix, run)
            continue
        field, parse = entry
        if parse is None:
            values[field] = text
        else:
            try:
                values[field] = parse(text)
            except ValueError as exc:
                run.problem(element, str(exc), f"@{name}")
    if node.word is not None:
        _text(node, element, values, found, prefix, run)
        return
    text = element.text
    if text is not None and text.strip(SPACES):
        add_text(element, text, found, prefix, run)
    if len(element):
        _children(node, element, values, found, prefix, run)


def _text(
    node: Node, element: Any, values: Values, found: Found, prefix: str, run: ReadRun
) -> None:
    text = element.text or ""
    if len(element):
        run.blanks = True
        for child in element:
            add_child(node, child, found, prefix, run)
            if isinstance(child.tag, str):
                run.problem(child, "an element where text is expected")
            text += child.tail or ""
    assert node.word is not None
    name, parse = node.word
    if parse is None:
        if text or node.kind == FLAT:
            values[name] = text
        return
    try:
        values[name] = parse(text)
    except ValueError as exc:
        run.problem(element, str(exc))


def _children(
    node: Node, element: Any, values: Values, found: Found, prefix: str, run: ReadRun
) -> None:
    table = node.table
    seen = set()
    for child in element:
        tail = child.tail
        if tail is not None and tail.strip(SPACES):
            add_text(element, tail, found, prefix, run)
        tag = child.tag
        known = table.get(tag)
        if known is None or known.dynamic:
            known = known and known.resolve(values, child)
            if known is None:
                add_child(node, child, found, prefix, run)
                continue
        if known.leaf and tag not in seen and _usual(known, child, values):
            seen.add(tag)
            if known.hook is not None:
                known.hook(child, values, run)
            continue
        kind = known.kind
        if kind == MANY:
            thing = _object(known, child, run, [])
            if thing is not None:
                name = known.field
                if name in values:
                    values[name].append(thing)
                else:
                    values[name] = [thing]
            continue
        if kind == SCALARS:
            _scalar(known, child, values, found, run)
            continue
        if tag in seen:
            run.problem(child, "given twice")
        seen.add(tag)
        if kind == FLAT:
            held = len(values)
            _fill(known, child, values, found, known.prefix, run)
            if known.hook is not None:
                known.hook(child, values, run)
            if len(values) == held and not known.always:
                _presence(known, found, run)
        elif kind == ONE:
            inner: Found = [] if known.owns_extras else found
            values[known.field] = _object(known, child, run, inner)
        elif kind == FLAG:
            values[known.field] = True
            _fill(known, child, {}, found, known.prefix, run)
        else:
            values[known.field] = _named(known, child, found, known.prefix, run)


def _usual(node: Node, element: Any, values: Values) -> bool:
    """Take the usual: attributes that are known or text, and nothing else. False: not usual."""
    if len(element):
        return False
    text = element.text
    items = element.items()
    try:
        if node.word is not None:
            if not text:
                return False
            field, parse = node.word
            values[field] = text if parse is None else parse(text)
        elif text is not None or not items:
            return False
        parsers = node.parsers
        for name, value in items:
            field, parse = parsers[name]
            values[field] = value if parse is None else parse(value)
    except (KeyError, ValueError):
        # the long way keeps it or reports it
        return False
    return True


def _presence(node: Node, found: Found, run: ReadRun) -> None:
    """Keep an element that holds nothing that the model knows, if nothing else of it is kept."""
    prefix = node.prefix
    if not any(parent.startswith(prefix) for parent, _, _ in found):
        found.append((prefix, 0, Extra("xml", prefix, "")))


def _scalar(node: Node, element: Any, values: Values, found: Found, run: ReadRun) -> None:
    """Take one word of a tuple."""
    words = values.setdefault(node.field, [])
    inner: Values = {}
    _fill(node, element, inner, found, f"{node.prefix[:-1]}[{len(words) + 1}]/", run)
    if node.field in inner:
        words.append(inner[node.field])
    else:
        run.problem(element, node.required[0][1])


def _named(
    node: Node, element: Any, found: Found, prefix: str, run: ReadRun
) -> tuple[Feature, ...]:
    """Read features: each child is one, named by its tag. Groups hold features themselves."""
    features: list[Feature] = []
    held = len(found)
    for name, text in element.items():
        add_attribute(DOMAIN, element, name, text, found, prefix, run)
    text = element.text
    if text is not None and text.strip(SPACES):
        add_text(element, text, found, prefix, run)
    for child in element:
        if child.tail is not None and child.tail.strip(SPACES):
            add_text(element, child.tail, found, prefix, run)
        tag = child.tag
        if not isinstance(tag, str) or tag.startswith("{"):
            add_child(None, child, found, prefix, run)
            continue
        if run.strict and tag not in FEATURES and tag not in GROUPS:
            run.problem(child, "unknown feature")
        features.append(_feature(node, child, tag, GROUPS.get(tag), run))
    if not features and len(found) == held:
        found.append((prefix, 0, Extra("xml", prefix, "")))
    return tuple(features)


def _feature(
    node: Node, element: Any, tag: str, group: tuple[str, ...] | None, run: ReadRun
) -> Feature:
    items = element.items()
    text = element.text
    if tag in _PLAIN and not items and text is None and not len(element):
        return _PLAIN[tag]
    own: Found = []
    values: Values = {"name": tag}
    for name, text in items:
        entry = node.attrs.get(name)
        if entry is None:
            add_attribute(DOMAIN, element, name, text, own, "", run)
        else:
            values[entry[0]] = text
    text = element.text
    if text is not None and text.strip(SPACES):
        add_text(element, text, own, "", run)
    inner = []
    for child in element if len(element) else ():
        if child.tail is not None and child.tail.strip(SPACES):
            add_text(element, child.tail, own, "", run)
        known = group is not None and isinstance(child.tag, str) and child.tag[0] != "{"
        if not known:
            add_child(None, child, own, "", run)
            continue
        if run.strict and group is not None and child.tag not in group:
            run.problem(child, "unknown feature")
        inner.append(_feature(node, child, child.tag, None, run))
    if inner:
        values["features"] = tuple(inner)
    if own:
        values["extras"] = in_order(own)
    return Feature(**values)
