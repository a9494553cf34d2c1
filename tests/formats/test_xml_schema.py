"""The RelaxNG schema and the strict reader take and refuse the same documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from lxml import etree

import xenparley_formats
from support.configs import configs
from support.corpus import corpus_dir
from support.xml_documents import EXAMPLES, corpus_documents, document
from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import ConfigError
from xenparley_formats.xml_format import read_xml, write_xml

SCHEMA = etree.RelaxNG(
    etree.parse(Path(str(xenparley_formats.__path__[0])) / "schema" / "domain.rng")
)
DOCUMENTS = [*corpus_documents(), *sorted(EXAMPLES.glob("*.xml"))]


def _strict(data: bytes) -> bool:
    try:
        read_xml(data, strict=True)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_real_documents_and_what_becomes_of_them_are_valid(path: Path) -> None:
    if not path.exists():
        corpus_dir()
    data = path.read_bytes()
    assert _strict(data)
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    written = write_xml(read_xml(data).config).text.encode()
    assert SCHEMA.validate(etree.fromstring(written)), SCHEMA.error_log


@pytest.mark.parametrize("path", DOCUMENTS[::9], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_damaged_element_is_refused_by_both_or_none(path: Path) -> None:
    """Take each element and attribute away, and add unknown ones; ask both."""
    if not path.exists():
        corpus_dir()
    root = etree.fromstring(path.read_bytes())
    tried = 0
    for element in list(root.iter(etree.Element)):
        damages = [("set", "unknown-attribute", "1"), ("add", "unknown-element", "")]
        damages += [("del", name, value) for name, value in element.items()]
        damages += [("bad", name, value) for name, value in element.items()]
        for what, name, value in damages:
            child = None
            if what == "add":
                child = etree.SubElement(element, name)
            elif what == "set":
                element.set(name, value)
            elif what == "bad":
                element.set(name, "?!")
            else:
                del element.attrib[name]
            data = etree.tostring(root)
            tried += 1
            assert _strict(data) == SCHEMA.validate(etree.fromstring(data)), (what, name, data)
            if child is not None:
                element.remove(child)
            elif what == "set":
                del element.attrib[name]
            else:
                element.set(name, value)
    assert tried > 20


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs(extras=False))
def test_any_guest_is_written_valid(config: GuestConfig) -> None:
    known = tuple(f for f in config.features if f.name != "future-one")
    config = evolve(config, features=tuple(evolve(f, features=()) for f in known))
    root = etree.fromstring(write_xml(config).text.encode())
    assert SCHEMA.validate(root), SCHEMA.error_log


@pytest.mark.parametrize(
    "data",
    [
        document("<metadata/>"),
        document("<name>twice</name>"),
        document("<memory unit='furlong'>1</memory>").replace(b"<memory>1024</memory>", b""),
        document("<uuid>12</uuid>"),
        document("<features><warp/></features>"),
        document(devices="<disk/>"),
        document(devices="<hostdev type='scsi'/>"),
        document(devices="<hostdev type='pci'/>"),
        document(devices="<disk type='block'><source file='/x'/><target dev='a'/></disk>"),
        document(devices="<graphics autoport='maybe'/>"),
        document(devices="text"),
        document().replace(b"'xen'", b"'kvm'"),
        document().replace(b"<name>g</name>", b""),
        document().replace(b"hvm", b"exe"),
        document().replace(b"<vcpu>1", b"<vcpu>one"),
    ],
)
def test_both_refuse(data: bytes) -> None:
    assert not _strict(data)
    assert not SCHEMA.validate(etree.fromstring(data))
