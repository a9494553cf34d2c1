"""libvirt's test cases for Xen's notations, and how documents are compared with libvirt's own."""

from __future__ import annotations

import json
from typing import Any

from lxml import etree

from support.corpus import corpus_dir, find_corpus

__all__ = ["case_bytes", "libvirt_cases", "shape"]

#: What later libvirt (the 3.2 cases) prints of every guest of a kind, whatever its notation says.
_ALWAYS = (
    ".//disk/backingStore",
    ".//disk/address[@type='drive']",
    ".//controller[@type='ide']",
    ".//memballoon[@model='xen']",
    ".//video",
    ".//graphics/listen[@type='address'][not(@address)]",
    ".//input[@bus='ps2'][@type!='tablet']",
    ".//input[@bus='xen']",
)


def libvirt_cases(*suites: str) -> list[dict[str, Any]]:
    """Return the cases of some suites; one that says why when there is no corpus."""
    if find_corpus() is None:
        return [{"id": "no-corpus"}]
    index = json.loads((corpus_dir() / "libvirt" / "index.json").read_bytes())
    return [case for case in index["tests"] if case["suite"] in suites]


def case_bytes(case: dict[str, Any], which: str) -> bytes:
    """Return a case's ``input`` or ``expected`` file; test files continue lines by backslash."""
    data = (corpus_dir() / "libvirt" / str(case[which])).read_bytes()
    return data.replace(b"\\\n", b"") if str(case[which]).endswith(".sexpr") else data


def shape(text: bytes | str, *, release: str = "1.2.2") -> Any:
    """Return what counts of a document: devices of one kind in order, between kinds in none.

    Elements and attributes of other namespaces don't count: libvirt skips them. For ``release``
    3.2 what that release prints of every guest is left out.
    """
    root = etree.fromstring(text.encode() if isinstance(text, str) else text)
    if release != "1.2.2":
        for path in _ALWAYS:
            for element in root.xpath(path):
                element.getparent().remove(element)
        for loader in root.iter("loader"):
            loader.attrib.pop("type", None)
        for ip in root.iter("ip"):
            ip.attrib.pop("family", None)
    return _shape(root)


def _shape(element: Any) -> Any:
    inside = [_shape(child) for child in element if not str(child.tag).startswith("{")]
    text = element.text or ""
    return (
        element.tag,
        sorted((k, v) for k, v in element.attrib.items() if not k.startswith("{")),
        text if not len(element) and text.strip() else "",
        sorted(inside, key=lambda child: str(child[0])),
    )
