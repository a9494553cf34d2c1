"""Domain XML documents for tests, and how two of them are compared."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lxml import etree

from support.corpus import corpus_dir, find_corpus

__all__ = ["EXAMPLES", "corpus_documents", "document", "missing_from"]

EXAMPLES = Path(__file__).resolve().parents[2] / "plugins" / "xenparley_cli" / "examples"

_NUMBERS = {"memory", "currentMemory", "vcpu"}


def corpus_documents() -> list[Path]:
    """Return every domain XML file of the corpus; one that says why when there is no corpus."""
    if find_corpus() is None:
        return [Path("no-corpus")]
    files = sorted(corpus_dir().rglob("*.xml"))
    return [f for f in files if etree.parse(f).getroot().tag == "domain"]


def document(inside: str = "", devices: str = "") -> bytes:
    """Return a small valid guest with something more in it."""
    return (
        "<domain type='xen'><name>g</name><memory>1024</memory><vcpu>1</vcpu>"
        f"<os><type>hvm</type></os>{inside}<devices>{devices}</devices></domain>"
    ).encode()


def _value(tag: str, name: str, text: str) -> str:
    """Return a form in which equal values are equal text."""
    if name != "#text" or tag in _NUMBERS or tag == "uuid":
        text = text.strip()
    if tag == "uuid":
        return text.replace("-", "").lower()
    if name in ("domain", "bus", "slot", "function") and text[:2] == "0x":
        return str(int(text, 16))
    return text


def _pieces(root: Any) -> Counter[str]:
    """Count (path, attribute or text, value); devices of a kind are numbered in the path."""
    found: Counter[str] = Counter()

    def walk(element: Any, path: str) -> None:
        found[path] += 1
        for name, text in element.items():
            if element.tag == "clock" and name == "sync":
                # the old spelling of offset
                name = "offset"
            found[f"{path}@{name}={_value(element.tag, name, text)!r}"] += 1
        for text in (element.text, *(child.tail for child in element)):
            if text and text.strip():
                # beside elements, white space around text is layout
                text = text.strip() if len(element) else text
                found[f"{path}={_value(element.tag, '#text', text)!r}"] += 1
        seen: Counter[str] = Counter()
        for child in element:
            if not isinstance(child.tag, str):
                found[f"{path}/{child}"] += 1
                continue
            kind = child.tag
            if kind == "hostdev":
                kind += str(child.get("type"))
            seen[kind] += 1
            walk(child, f"{path}/{kind}[{seen[kind]}]")

    walk(root, "")
    return found


def missing_from(output: str, document: bytes) -> list[str]:
    """Return what the document holds and the output doesn't. Memory is compared in KiB."""
    wanted = _pieces(etree.fromstring(document))
    got = _pieces(etree.fromstring(output.encode()))
    return sorted((wanted - got).elements())
