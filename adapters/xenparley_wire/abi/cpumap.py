"""CPU maps: a bit for each CPU, lowest first, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_CPUS", "cpus_of", "map_bytes", "map_of"]

#: More CPUs than any release supports; larger numbers are refused, not allocated for.
MAX_CPUS = 16384


def map_bytes(cpus: int) -> int:
    """Return the size of a map of ``cpus`` bits: whole 8-byte words, as every release takes it."""
    return max((cpus + 63) // 64, 1) * 8


def map_of(cpus: Iterable[int], size: int) -> bytes:
    """Return the map of the given CPUs in ``size`` bytes.

    Raises :class:`InvalidInput` for a CPU that the map can't hold.
    """
    bits = 0
    for cpu in cpus:
        if not 0 <= cpu < min(size * 8, MAX_CPUS):
            raise InvalidInput(f"CPU {cpu} is not one of this host's (0 to {size * 8 - 1})")
        bits |= 1 << cpu
    return bits.to_bytes(size, "little")


def cpus_of(data: bytes | bytearray | memoryview, count: int | None = None) -> tuple[int, ...]:
    """Return the CPUs of a map in rising order, those below ``count`` only if it is given.

    A map "all ones" means every CPU; ``count`` (how many the host has) makes it readable.
    """
    bits = int.from_bytes(data, "little")
    if count is not None:
        bits &= (1 << max(count, 0)) - 1
    return tuple(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
