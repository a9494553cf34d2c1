"""Reading and writing a 1 MB document of S-expressions, beside PyPI's sexpdata.

Run ``pytest benchmarks/bench_sxp.py``: the table of each group tells the ratio. sexpdata reads
Lisp, where a single quote means something else, so its copy of the document has double quotes.
``python benchmarks/bench_sxp.py`` prints the two ratios alone, the best of alternate runs.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xenparley_wire.sxp import dumps, loads

sexpdata = pytest.importorskip("sexpdata")

if __package__:
    from .sxp_document import host_of
else:
    import sys

    sys.path.insert(0, str(Path(__file__).parent))
    from sxp_document import host_of

TREE = host_of(950)
TEXT = dumps(TREE)
LISP = TEXT.replace("'", '"')
LISP_TREE = sexpdata.loads(LISP)


def test_the_document_is_a_megabyte() -> None:
    assert 900_000 < len(TEXT) < 1_100_000
    assert loads(TEXT) == TREE


@pytest.mark.benchmark(group="read 1 MB of S-expressions", disable_gc=True)
def test_read_xenparley(benchmark: Any) -> None:
    assert len(benchmark(loads, TEXT)) == len(TREE)


@pytest.mark.benchmark(group="read 1 MB of S-expressions", disable_gc=True)
def test_read_sexpdata(benchmark: Any) -> None:
    assert len(benchmark(sexpdata.loads, LISP)) == len(TREE)


@pytest.mark.benchmark(group="write 1 MB of S-expressions", disable_gc=True)
def test_write_xenparley(benchmark: Any) -> None:
    assert benchmark(dumps, TREE) == TEXT


@pytest.mark.benchmark(group="write 1 MB of S-expressions", disable_gc=True)
def test_write_sexpdata(benchmark: Any) -> None:
    assert len(benchmark(sexpdata.dumps, LISP_TREE)) > len(TEXT) // 2


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 9) -> float:
    """Return how many times longer theirs takes: the best of several, the two in turns.

    As timeit does it: without the garbage collector, whose share depends on all that lives.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for times, call in zip(taken, (ours, theirs), strict=True):
            times.append(timeit.timeit(call, number=1))
    return min(taken[1]) / min(taken[0])


if __name__ == "__main__":
    print(f"read: {ratio(lambda: loads(TEXT), lambda: sexpdata.loads(LISP)):.1f} times as fast")
    print(f"write: {ratio(lambda: dumps(TREE), lambda: sexpdata.dumps(LISP_TREE)):.1f}")
