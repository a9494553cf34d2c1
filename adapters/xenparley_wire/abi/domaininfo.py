"""getdomaininfo records, whole lists at a time."""

from __future__ import annotations

import struct
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from xenparley_wire.abi.layout import Layout

__all__ = ["PAGE_KIB", "UNLIMITED", "DomainInfo", "DomainInfoCodec", "pages_to_kib"]

#: Pages of the control interfaces are 4 KiB on every architecture.
PAGE_KIB: Final = 4
#: The values of a page count that mean "no limit" (all ones, of either width).
UNLIMITED: Final = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})


class DomainInfo(NamedTuple):
    """One getdomaininfo record. Page counts are of 4 KiB, ``cpu_time`` is in nanoseconds.

    A field that the release doesn't have is None. ``flags`` is as it came: its upper bits mean
    different things in different releases (:func:`xenparley_wire.abi.flags.decode_flags`).
    """

    domain: int
    flags: int
    tot_pages: int
    max_pages: int
    outstanding_pages: int | None
    shr_pages: int | None
    paged_pages: int | None
    shared_info_frame: int
    cpu_time: int
    nr_online_vcpus: int
    max_vcpu_id: int
    ssidref: int
    handle: bytes
    cpupool: int | None
    gpaddr_bits: int | None
    emulation_flags: int | None

    @property
    def memory_kib(self) -> int:
        """Memory that the domain holds, in KiB."""
        return self.tot_pages * PAGE_KIB

    @property
    def claimed_kib(self) -> int | None:
        """KiB that are set aside for it and that it doesn't hold yet; None before Xen 4.3."""
        return None if self.outstanding_pages is None else pages_to_kib(self.outstanding_pages)

    @property
    def max_memory_kib(self) -> int | None:
        """The limit of the domain's memory in KiB, None if it has none."""
        return pages_to_kib(self.max_pages)

    @property
    def vcpus(self) -> int:
        """How many vCPUs the domain has, online or not (0 while it is being built)."""
        return 0 if self.max_vcpu_id == 0xFFFFFFFF else self.max_vcpu_id + 1


def pages_to_kib(pages: int) -> int | None:
    """Return a page count in KiB, None if it means "no limit"."""
    return None if pages in UNLIMITED else pages * PAGE_KIB


#: Fields of the layout that :class:`DomainInfo` holds under a shorter name.
_NAMES: Final = {"arch_config.emulation_flags": "emulation_flags"}


class DomainInfoCodec:
    """Decodes records of one layout; made once for a hypervisor, then fast."""

    __slots__ = ("_decode", "_struct", "size")

    def __init__(self, layout: Layout) -> None:
        """Compile the layout of ``domctl.getdomaininfo``."""
        self.size = layout.size
        names: list[str] = []
        form = "<"
        at = 0
        for name, (offset, code) in sorted(layout.fields.items(), key=lambda f: f[1][0]):
            short = _NAMES.get(name, name)
            if short not in DomainInfo._fields:
                continue
            form += f"{offset - at}x{code}" if offset > at else code
            at = offset + struct.calcsize("<" + code)
            names.append(short)
        if layout.size > at:
            form += f"{layout.size - at}x"
        self._struct = struct.Struct(form)
        self._decode = _decoder(names)

    def decode(self, data: bytes | bytearray | memoryview, count: int) -> list[DomainInfo]:
        """Return the first ``count`` records of ``data``.

        Raises :class:`ProtocolError` if ``data`` is too short for them.
        """
        wanted = count * self.size
        if count < 0 or len(data) < wanted:
            raise ProtocolError(
                f"getdomaininfolist: {count} records need {wanted} bytes, there are {len(data)}"
            )
        return self._decode(self._struct, memoryview(data)[:wanted])


def _decoder(
    names: list[str],
) -> Callable[[struct.Struct, memoryview], list[DomainInfo]]:
    # What DomainInfo._make does, without its own look at the length: a third of the time.
    make: Callable[[tuple[Any, ...]], DomainInfo] = partial(tuple.__new__, DomainInfo)
    if names == list(DomainInfo._fields):
        return lambda codec, data: list(map(make, codec.iter_unpack(data)))
    # What the release lacks is taken from the None that is put after the record's last value.
    last = len(names)
    places = [names.index(one) if one in names else last for one in DomainInfo._fields]
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] = itemgetter(*places)
    none = (None,)
    return lambda codec, data: [make(pick(one + none)) for one in codec.iter_unpack(data)]
