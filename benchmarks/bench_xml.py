"""What the model costs on top of parsing: domain XML to GuestConfig against lxml's bare parse.

Run ``python benchmarks/bench_xml.py [FOLDER]``; without a folder it reads the examples, and the
corpus if there is one beside the project. Times are the best of several rounds for each document,
taken in turns, so that other programs of a busy machine disturb them little; printed are
microseconds for a document on average, and the ratio of what comes on top. The limit is 5 times.
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


def _best(work: Callable[[bytes], object], documents: list[bytes], best: list[int]) -> None:
    """Work on each document, and note the shortest time that each ever took."""
    clock = time.perf_counter_ns
    for number, data in enumerate(documents):
        start = clock()
        work(data)
        taken = clock() - start
        best[number] = min(taken, best[number])


def _round_trip(data: bytes) -> object:
    return write_xml(read_xml(data).config)


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when the limit is exceeded."""
    folders = [Path(a) for a in arguments] or [
        ROOT / "plugins" / "xenparley_cli" / "examples",
        ROOT.parent / "shared" / "corpus",
    ]
    documents = _documents(folders)
    size = sum(map(len, documents))
    print(f"{len(documents)} documents, {size / len(documents):.0f} bytes on average")
    works: list[Callable[[bytes], object]] = [etree.fromstring, read_xml, _round_trip]
    best = [[1 << 62] * len(documents) for _ in works]
    for _ in range(ROUNDS):
        for work, times in zip(works, best, strict=True):
            _best(work, documents, times)
    bare, read, both = (sum(times) / len(documents) / 1000 for times in best)
    ratio = (read - bare) / bare
    print(f"bare parse   {bare:8.1f} us")
    print(f"read_xml     {read:8.1f} us")
    print(f"write_xml    {both - read:8.1f} us")
    print(f"on top       {ratio:8.2f} times the bare parse (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
