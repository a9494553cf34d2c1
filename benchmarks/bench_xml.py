"""What the model costs on top of parsing: domain XML to GuestConfig against lxml's bare parse.

Run ``python benchmarks/bench_xml.py [FOLDER]``; without a folder it reads the examples, and the
corpus if there is one beside the project. Times are CPU time, the best of several rounds, taken
in turns; printed are microseconds for a document and the ratio of what comes on top. The limit
is 5 times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from xenparley_formats.xml_format import read_xml, write_xml

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 5.0
ROUNDS = 60


def _documents(folders: list[Path]) -> list[bytes]:
    found = [p.read_bytes() for folder in folders for p in sorted(folder.rglob("*.xml"))]
    return [data for data in found if etree.fromstring(data).tag == "domain"]


def _seconds(work: Callable[[bytes], object], documents: list[bytes]) -> float:
    start = time.process_time()
    for data in documents:
        work(data)
    return time.process_time() - start


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when the limit is exceeded."""
    folders = [Path(a) for a in arguments] or [
        ROOT / "plugins" / "xenparley_cli" / "examples",
        ROOT.parent / "shared" / "corpus",
    ]
    documents = _documents(folders)
    size = sum(map(len, documents))
    print(f"{len(documents)} documents, {size / len(documents):.0f} bytes on average")
    bare, full = [], []
    for _ in range(ROUNDS):
        bare.append(_seconds(etree.fromstring, documents))
        full.append(_seconds(read_xml, documents))
    configs = [read_xml(data).config for data in documents]
    start = time.process_time()
    for config in configs:
        write_xml(config)
    write = time.process_time() - start
    each = 1e6 / len(documents)
    ratio = (min(full) - min(bare)) / min(bare)
    print(f"bare parse   {min(bare) * each:8.1f} us")
    print(f"read_xml     {min(full) * each:8.1f} us")
    print(f"write_xml    {write * each:8.1f} us")
    print(f"on top       {ratio:8.2f} times the bare parse (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
