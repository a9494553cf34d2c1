"""Xen's releases as the simulated host knows them: what each one has, and calls itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley_sim.facts import HostFacts
from xenparley_sim.xend_generation import GENERATIONS, Generation
from xenparley_wire.abi.table import architectures, known_keys, load

if TYPE_CHECKING:
    from xenparley_wire.abi.table import InterfaceKey

__all__ = ["CHANNELS", "RELEASES", "TOOLSTACKS", "XenRelease", "release_of"]

#: The channels that a simulated host can speak.
CHANNELS: Final = ("xend", "xenstore", "hypercall", "xm", "xl")
TOOLSTACKS: Final = ("xend", "xl")
#: Every release that can be simulated, oldest first.
RELEASES: Final = (
    *("3.0.1", "3.0.2", "3.0.3", "3.0.4", "3.1", "3.2", "3.3", "3.4"),
    *(f"4.{minor}" for minor in range(23)),
)
#: The point release that stands for each where it has a name of its own, as XENVER_extraversion
#: tells it; ``.0`` for the others.
_EXTRA: Final = {"3.0.1": ".1", "3.0.2": ".2-2", "3.0.3": ".3-1", "3.0.4": ".4-1", "4.1": ".6"}
_CAPABILITIES: Final = {
    "x86_64": "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64",
    "x86_32": "xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p",
    "arm64": "xen-3.0-aarch64 xen-3.0-armv7l",
    "arm32": "xen-3.0-armv7l",
}
_MACHINES: Final = {"x86_64": "x86_64", "x86_32": "i686", "arm64": "aarch64", "arm32": "armv7l"}
#: XenD left with 4.5, xl came with 4.1, libxl's read-only socket of xenstored left with 4.15.
_XEND_LAST: Final = (4, 4)
_XL_FIRST: Final = (4, 1)
_READ_ONLY_SOCKET_LAST: Final = (4, 14)


@frozen
class XenRelease:
    """One release on one architecture (of the control domain)."""

    name: str
    arch: str
    numbers: tuple[int, ...]
    #: The interface versions of its hypercalls; None: this architecture had none yet.
    key: InterfaceKey

    @property
    def version(self) -> tuple[int, int]:
        """Return (major, minor), as XENVER_version tells it."""
        return self.numbers[0], self.numbers[1]

    @property
    def extra(self) -> str:
        """What XENVER_extraversion tells: ``.4-1``."""
        return _EXTRA.get(self.name, ".0")

    @property
    def has_xend(self) -> bool:
        """Whether it comes with XenD (up to 4.4)."""
        return self.version <= _XEND_LAST and self.arch.startswith("x86")

    @property
    def has_xl(self) -> bool:
        """Whether it comes with xl (from 4.1)."""
        return self.version >= _XL_FIRST

    @property
    def has_read_only_socket(self) -> bool:
        """Whether xenstored has a second socket, for readers (up to 4.14)."""
        return self.version <= _READ_ONLY_SOCKET_LAST

    @property
    def tells_itself(self) -> bool:
        """Whether Linux tells the release in /sys/hypervisor (since 3.0.3)."""
        return self.numbers >= (3, 0, 3)

    @property
    def toolstack(self) -> str:
        """The toolstack that is used unless another is said."""
        return "xend" if self.has_xend else "xl"

    @property
    def scheduler(self) -> str:
        """Xen's own choice: sedf, credit from 3.0.3, credit2 from 4.12."""
        if self.numbers < (3, 0, 3):
            return "sedf"
        return "credit" if self.version < (4, 12) else "credit2"

    @property
    def facts(self) -> HostFacts:
        """Return what the host says of itself."""
        major, minor = self.version
        return HostFacts(
            version=(major, minor, self.extra),
            capabilities=_CAPABILITIES[self.arch],
            machine=_MACHINES[self.arch],
            scheduler=self.scheduler,
        )

    @property
    def generation(self) -> Generation:
        """Return how its XenD behaves: as the newest daemon that is known and is no newer."""
        nearest = GENERATIONS[0]
        for each in GENERATIONS:
            if _numbers(each.release) <= self.numbers:
                nearest = each
        return nearest._replace(release=self.name, version=(*self.version, self.extra))


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))


def release_of(name: str, arch: str = "x86_64") -> XenRelease:
    """Return a release by its name: ``3.0.4``, ``4.17``, or ``4.17.2`` for that of 4.17.

    Raises InvalidInput: there is none, or Xen did not run on that architecture then.
    """
    known = None
    if re.fullmatch(r"\d{1,2}\.\d{1,2}(\.\d{1,3})?", name, re.ASCII):
        known = name if name in RELEASES else name.rpartition(".")[0]
    if known not in RELEASES:
        raise InvalidInput(
            f"not a release of Xen that can be simulated: {printable(name, limit=40)!r}; "
            f"there are {', '.join(RELEASES)}"
        )
    if arch not in architectures():
        raise InvalidInput(
            f"not an architecture of Xen: {printable(arch, limit=40)!r}; "
            f"there are {', '.join(architectures())}"
        )
    numbers = _numbers(known)
    for key in known_keys(arch):
        found = load(arch, key, numbers).release
        if found[:2] == numbers[:2] and (len(numbers) < 3 or found[2:3] == numbers[2:]):
            return XenRelease(known, arch, numbers, key)
    raise InvalidInput(f"Xen {known} did not run on {arch}")
