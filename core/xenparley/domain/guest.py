"""What a guest is now, as observed: :class:`GuestInfo`, and the raw rows it is joined from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from attrs import field, frozen

from xenparley.domain.identity import GuestRef
from xenparley.domain.lifecycle import Phase, derive_phase
from xenparley.domain.runstate import RunFlags

__all__ = ["UNLIMITED_KIB", "Field", "GuestInfo", "GuestRow", "Listing"]

#: ``max_memory_kib`` of a domain without a limit (the hypervisor says ~0 pages; Domain 0 often).
UNLIMITED_KIB = -1


class Field(Enum):
    """A field that a listing may ask for; the value is the attribute's name in GuestInfo.

    ``UUID`` is the handle of a living guest, the UUID of a defined one. ``DOMID`` and ``UUID``
    are the join keys; a row always carries ``domid`` (None: not living).
    """

    # Members are singletons, and keys of many dicts: Enum's own, in Python, is slow.
    __hash__ = object.__hash__

    DOMID = "domid"
    UUID = "uuid"
    NAME = "name"
    #: :class:`RunFlags`; together with REASON it gives the phase.
    STATE = "state"
    #: The shutdown reason, an int; None when not shut down or not known.
    REASON = "reason"
    #: KiB that the guest holds now (a defined guest: what it will start with).
    MEMORY = "memory_kib"
    #: KiB that it may hold at most; :data:`UNLIMITED_KIB` when there is no limit.
    MAX_MEMORY = "max_memory_kib"
    #: Number of virtual CPUs online (a defined guest: to be online at its start).
    VCPUS = "vcpus"
    MAX_VCPUS = "max_vcpus"
    #: Nanoseconds of CPU time since its start, all virtual CPUs together.
    CPU_TIME = "cpu_time_ns"
    #: ``pv``, ``hvm`` or ``pvh``.
    VIRT = "virt"
    #: Whether a definition outlives the guest.
    DEFINED = "defined"
    AUTOSTART = "autostart"


class GuestRow:
    """What one channel says of one guest: the join keys, and the values of the asked fields.

    ``values`` maps :class:`Field` to a value; a field that the channel could not tell for this
    guest is left out, and may have its reason in ``absent``. Not an attrs class on purpose:
    a listing makes thousands.
    """

    __slots__ = ("absent", "domid", "uuid", "values")

    def __init__(
        self,
        domid: int | None,
        uuid: str | None,
        values: dict[Field, object],
        absent: dict[Field, str] | None = None,
    ) -> None:
        self.domid = domid
        self.uuid = uuid
        self.values = values
        self.absent = absent

    def __repr__(self) -> str:
        shown = {k.name: v for k, v in self.values.items()}
        return f"GuestRow({self.domid}, {self.uuid!r}, {shown})"


@frozen(kw_only=True)
class GuestInfo:
    """A guest at one moment. A field that nobody could tell is None; ``missing`` says why.

    ``domid`` None means that it is not living. Sizes are KiB, times nanoseconds.
    ``observed_at`` is seconds since the epoch, taken before the first channel was asked.
    ``sources`` maps each field that is known to the channel that told it.

    ``definition`` is the UUID of its definition where that is not ``uuid``: guests that others
    started from a file without a UUID have one that the file doesn't know.
    """

    domid: int | None = None
    uuid: str | None = None
    name: str | None = None
    state: RunFlags | None = None
    reason: int | None = None
    memory_kib: int | None = None
    max_memory_kib: int | None = None
    vcpus: int | None = None
    max_vcpus: int | None = None
    cpu_time_ns: int | None = None
    virt: str | None = None
    defined: bool | None = None
    autostart: bool | None = None
    definition: str | None = None
    observed_at: float = 0.0
    sources: Mapping[Field, str] = field(factory=dict)
    missing: Mapping[Field, str] = field(factory=dict)

    @property
    def ref(self) -> GuestRef:
        """The guest as a command is aimed at it."""
        return GuestRef(domid=self.domid, uuid=self.uuid, name=self.name)

    @property
    def definition_ref(self) -> GuestRef:
        """Its definition as a command is aimed at that, whatever lives by it."""
        return GuestRef(uuid=self.definition or self.uuid, name=self.name)

    @property
    def living(self) -> bool:
        """Whether the hypervisor knows it now."""
        return self.domid is not None

    @property
    def phase(self) -> Phase | None:
        """The phase of its life; None when no channel could tell.

        That is so for a living guest whose state nobody tells, and for a definition where
        nobody tells which guests live.
        """
        if self.state is None and (self.domid is not None or Field.STATE in self.missing):
            return None
        return derive_phase(
            self.state if self.domid is not None else None, self.reason, bool(self.defined)
        )


@frozen(kw_only=True)
class Listing:
    """The answer to a listing: the guests, and what could not be told about the whole.

    ``conflicts`` words disagreements between channels (two definitions of one name, a handle
    that differs); ``incomplete`` maps a channel that should have been read to why it was not.
    """

    guests: tuple[GuestInfo, ...]
    conflicts: tuple[str, ...] = ()
    incomplete: Mapping[str, str] = field(factory=dict)
    observed_at: float = 0.0

    def __iter__(self) -> Iterator[GuestInfo]:
        """Iterate over the guests."""
        return iter(self.guests)

    def __len__(self) -> int:
        """Count the guests."""
        return len(self.guests)
