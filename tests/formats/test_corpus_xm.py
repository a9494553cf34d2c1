"""Every XM case of libvirt's own tests, both ways, for the releases whose rules differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.corpus import corpus_dir, find_corpus
from support.libvirt_print import Host, printed
from support.xml_documents import missing_from
from xenparley_formats import xm_format
from xenparley_formats.xml_format import read_xml, write_xml

#: Cases in which libvirt is wrong and xenparley is not, with the reason. There is none.
BETTER: dict[str, str] = {}
HOST = Host(arch="i686", video_kib=16384)


def cases(direction: str) -> list[Any]:
    if find_corpus() is None:
        return [pytest.param(None, id="no-corpus")]
    index = json.loads((corpus_dir() / "libvirt" / "index.json").read_text())
    chosen = [c for c in index["tests"] if c["suite"] == "xmconfig"]
    assert {c["direction"] for c in chosen} == {"xm->xml", "xml->xm"}
    return [pytest.param(c, id=c["id"]) for c in chosen if c["direction"] == direction]


def files(case: dict[str, Any]) -> tuple[bytes, bytes, dict[str, str]]:
    folder = corpus_dir() / "libvirt"
    version = {"xend-config-version": str(case["xend_config_version"] or 4)}
    read = [Path(folder, case[name]).read_bytes() for name in ("input", "expected")]
    return read[0], read[1], version


@pytest.mark.parametrize("case", cases("xml->xm"))
def test_xml_to_xm(case: dict[str, Any]) -> None:
    document, expected, options = files(case or {})
    writing = xm_format.write(read_xml(document).config, options=options)
    assert writing.warnings == ()
    wanted = xm_format.parse_xm(expected).values()
    assert (xm_format.parse_xm(writing.text).values() == wanted) == (case["id"] not in BETTER)


@pytest.mark.parametrize("case", cases("xm->xml"))
def test_xm_to_xml(case: dict[str, Any]) -> None:
    document, expected, options = files(case or {})
    options["arch"] = HOST.arch
    reading = xm_format.read(document, source="guest", strict=True, options=options)
    assert reading.warnings == ()
    config = printed(reading.config, HOST) if case["release"] == "3.2" else reading.config
    text = write_xml(config).text
    assert missing_from(text, expected) == []
    assert missing_from(expected.decode(), text.encode()) == []


@pytest.mark.parametrize("case", cases("xm->xml"))
def test_written_again_the_document_reads_as_the_same_guest(case: dict[str, Any]) -> None:
    document, _, options = files(case or {})
    config = xm_format.read(document, source="guest", options=options).config
    text = xm_format.write(config, options=options).text
    assert xm_format.read(text.encode(), source="again", options=options).config == config
