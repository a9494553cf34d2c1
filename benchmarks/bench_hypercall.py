"""Decoding records, and handing calls to the worker. ``python benchmarks/bench_hypercall.py``.

Prints microseconds for each record, best and median of many rounds of 1,000 records, for some
releases; then microseconds for a call that does nothing on the worker, beside the same by a pair
of queues. No host is needed.
"""

from __future__ import annotations

import statistics
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from xenparley_hypercall.worker import Workers
from xenparley_wire.abi.domaininfo import DomainInfoCodec
from xenparley_wire.abi.table import InterfaceKey, load

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 1000
ROUNDS = 200
CALLS = 200


def measure(codec: DomainInfoCodec, data: bytes) -> list[float]:
    """Return microseconds a record of each round."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        records = codec.decode(data, RECORDS)
        found.append((time.perf_counter() - start) / RECORDS * 1e6)
        assert len(records) == RECORDS
    return found


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


def handing_over() -> None:
    """Measure both ways, turn by turn, and print them and their ratio."""
    workers = Workers(NoDevice())  # type: ignore[arg-type]
    queues, end = by_queues()

    def bells() -> object:
        return workers.run(lambda turn: 0, deadline=time.monotonic() + 10, operation="nothing")

    found: dict[str, list[float]] = {"bells": [], "queues": []}
    for _ in range(ROUNDS):
        for name, call in (("bells", bells), ("queues", queues)):
            start = time.perf_counter()
            for _ in range(CALLS):
                call()
            found[name].append((time.perf_counter() - start) / CALLS * 1e6)
    workers.close()
    end()
    middle = {name: statistics.median(times) for name, times in found.items()}
    print(
        f"a call handed to the worker: {middle['bells']:.1f} us; by two queues: "
        f"{middle['queues']:.1f} us; {middle['queues'] / middle['bells']:.2f} times as long"
    )


def main() -> None:
    """Measure and print."""
    for name, key, version in (
        ("3.0.2", InterfaceKey(0, 0, 0x03000000), (3, 0)),
        ("3.4", InterfaceKey(6, 5), (3, 4)),
        ("4.4", InterfaceKey(0xA, 9), (4, 4)),
        ("4.17", InterfaceKey(0x15, 0x15), (4, 17)),
        ("4.22", InterfaceKey(0x16, 0x18), (4, 22)),
    ):
        codec = DomainInfoCodec(load("x86_64", key, version).layout("domctl.getdomaininfo"))
        times = measure(codec, bytes(range(256)) * (codec.size * RECORDS // 256 + 1))
        print(
            f"Xen {name}: {codec.size} bytes, best {min(times):.3f}, "
            f"median {statistics.median(times):.3f} us a record"
        )
    handing_over()


if __name__ == "__main__":
    main()
