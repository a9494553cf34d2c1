"""What a XenD of a release can do, as far as the node tells its release."""

from __future__ import annotations

import re

from attrs import frozen

from xenparley.domain.host import XenVersion
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import pairs

__all__ = ["Release", "release_of"]

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@frozen
class Release:
    """``format`` is ``xend_config_format``: 1 up to 3.0.2, 2 in 3.0.3, 3 in 3.0.4, then 4.

    ``cpus`` is the number of host CPUs, ``scheduler`` the node's word (3.1 and later).
    """

    format: int
    version: XenVersion
    cpus: int | None = None
    scheduler: str | None = None

    @property
    def manages(self) -> bool:
        """Whether it keeps definitions (3.0.4 and later)."""
        return self.format >= 3

    @property
    def runs_bootloaders(self) -> bool:
        """Whether it runs a guest's bootloader itself (3.0.3 and later); before, ``xm`` did."""
        return self.format >= 2

    @property
    def pins_over_http(self) -> bool:
        """Whether pincpu understands what a form can say (3.4 and later).

        Before, the text went to a C function that takes lists and otherwise pins to every CPU.
        """
        return (self.version.major, self.version.minor) >= (3, 4)

    @property
    def plugs_pci(self) -> bool:
        """Whether it plugs PCI functions into living guests (3.3 and later)."""
        return (self.version.major, self.version.minor) >= (3, 3)

    @property
    def triggers(self) -> bool:
        """Whether it presses buttons (3.1 and later, by XML-RPC only)."""
        return self.format >= 4

    @property
    def schedules_by(self) -> str:
        """The scheduler: what the node says, else the release's default."""
        return self.scheduler or ("credit" if self.format >= 2 else "sedf")


def release_of(node: Sexp) -> Release:
    """Read the answer of ``/xend/node``; a missing ``xend_config_format`` means 1."""
    told = pairs(node)
    major, minor = (number(told.get(key)) for key in ("xen_major", "xen_minor"))
    said = number(told.get("xend_config_format"))
    return Release(
        format=min(max(said if said is not None else 1, 1), 4),
        version=XenVersion(3 if major is None else major, minor or 0, told.get("xen_extra", "")),
        cpus=number(told.get("nr_cpus")) or None,
        scheduler=told.get("xen_scheduler") or None,
    )


def number(text: str | None) -> int | None:
    """Return a whole number of zero or more; None for anything else."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
