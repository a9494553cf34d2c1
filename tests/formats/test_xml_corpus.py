"""Domain XML against real documents: nothing is lost, and what is written is read the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.corpus import corpus_dir
from support.xml_documents import EXAMPLES, corpus_documents, missing_from
from xenparley.domain.config.validate import validate
from xenparley_formats.json_format import read_json, write_json
from xenparley_formats.xml_format import read_xml, write_xml

DOCUMENTS = [*corpus_documents(), *sorted(EXAMPLES.glob("*.xml"))]


@pytest.fixture(params=DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    named: Path = request.param
    if not named.exists():
        corpus_dir()
    return named


def test_nothing_of_the_document_is_missing(path: Path) -> None:
    data = path.read_bytes()
    written = write_xml(read_xml(data, source=path.name).config).text
    missing = [piece for piece in missing_from(written, data) if "unit='MiB'" not in piece]
    if path.parent == EXAMPLES:
        # they give memory in MiB, which is written in KiB
        missing = [piece for piece in missing if "emory[1]=" not in piece]
    assert missing == []


def test_the_output_is_read_as_the_same_guest_and_written_the_same(path: Path) -> None:
    config = read_xml(path.read_bytes()).config
    text = write_xml(config).text
    again = read_xml(text.encode()).config
    assert again == config
    assert write_xml(again).text == text


def test_json_holds_the_same_guest(path: Path) -> None:
    config = read_xml(path.read_bytes()).config
    assert read_json(write_json(config).text.encode()) == config


def test_a_real_document_is_valid_also_when_strict(path: Path) -> None:
    reading = read_xml(path.read_bytes(), strict=True)
    assert validate(reading.config) == ()
    assert reading.warnings == ()


def test_the_four_kinds_are_among_the_examples() -> None:
    made = {p.stem: read_xml(p.read_bytes(), strict=True).config for p in EXAMPLES.glob("*.xml")}
    assert made["pv-bootloader"].virt == "pv" and made["pv-bootloader"].boot.bootloader
    assert made["pv-kernel"].virt == "pv" and made["pv-kernel"].boot.kernel
    assert made["hvm-bios"].virt == "hvm" and made["hvm-bios"].boot.devices
    assert made["hvm-kernel"].virt == "hvm" and made["hvm-kernel"].boot.kernel
    assert len({config.uuid for config in made.values()}) == len(made) == 4
