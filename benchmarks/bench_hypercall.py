"""Decoding getdomaininfo records. Usage: ``python benchmarks/bench_hypercall.py``.

Prints microseconds for each record, best and median of many rounds of 1,000 records, for some
releases. No host is needed.
"""

from __future__ import annotations

import statistics
import time

from xenparley_wire.abi.domaininfo import DomainInfoCodec
from xenparley_wire.abi.table import InterfaceKey, load

RECORDS = 1000
ROUNDS = 200


def measure(codec: DomainInfoCodec, data: bytes) -> list[float]:
    """Return microseconds a record of each round."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        records = codec.decode(data, RECORDS)
        found.append((time.perf_counter() - start) / RECORDS * 1e6)
        assert len(records) == RECORDS
    return found


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


if __name__ == "__main__":
    main()
