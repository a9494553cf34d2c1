"""What hypercalls offer: declared for the documentation, narrowed by what the probe found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Authority, Offer, Withheld

if TYPE_CHECKING:
    from xenparley_hypercall.probe import Found
    from xenparley_wire.abi.abi import Abi

__all__ = ["NEEDS", "OFFERS", "narrowed", "tells_virt"]

C = Capability
F = Field
_DOM0: Final = "root in the control domain (dom0)"
_DESTROY_LEAVES: Final = (
    "leaves behind what the toolstack keeps: XenStore keys, back ends and network interfaces, "
    "and qemu, which goes on running with the disk image open"
)

#: Microseconds that each field adds for 100 guests.
_FIELDS: Final[dict[Field, float]] = {
    F.DOMID: 0.0,
    F.UUID: 80.0,
    F.STATE: 60.0,
    F.REASON: 10.0,
    F.MEMORY: 10.0,
    F.MAX_MEMORY: 10.0,
    F.VCPUS: 5.0,
    F.MAX_VCPUS: 10.0,
    F.CPU_TIME: 5.0,
    F.VIRT: 40.0,
}


def _read(capability: Capability, cost: float, *conditions: str) -> Offer:
    return Offer(capability, cost, conditions=(_DOM0, *conditions))


def _command(capability: Capability, authority: Authority, *conditions: str) -> Offer:
    return Offer(capability, 200.0, authority, conditions=(_DOM0, *conditions))


#: What is offered at most.
OFFERS: Final[tuple[Offer, ...]] = (
    Offer(C.LIST_LIVE, 250.0, field_costs_us=_FIELDS, conditions=(_DOM0,)),
    Offer(
        C.FIND_LIVE,
        250.0,
        field_costs_us=_FIELDS,
        conditions=(_DOM0, "by domain id or UUID: the hypervisor knows no names"),
    ),
    _read(C.MEMORY, 100.0),
    _read(C.VCPUS, 400.0),
    _read(C.CPU_TIME, 100.0),
    _read(C.SCHEDULER, 80.0),
    _read(C.SCHEDULER_PARAMETERS, 150.0),
    Offer(C.HOST_INFO, 500.0, conditions=("root", "all but version and texts: dom0")),
    _read(C.HOST_CAPABILITIES, 200.0),
    _read(C.NUMA_NODES, 300.0, "Xen 4.1 or later"),
    _read(C.CONSOLE_RING, 300.0),
    _read(C.CPUPOOLS, 300.0, "Xen 4.1 or later"),
    _command(C.PAUSE, Authority.OWNER),
    _command(
        C.UNPAUSE,
        Authority.SECONDARY,
        "not an HVM guest (its qemu must go on too), nor one that never ran",
    ),
    Offer(
        C.DESTROY,
        2000.0,
        Authority.LAST_RESORT,
        conditions=(_DOM0,),
        force_only=_DESTROY_LEAVES,
    ),
    _command(C.TRIGGER, Authority.SECONDARY, "Xen 3.1 or later; power from 3.4, sleep from 4.0"),
    _command(
        C.SET_MEMORY_MAXIMUM,
        Authority.SECONDARY,
        "XenStore's memory/static-max is left as it is; not below what the guest holds",
    ),
    _command(C.PIN_VCPU, Authority.SECONDARY, "CPUs 0 to 63 up to Xen 3.0.2"),
    _command(C.SET_SCHEDULER_PARAMETERS, Authority.SECONDARY),
)

#: The op of the ABI that each offer stands on.
NEEDS: Final[dict[Capability, str]] = {
    C.LIST_LIVE: "sysctl.getdomaininfolist",
    C.FIND_LIVE: "sysctl.getdomaininfolist",
    C.MEMORY: "domctl.getdomaininfo",
    C.VCPUS: "domctl.getvcpuinfo",
    C.CPU_TIME: "domctl.getdomaininfo",
    C.SCHEDULER: "sysctl.sched_id",
    C.SCHEDULER_PARAMETERS: "domctl.scheduler_op",
    C.HOST_CAPABILITIES: "sysctl.physinfo",
    C.NUMA_NODES: "sysctl.numainfo",
    C.CONSOLE_RING: "sysctl.readconsole",
    C.CPUPOOLS: "sysctl.cpupool_op",
    C.PAUSE: "domctl.pausedomain",
    C.UNPAUSE: "domctl.unpausedomain",
    C.DESTROY: "domctl.destroydomain",
    C.TRIGGER: "domctl.sendtrigger",
    C.SET_MEMORY_MAXIMUM: "domctl.max_mem",
    C.PIN_VCPU: "domctl.setvcpuaffinity",
    C.SET_SCHEDULER_PARAMETERS: "domctl.scheduler_op",
}


def tells_virt(abi: Abi) -> bool:
    """Say whether the release tells paravirtualised guests from the others at all (3.0.4 on)."""
    return abi.release >= (3, 0, 4)


def narrowed(found: Found) -> tuple[tuple[Offer, ...], tuple[Withheld, ...]]:
    """Return what of :data:`OFFERS` holds on this hypervisor, and why the rest doesn't."""
    offers: list[Offer] = []
    withheld: list[Withheld] = []
    for offer in OFFERS:
        op = NEEDS.get(offer.capability)
        if op is None:
            offers.append(offer)
        elif found.abi is None:
            if offer.capability is C.FIND_LIVE and found.version >= (4, 21):
                # By the one op that is stable: whether a domain id is taken.
                stable = Offer(
                    C.FIND_LIVE,
                    offer.cost_us,
                    field_costs_us={F.DOMID: 0.0},
                    conditions=offer.conditions,
                )
                offers.append(stable)
            else:
                reason = found.reason or "no layouts are known for this hypervisor"
                withheld.append(Withheld(offer.capability, reason))
        elif not found.abi.has(op):
            withheld.append(Withheld(offer.capability, f"Xen {found.release} has no {op}"))
        else:
            offers.append(_without_virt(offer, found.abi))
    return tuple(offers), tuple(withheld)


def _without_virt(offer: Offer, abi: Abi) -> Offer:
    if F.VIRT not in offer.field_costs_us or tells_virt(abi):
        return offer
    costs: dict[Field, float] = {
        name: cost for name, cost in offer.field_costs_us.items() if name is not F.VIRT
    }
    return Offer(
        offer.capability,
        offer.cost_us,
        offer.authority,
        field_costs_us=costs,
        conditions=offer.conditions,
    )
