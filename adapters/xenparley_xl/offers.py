"""What xl offers: declared for the documentation, narrowed by what the probe found.

xl takes a tenth of a second and a process for each answer, and repeats what the hypervisor and
XenStore say: for reads it comes after them. For commands it is the owner of the host.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Authority, Offer, Withheld

__all__ = ["OFFERS", "narrowed"]

C = Capability
F = Field
_ROOT: Final = "root in the control domain, Xen 4.1 or later"

#: Microseconds that each field adds for 100 guests: they are all in one table.
_FIELDS: Final[dict[Field, float]] = dict.fromkeys(
    (F.DOMID, F.UUID, F.NAME, F.STATE, F.REASON, F.MEMORY, F.VCPUS, F.CPU_TIME), 0.0
)


def _read(capability: Capability, cost: float = 150_000.0, *conditions: str) -> Offer:
    return Offer(capability, cost, Authority.SECONDARY, conditions=(_ROOT, *conditions))


def _command(capability: Capability, cost: float = 300_000.0, *conditions: str) -> Offer:
    return Offer(capability, cost, conditions=(_ROOT, *conditions))


#: What is offered at most.
OFFERS: Final[tuple[Offer, ...]] = (
    Offer(
        C.LIST_LIVE,
        400_000.0,
        Authority.SECONDARY,
        field_costs_us=_FIELDS,
        conditions=(_ROOT, "memory in whole MiB, CPU time in tenths of a second"),
    ),
    Offer(
        C.FIND_LIVE,
        400_000.0,
        Authority.SECONDARY,
        field_costs_us=_FIELDS,
        conditions=(_ROOT,),
    ),
    _command(C.CREATE, 2_000_000.0),
    _command(C.PAUSE),
    _command(C.UNPAUSE),
    _command(C.SHUTDOWN),
    _command(C.REBOOT),
    _command(C.DESTROY, 500_000.0),
    _command(C.RENAME),
    _command(C.TRIGGER),
    _read(C.READ_LIVE, 300_000.0, "guests made by xl; before 4.5 as they were made"),
    _read(C.MEMORY, 300_000.0),
    _command(C.SET_MEMORY_TARGET),
    _command(C.SET_MEMORY_MAXIMUM),
    _read(C.VCPUS),
    _command(C.SET_VCPUS),
    _command(C.PIN_VCPU),
    _read(C.SCHEDULER),
    _read(C.SCHEDULER_PARAMETERS, 300_000.0, "credit, credit2 (4.2), rtds (4.5)"),
    _command(C.SET_SCHEDULER_PARAMETERS, 400_000.0, "credit, credit2 (4.2), rtds (4.5)"),
    _read(
        C.DEVICES,
        750_000.0,
        "disks, interfaces, PCI functions; USB since Xen 4.7, keyboards since 4.12",
    ),
    _command(C.ATTACH_DEVICE, 2_000_000.0),
    _command(C.DETACH_DEVICE, 2_000_000.0),
    _command(C.CHANGE_MEDIA, 1_000_000.0),
    _read(C.CPU_TIME, 150_000.0, "in tenths of a second"),
    _read(C.UPTIME, 300_000.0, "guests whose start the toolstack noted in XenStore"),
    _read(C.HOST_INFO),
    _read(C.HOST_CAPABILITIES),
    _read(C.NUMA_NODES),
    _read(C.CONSOLE_RING),
    _read(C.CPUPOOLS, 300_000.0),
    _read(C.DISPLAYS, 300_000.0, "Xen 4.2 or later; as the guest was configured"),
    _command(C.SAVE, 10_000_000.0),
    _command(C.RESTORE, 10_000_000.0),
    _command(C.DUMP, 10_000_000.0),
    _command(C.MIGRATE, 30_000_000.0, "xl on both hosts, ssh between them"),
)


def narrowed(
    *, no_changes: str | None, counts_held: bool
) -> tuple[tuple[Offer, ...], tuple[Withheld, ...]]:
    """Return the offers that hold here; ``no_changes`` says why xl would change nothing.

    ``counts_held`` False: the column Mem is the maximum (Xen 4.1).
    """
    kept, withheld = [], []
    for offer in OFFERS:
        if no_changes is not None and SPECS[offer.capability].command:
            withheld.append(Withheld(offer.capability, no_changes))
        elif offer.capability is C.DISPLAYS and not counts_held:
            # The two came with the same release: JSON, and memory that is told as it is.
            withheld.append(Withheld(offer.capability, "xl tells no displays before Xen 4.2"))
        elif F.MEMORY in offer.fields and not counts_held:
            costs: dict[Field, float] = {f: 0.0 for f in _FIELDS if f is not F.MEMORY}
            kept.append(evolve(offer, field_costs_us=costs))
        else:
            kept.append(offer)
    return tuple(kept), tuple(withheld)
