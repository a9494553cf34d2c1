"""Memory and virtual CPUs of a guest that is not living: a key or two of its file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import evolve

from xenparley.domain.errors import InvalidInput
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.vcpus import VcpuInfo
from xenparley_formats.text_document import TextDocument
from xenparley_xm.calls import Calls, Opened, need_definition
from xenparley_xm.errors import UnreadableFile
from xenparley_xm.summary import summarise

__all__ = ["MemoryPort", "VcpusPort"]

_MIB: Final = 1024
#: A PiB: sizes beyond it are mistakes.
_MAX_KIB: Final = 1 << 40
_MAX_CPU: Final = 16383


class MemoryPort:
    """The keys ``memory`` and ``maxmem``, in MiB, rounded up."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return what the guest will start with. Unsupported for a living one."""
        with self._calls.call(Capability.MEMORY, deadline, guest) as folder:
            need_definition(Capability.MEMORY, guest)
            opened = self._calls.open(folder.scan(deadline), guest)
            start, most = _told(self._calls, opened, Field.MEMORY, Field.MAX_MEMORY)
            return MemoryInfo(target_kib=start, maximum_kib=most)

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Set what the guest starts with. The maximum stays what it was, said or not."""
        mib = _mib(kib)
        with self._calls.edit(Capability.SET_MEMORY_TARGET, deadline, guest) as opened:
            _, most = _told(self._calls, opened, Field.MEMORY, Field.MAX_MEMORY)
            if kib > most:
                raise InvalidInput(f"{kib} KiB are more than the guest's maximum of {most} KiB")
            if not opened.document.get("maxmem") and mib * _MIB != most:
                opened.document.set("maxmem", most // _MIB)
            opened.document.set("memory", mib)

    def set_maximum(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Set what the guest may hold. What it starts with stays what it was, said or not."""
        mib = _mib(kib)
        with self._calls.edit(Capability.SET_MEMORY_MAXIMUM, deadline, guest) as opened:
            start, _ = _told(self._calls, opened, Field.MEMORY, Field.MAX_MEMORY)
            if kib < start:
                raise InvalidInput(f"{kib} KiB are less than the {start} KiB that it starts with")
            if not opened.document.get("memory"):
                opened.document.set("memory", start // _MIB)
            opened.document.set("maxmem", mib)


class VcpusPort:
    """The keys ``vcpus``, ``maxvcpus`` and ``vcpu_avail``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the CPUs that the guest will have. Unsupported for a living one."""
        with self._calls.call(Capability.VCPUS, deadline, guest) as folder:
            need_definition(Capability.VCPUS, guest)
            opened = self._calls.open(folder.scan(deadline), guest)
            online, most = _told(self._calls, opened, Field.VCPUS, Field.MAX_VCPUS)
            return [VcpuInfo(number=number, online=number < online) for number in range(most)]

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Set how many CPUs are online at the start. The maximum stays."""
        if type(online) is not int or online < 1:
            raise InvalidInput(f"not a number of virtual CPUs: {online!r}")
        with self._calls.edit(Capability.SET_VCPUS, deadline, guest) as opened:
            _, most = _told(self._calls, opened, Field.VCPUS, Field.MAX_VCPUS)
            if online > most:
                raise InvalidInput(f"{online} virtual CPUs are more than the guest's {most}")
            _say_vcpus(opened.document, online, most, self._calls.folder.grammar.toolstack)

    def pin_vcpu(
        self, guest: GuestRef, vcpu: int, cpus: Collection[int], *, deadline: float
    ) -> None:
        """Let a CPU run on these host CPUs only, from the next start on.

        The file doesn't know which the host has: those up to 16383 are taken.
        """
        # Imported here: a listing does without the configuration's classes.
        from xenparley.domain.config import VcpuPin

        chosen = sorted(set(cpus))
        if not chosen or not all(type(cpu) is int and 0 <= cpu <= _MAX_CPU for cpu in chosen):
            raise InvalidInput(f"not host CPUs: {chosen[:20]!r} (0 to {_MAX_CPU})")
        with self._calls.edit(Capability.PIN_VCPU, deadline, guest) as opened:
            grammar = self._calls.folder.grammar
            config = grammar.config(opened.document, opened.path)
            if type(vcpu) is not int or not 0 <= vcpu < config.vcpus.maximum:
                raise InvalidInput(f"{guest} has no virtual CPU {vcpu!r}")
            pins = {pin.vcpu: pin for pin in config.vcpus.pins}
            if not pins and config.vcpus.maximum > 1 and config.vcpus.cpuset is not None:
                # A file has one list for all, or one for each.
                rest = config.vcpus.cpuset
                pins = {n: VcpuPin(vcpu=n, cpuset=rest) for n in range(config.vcpus.maximum)}
            pins[vcpu] = VcpuPin(vcpu=vcpu, cpuset=",".join(map(str, chosen)))
            ordered = tuple(pins[number] for number in sorted(pins))
            wanted = evolve(config, vcpus=evolve(config.vcpus, pins=ordered, cpuset=None))
            grammar.apply(opened.document, wanted)


def _say_vcpus(document: TextDocument, online: int, most: int, toolstack: str) -> None:
    if toolstack == "xl" or document.get("maxvcpus"):
        document.set("maxvcpus", most)
        document.set("vcpus", online)
        document.remove("vcpu_avail")
        return
    # XenD reads maxvcpus since 4.0 only, the mask always.
    document.set("vcpus", most)
    if online < most:
        document.set("vcpu_avail", (1 << online) - 1)
    else:
        document.remove("vcpu_avail")


def _told(calls: Calls, opened: Opened, one: Field, other: Field) -> tuple[int, int]:
    """Return two of the file's numbers. Raises UnreadableFile with the line of a bad one."""
    toolstack = calls.folder.grammar.toolstack
    summary = summarise(opened.document, toolstack, opened.path)
    if summary is None:
        raise UnreadableFile(f"{opened.path} names no guest")
    found = []
    for field in (one, other):
        value = summary.values.get(field)
        if not isinstance(value, int):
            raise UnreadableFile(summary.absent.get(field) or f"{opened.path}: no {field.value}")
        found.append(value)
    return found[0], found[1]


def _mib(kib: int) -> int:
    if type(kib) is not int or not 0 < kib <= _MAX_KIB:
        raise InvalidInput(f"not a size in KiB: {kib!r}")
    return -(-kib // _MIB)
