"""Every xl.cfg case of libvirt's own tests, both ways where libvirt has both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.corpus import corpus_dir, find_corpus
from support.libvirt_print import Host, printed
from support.xml_documents import missing_from
from xenparley_formats import xl_format
from xenparley_formats.xml_format import read_xml, write_xml

#: Cases in which libvirt is wrong and xenparley is not, with the reason. There is none.
BETTER: dict[str, str] = {}
#: Words that xl ignores beside cmdline: libvirt is silent, xenparley warns.
IGNORED = {
    "3.2:xlconfig:paravirt-cmdline-bogus-extra-root:xl->xml": ["extra", "root"],
    "3.2:xlconfig:fullvirt-direct-kernel-boot-bogus-extra:xl->xml": ["extra"],
}
HOST = Host(
    arch="x86_64",
    video_kib=8192,
    loader="/usr/lib/xen/boot/hvmloader",
    firmware="/LIBXL_FIRMWARE_DIR/ovmf.bin",
    balloon=False,
)


def cases(direction: str) -> list[Any]:
    if find_corpus() is None:
        return [pytest.param(None, id="no-corpus")]
    index = json.loads((corpus_dir() / "libvirt" / "index.json").read_text())
    chosen = [c for c in index["tests"] if c["suite"] == "xlconfig"]
    assert {c["direction"] for c in chosen} == {"xl->xml", "xml->xl"}
    return [pytest.param(c, id=c["id"]) for c in chosen if c["direction"] == direction]


def files(case: dict[str, Any]) -> tuple[bytes, bytes]:
    folder = corpus_dir() / "libvirt"
    return (folder / case["input"]).read_bytes(), (folder / case["expected"]).read_bytes()


@pytest.mark.parametrize("case", cases("xml->xl"))
def test_xml_to_xl(case: dict[str, Any]) -> None:
    document, expected = files(case or {})
    writing = xl_format.write(read_xml(document).config, options={})
    assert writing.warnings == ()
    wanted = xl_format.parse_xlcfg(expected).values()
    assert (xl_format.parse_xlcfg(writing.text).values() == wanted) == (case["id"] not in BETTER)


@pytest.mark.parametrize("case", cases("xl->xml"))
def test_xl_to_xml(case: dict[str, Any]) -> None:
    document, expected = files(case or {})
    options = {"arch": HOST.arch}
    reading = xl_format.read(document, source="guest", strict=True, options=options)
    ignored = IGNORED.get(case["id"], [])
    assert [w for w in reading.warnings if not any(f": {key}: " in w for key in ignored)] == []
    assert len(reading.warnings) == len(ignored)
    text = write_xml(printed(reading.config, HOST)).text
    assert missing_from(text, expected) == []
    assert missing_from(expected.decode(), text.encode()) == []


@pytest.mark.parametrize("case", cases("xl->xml"))
def test_written_again_the_document_reads_as_the_same_guest(case: dict[str, Any]) -> None:
    document, _ = files(case or {})
    config = xl_format.read(document, source="guest", options={}).config
    text = xl_format.write(config, options={}).text
    assert xl_format.read(text.encode(), source="again", options={}).config == config
