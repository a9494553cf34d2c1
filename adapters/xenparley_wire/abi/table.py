"""Find the layouts by the pair of interface versions. A pair that isn't known is not guessed at."""

from __future__ import annotations

from typing import Final, NamedTuple

from xenparley.domain.errors import Unsupported
from xenparley_wire.abi._table import LAYOUTS, PAIRS
from xenparley_wire.abi.abi import Abi

__all__ = [
    "DOM0_OP_VERSION",
    "InterfaceKey",
    "architectures",
    "candidates",
    "known_keys",
    "load",
    "newest_release",
]

#: The interface version of dom0_op in 3.0.0 to 3.0.2.
DOM0_OP_VERSION: Final = 0x03000000


class InterfaceKey(NamedTuple):
    """The interface versions of one hypervisor: (sysctl, domctl), or dom0_op up to 3.0.2.

    The *pair* is the key, not either number: getdomaininfolist is a sysctl that returns domctl
    structs (sysctl 0x10 has 96-byte records with domctl 0xe and 104-byte ones with 0xf).
    """

    sysctl: int
    domctl: int
    dom0_op: int = 0

    def __str__(self) -> str:
        if self.dom0_op:
            return f"dom0_op {self.dom0_op:#x}"
        return f"sysctl {self.sysctl:#x}, domctl {self.domctl:#x}"


def architectures() -> tuple[str, ...]:
    """Return the architectures of the table: of the *caller*, a 32-bit dom0 being x86_32."""
    return tuple(PAIRS)


#: First release, last release and layout numbers of each layout set of a pair.
_Groups = tuple[tuple[tuple[int, ...], tuple[int, ...], str], ...]


def _pairs(arch: str) -> dict[tuple[int, int, int], _Groups]:
    pairs = PAIRS.get(arch)
    if pairs is None:
        raise Unsupported(f"no hypercall layouts are known for the architecture {arch!r}")
    return pairs


def known_keys(arch: str) -> tuple[InterfaceKey, ...]:
    """Return every known pair of ``arch``, oldest release first."""
    return tuple(InterfaceKey(*key) for key in _pairs(arch))


def newest_release(arch: str) -> tuple[int, int]:
    """Return (major, minor) of the newest release in the table."""
    last = [group[1] for groups in _pairs(arch).values() for group in groups]
    return max((one[0], one[1]) for one in last)


def candidates(arch: str, version: tuple[int, int]) -> tuple[InterfaceKey, ...]:
    """Return every known pair, those that belong to release ``version`` first, then the nearest.

    A vendor's build may report one release and speak another's interface, so none is left out.
    """
    ranked = []
    for place, (key, groups) in enumerate(_pairs(arch).items()):
        distance = min(_distance(group[0][:2], group[1][:2], version) for group in groups)
        ranked.append((distance, -place, InterfaceKey(*key)))
    return tuple(key for _, _, key in sorted(ranked))


def _distance(first: tuple[int, ...], last: tuple[int, ...], version: tuple[int, int]) -> int:
    if first <= version <= last:
        return 0
    near = first if version < first else last
    # Xen 4.0 followed 3.4: a major release counts as five minor ones.
    return abs((near[0] - version[0]) * 5 + near[1] - version[1])


def load(arch: str, key: InterfaceKey, version: tuple[int, ...] | None = None) -> Abi:
    """Return the ABI of one pair.

    ``version`` is (major, minor) as XENVER_version told it, with the point release if known: two
    pairs cover several releases whose layouts differ a little (3.2 to 3.4), and flag bits moved
    within others. Without it the oldest release of the pair is taken. Raises
    :class:`Unsupported` for an unknown pair.
    """
    groups = PAIRS[arch].get(key) if arch in PAIRS else None
    if groups is None:
        raise Unsupported(
            f"no layouts are known for {key} on {arch}"
            + ("" if arch in PAIRS else ", nor for any other pair")
        )
    chosen = groups[0]
    told = (*(version or (0, 0)), 0, 0)[:3]
    for group in groups:
        if told >= group[0]:
            chosen = group
    first, last, listed = chosen
    release = max(first, min(told, last))
    texts = {}
    for number in listed.split(" "):
        text = LAYOUTS[int(number)]
        texts[text[: text.index(" ")]] = text
    return Abi(
        arch=arch,
        sysctl=key.sysctl,
        domctl=key.domctl,
        dom0_op=key.dom0_op,
        release=release,
        texts=texts,
    )
