"""Small checks that validation is made of. Each returns what is wrong, in words, or None."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator

from xenparley.domain.config.devices import PciAddress
from xenparley.domain.errors import Problem
from xenparley.domain.identity import printable

__all__ = [
    "MAX_CPU",
    "check_cpuset",
    "check_mac",
    "check_path",
    "check_pci",
    "one_of",
    "quoted",
    "repeated",
    "within",
]

#: NR_CPUS of the largest builds of Xen is 16383 (xen/arch/x86/Kconfig, since 4.19).
MAX_CPU = 16383
#: PATH_MAX of Linux, without the NUL.
_MAX_PATH = 4095

_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?|\^([0-9]{1,9})", re.ASCII)
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}", re.ASCII)


def quoted(text: str) -> str:
    """Return the text as a message can show it."""
    return repr(printable(text, limit=80))


def one_of(text: str, known: Iterable[str]) -> str | None:
    """Demand one of the known words."""
    words = tuple(known)
    return None if text in words else f"unknown: {quoted(text)} (one of {', '.join(words)})"


def within(number: int, least: int, most: int) -> str | None:
    """Demand a number in a range."""
    return None if least <= number <= most else f"{number} is not within {least} to {most}"


def check_cpuset(text: str) -> str | None:
    """Demand a list of CPUs as libvirt and Xen write it: ``0-3,^2,7``."""
    selects = False
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            return f"not a list of CPUs: {quoted(text)}"
        low, high, without = match.groups()
        if high is not None and int(high) < int(low):
            return f"a range that runs backwards: {quoted(part)}"
        if int(high or low or without) > MAX_CPU:
            return f"a CPU beyond {MAX_CPU}: {quoted(part)}"
        selects = selects or without is None
    return None if selects else f"selects no CPU: {quoted(text)}"


def check_mac(text: str) -> str | None:
    """Demand the address of one network card: six bytes, not multicast."""
    if _MAC.fullmatch(text) is None:
        return f"not a MAC address: {quoted(text)}"
    if int(text[:2], 16) & 1:
        return f"a multicast address: {quoted(text)}"
    return None


def check_path(text: str) -> str | None:
    """Demand what can be a path on Linux."""
    if "\0" in text:
        return "a path can't hold a NUL"
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_PATH:
        return f"a path has at most {_MAX_PATH} bytes"
    return None


def check_pci(address: PciAddress) -> str | None:
    """Demand what the parts of a PCI address can be."""
    parts = (
        ("domain", address.domain, 0xFFFF),
        ("bus", address.bus, 0xFF),
        ("slot", address.slot, 0x1F),
        ("function", address.function, 7),
    )
    wrong = [f"{name} {value} is beyond {most}" for name, value, most in parts if value > most]
    wrong += [f"{name} is negative" for name, value, _ in parts if value < 0]
    return ", ".join(wrong) or None


def repeated(
    entries: Iterable[tuple[str, Hashable]], words: Callable[[Hashable], str]
) -> Iterator[Problem]:
    """Yield a problem for each (place, value) whose value was there before."""
    first: dict[Hashable, str] = {}
    for place, value in entries:
        if value in first:
            yield Problem(place, f"{words(value)} is taken by {first[value]}")
        else:
            first[value] = place
