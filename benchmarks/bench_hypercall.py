"""Decoding records, and handing calls to the worker. No host is needed.

Run with ``pytest benchmarks/bench_hypercall.py``. 1,000 records of some releases, of which each
is to take 2 microseconds at most; and 200 calls that do nothing on the worker, beside the same by
a pair of queues.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from xenparley_hypercall.worker import Workers
from xenparley_wire.abi.domaininfo import DomainInfoCodec
from xenparley_wire.abi.table import InterfaceKey, load

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 1000
CALLS = 200


class NoDevice:
    """Takes no hypercall: what is measured makes none."""

    name = "none"


def by_queues() -> tuple[Callable[[], object], Callable[[], None]]:
    """Return a call that does nothing on another thread, and what ends that thread."""
    calls: SimpleQueue[Any] = SimpleQueue()

    def serve() -> None:
        while (answers := calls.get()) is not None:
            answers.put(0)

    thread = threading.Thread(target=serve)
    thread.start()

    def call() -> object:
        answers: SimpleQueue[int] = SimpleQueue()
        calls.put(answers)
        return answers.get(timeout=10)

    def end() -> None:
        calls.put(None)
        thread.join()

    return call, end


@pytest.mark.benchmark(group=f"decoding {RECORDS} records")
@pytest.mark.parametrize(
    ("key", "version"),
    [
        (InterfaceKey(0, 0, 0x03000000), (3, 0)),
        (InterfaceKey(6, 5), (3, 4)),
        (InterfaceKey(0xA, 9), (4, 4)),
        (InterfaceKey(0x15, 0x15), (4, 17)),
        (InterfaceKey(0x16, 0x18), (4, 22)),
    ],
    ids=["3.0.2", "3.4", "4.4", "4.17", "4.22"],
)
def test_decode(benchmark: Any, key: InterfaceKey, version: tuple[int, int]) -> None:
    codec = DomainInfoCodec(load("x86_64", key, version).layout("domctl.getdomaininfo"))
    data = bytes(range(256)) * (codec.size * RECORDS // 256 + 1)
    assert len(benchmark(codec.decode, data, RECORDS)) == RECORDS


def by_bell() -> tuple[Callable[[], object], Callable[[], None]]:
    """Return a call that does nothing on the worker, and what ends that."""
    workers = Workers(NoDevice())  # type: ignore[arg-type]

    def call() -> object:
        return workers.run(lambda turn: 0, deadline=time.monotonic() + 10, operation="nothing")

    return call, workers.close


@pytest.mark.benchmark(group=f"{CALLS} calls handed to another thread")
@pytest.mark.parametrize("way", [by_bell, by_queues])
def test_hand_over(benchmark: Any, way: Callable[[], Any]) -> None:
    call, end = way()

    def calls() -> object:
        for _ in range(CALLS):
            answer = call()
        return answer

    assert benchmark(calls) == 0
    end()
