"""Words that SXP, XM files and xl.cfg share: masks, CPU lists, rates, PCI addresses, actions.

Every function is pure. Reading raises Unreadable, writing Unsayable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xenparley.domain.config import PciAddress
from xenparley.domain.config.checks import MAX_CPU
from xenparley_formats.native_run import Unreadable, Unsayable, shown

__all__ = [
    "BOOT_LETTERS",
    "MAX_CPU",
    "MIB",
    "atom",
    "boot_devices",
    "boot_letters",
    "cpu_list",
    "cpu_ranges",
    "number",
    "online_mask",
    "online_of",
    "parse_credit",
    "parse_pci",
    "parse_rate",
    "rate_text",
    "to_mib",
    "whole",
]

#: KiB in a MiB: the notations count memory in MiB, the model in KiB.
MIB = 1024
#: Letters of xm's and xl's boot order and libvirt's words for them.
BOOT_LETTERS = {"a": "fd", "c": "hd", "d": "cdrom", "n": "network"}
_LETTERS = {word: letter for letter, word in BOOT_LETTERS.items()}

_NUMBER = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]{1,32}|[0-9]{1,40})\s*", re.ASCII)
_FLOAT = re.compile(r"\s*([0-9]{1,30})\.[0-9]{0,30}\s*", re.ASCII)
_PCI = re.compile(
    r"(?:(?:0x)?([0-9a-fA-F]{1,4}):)?(?:0x)?([0-9a-fA-F]{1,2}):(?:0x)?([0-9a-fA-F]{1,2})"
    r"\.(?:0x)?([0-7])",
    re.ASCII,
)
_RATE = re.compile(r"([0-9]{1,15})([GMKgmk]?)([Bb])/s(?:@([0-9]{1,12})(ms|us|s))?", re.ASCII)
_CREDIT = re.compile(r"([0-9]{1,15}),([0-9]{1,12})", re.ASCII)
_PER_MICRO = {"us": 1, "ms": 1000, "s": 1_000_000}
_RANGE = re.compile(r"(\^?)([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


def atom(text: str) -> str:
    """Return text that goes into a notation as one string; NULs go nowhere."""
    if "\0" in text:
        raise Unsayable("a NUL character")
    return text


def number(text: str) -> int:
    """Read a whole number: decimal or ``0x``; a fraction is cut (xend prints ``256.0``)."""
    match = _NUMBER.fullmatch(text)
    if match is not None:
        sign, digits = match.groups()
        value = int(digits, 16) if digits[1:2] in ("x", "X") else int(digits)
        return -value if sign == "-" else value
    fraction = _FLOAT.fullmatch(text)
    if fraction is not None:
        return int(fraction.group(1))
    raise Unreadable(f"not a number: {shown(text)}")


def whole(text: str, most: int = (1 << 63) - 1) -> int:
    """Read a number that is not negative and at most ``most``."""
    value = number(text)
    if not 0 <= value <= most:
        raise Unreadable(f"not a number from 0 to {most}: {shown(text)}")
    return value


def to_mib(kib: int) -> int:
    """Return KiB as MiB, rounded up as libvirt rounds."""
    return -(-kib // MIB)


def online_mask(current: int) -> int:
    """Return ``vcpu_avail``'s mask with the first ``current`` virtual CPUs online."""
    return (1 << current) - 1


def online_of(mask: int, maximum: int) -> int:
    """Return how many virtual CPUs a mask has online, of ``maximum`` at most, 1 at least."""
    return max(1, min((mask & online_mask(maximum)).bit_count(), maximum))


def boot_devices(letters: str) -> tuple[str, ...]:
    """Return boot letters as libvirt's words. Raises Unreadable for an unknown letter."""
    try:
        return tuple(BOOT_LETTERS[letter] for letter in letters)
    except KeyError as exc:
        raise Unreadable(f"unknown in a boot order: {shown(letters)}") from exc


def boot_letters(devices: Iterable[str]) -> str:
    """Return libvirt's words as boot letters."""
    try:
        return "".join(_LETTERS[device] for device in devices)
    except KeyError as exc:
        raise Unsayable(f"no letter stands for booting from {shown(str(exc.args[0]))}") from exc


def parse_pci(text: str) -> PciAddress:
    """Read ``dddd:bb:ss.f`` (the domain may be left out), hexadecimal with or without 0x."""
    match = _PCI.fullmatch(text.strip())
    if match is None:
        raise Unreadable(f"not a PCI address: {shown(text)}")
    domain, bus, slot, function = match.groups()
    address = PciAddress(int(domain or "0", 16), int(bus, 16), int(slot, 16), int(function, 16))
    if address.slot > 0x1F:
        raise Unreadable(f"a PCI slot beyond 0x1f: {shown(text)}")
    return address


def parse_rate(text: str) -> tuple[int, int | None]:
    """Read ``10MB/s@20ms`` as KiB/s and the window in microseconds (None: not said).

    ``b`` are bits, ``B`` bytes; K, M and G are powers of 1024 as libvirt reads them. Less than
    1 KiB/s and windows that don't fit whole KiB are Unreadable: they would change on the way.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise Unreadable(f"not a rate: {shown(text)}")
    amount, unit, kind, interval, scale = match.groups()
    size = int(amount) * 1024 ** " KMG".index(unit.upper() or " ")
    if kind == "b":
        size //= 8
    if size < 1024 or size // 1024 > 0xFFFFFFFF:
        raise Unreadable(f"no possible rate: {shown(text)}")
    micro = None if interval is None else int(interval) * _PER_MICRO[scale]
    if micro is not None and not 1 <= micro <= 0xFFFFFFFF:
        raise Unreadable(f"no possible interval: {shown(text)}")
    return size // 1024, micro


def parse_credit(text: str) -> tuple[int, int]:
    """Read ``62500,50000``, bytes in microseconds, as xend shows a living interface's rate.

    Returns what :func:`parse_rate` does: xend's KB are 1000 bytes, libvirt takes them for KiB.
    """
    match = _CREDIT.fullmatch(text.strip())
    if match is None:
        raise Unreadable(f"not a rate: {shown(text)}")
    size, interval = int(match[1]), int(match[2])
    rate = size * 1000 // interval if interval else 0
    if not (0 < rate <= 0xFFFFFFFF and interval <= 0xFFFFFFFF):
        raise Unreadable(f"no possible rate: {shown(text)}")
    return rate, interval


def rate_text(kib_s: int, interval_us: int | None = None) -> str:
    """Write a rate as ``<n>KB/s``, with ``@<n>us`` if there is a window."""
    return f"{kib_s}KB/s" + ("" if interval_us is None else f"@{interval_us}us")


def cpu_list(text: str) -> tuple[int, ...]:
    """Read ``0-3,^2,7`` (spaces allowed) as the CPUs it selects, in order."""
    # a bit for each CPU, so that a long list of wide ranges costs no more than its length
    chosen = 0
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise Unreadable(f"not a list of CPUs: {shown(text)}")
        without, low, high = match.groups()
        first, last = int(low), int(high or low)
        if last < first or last > MAX_CPU:
            raise Unreadable(f"not a range of CPUs: {shown(part)}")
        bits = ((1 << (last - first + 1)) - 1) << first
        chosen = chosen & ~bits if without else chosen | bits
    if not chosen:
        raise Unreadable(f"selects no CPU: {shown(text)}")
    return tuple(number for number, bit in enumerate(f"{chosen:b}"[::-1]) if bit == "1")


def cpu_ranges(cpus: Iterable[int]) -> str:
    """Write CPUs as libvirt does: ``0-3,7``."""
    parts: list[str] = []
    ordered = sorted(set(cpus))
    at = 0
    while at < len(ordered):
        end = at
        while end + 1 < len(ordered) and ordered[end + 1] == ordered[end] + 1:
            end += 1
        parts.append(str(ordered[at]) if end == at else f"{ordered[at]}-{ordered[end]}")
        at = end + 1
    return ",".join(parts)
