"""What the model costs on top of parsing: domain XML to GuestConfig beside lxml's bare parse.

Run with ``pytest benchmarks/bench_xml.py``. It reads the examples, and the corpus if there is one
beside the project. A row is one pass over all documents; the ratio is in brackets: reading may
cost 6 times the bare parse, so that the model's part is at most 5 times.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from xenparley_formats.xml_format import read_xml, write_xml

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "plugins" / "xenparley_cli" / "examples", ROOT.parent / "shared" / "corpus")
FOUND = [path.read_bytes() for folder in FOLDERS for path in sorted(folder.rglob("*.xml"))]
DOCUMENTS = [data for data in FOUND if etree.fromstring(data).tag == "domain"]


def read_and_write(data: bytes) -> object:
    return write_xml(read_xml(data).config)


@pytest.mark.benchmark(
    group=f"{len(DOCUMENTS)} XML documents", min_time=0.001, max_time=4, disable_gc=True
)
@pytest.mark.parametrize("work", [etree.fromstring, read_xml, read_and_write])
def test_documents(benchmark: Any, work: Callable[[bytes], object]) -> None:
    def all_of_them() -> int:
        for data in DOCUMENTS:
            work(data)
        return len(DOCUMENTS)

    assert benchmark(all_of_them) > 3
