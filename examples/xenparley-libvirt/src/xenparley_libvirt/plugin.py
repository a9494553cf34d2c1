"""Registers the adapter and its URI scheme. Imported at each start: it leaves libvirt alone."""

from __future__ import annotations

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Authority, Offer
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec, Registrar, SchemeSpec

__all__ = ["SPEC", "xenparley_register", "xenparley_spi"]

xenparley_spi = (1, 0)

C = Capability
_LIVE = (
    Field.DOMID,
    Field.UUID,
    Field.NAME,
    Field.STATE,
    Field.REASON,
    Field.MEMORY,
    Field.MAX_MEMORY,
    Field.VCPUS,
    Field.CPU_TIME,
)
_DEFINED = (
    Field.UUID,
    Field.NAME,
    Field.MEMORY,
    Field.MAX_MEMORY,
    Field.VCPUS,
    Field.DEFINED,
    Field.AUTOSTART,
)
_AS_FAR = "as far as name, memory, CPUs, boot, disks and interfaces go"


def _offer(capability: Capability, cost_us: float, *conditions: str) -> Offer:
    # Secondary: what libvirt says, the hypervisor and the toolstack know better.
    return Offer(capability, cost_us, Authority.SECONDARY, conditions=conditions)


def _rows(capability: Capability, fields: tuple[Field, ...]) -> Offer:
    # One round trip for the guests, and for some fields one more for each of 100.
    dear = {Field.AUTOSTART: 10_000.0}
    costs = {field: dear.get(field, 0.0) for field in fields}
    return Offer(capability, 12_000.0, Authority.SECONDARY, costs)


OFFERS = (
    _rows(C.LIST_LIVE, _LIVE),
    _rows(C.LIST_DEFINED, _DEFINED),
    _rows(C.FIND_LIVE, _LIVE),
    _rows(C.FIND_DEFINED, _DEFINED),
    _offer(C.CREATE, 500_000.0, _AS_FAR),
    _offer(C.START, 500_000.0),
    _offer(C.PAUSE, 1000.0),
    _offer(C.UNPAUSE, 1000.0),
    _offer(C.SHUTDOWN, 1000.0),
    _offer(C.REBOOT, 1000.0),
    _offer(C.DESTROY, 100_000.0),
    _offer(C.READ_DEFINED, 1000.0),
    _offer(C.READ_LIVE, 1000.0),
    _offer(C.DEFINE, 5000.0, _AS_FAR),
    _offer(C.UNDEFINE, 5000.0),
    _offer(C.SET_AUTOSTART, 5000.0),
    _offer(C.MEMORY, 1000.0),
    _offer(C.SET_MEMORY_TARGET, 1000.0, "of a living guest"),
    _offer(C.CPU_TIME, 1000.0),
    _offer(C.HOST_INFO, 2000.0),
)

SPEC = AdapterSpec(
    name="libvirt",
    factory="xenparley_libvirt.channel:LibvirtChannel",
    offers=OFFERS,
    schemes=frozenset({"xen", "libvirt"}),
    summary="what libvirt knows of the host",
    local_only=False,
    fork="not usable in the child: libvirt's connections stay with the parent",
    settings={"uri": "libvirt's own URI of the host (xen:///system)"},
)


@hookimpl
def xenparley_register(registrar: Registrar) -> None:
    """Register the adapter and the scheme ``libvirt:``."""
    registrar.adapter(SPEC)
    registrar.scheme(
        SchemeSpec(
            name="libvirt",
            connect="xenparley_libvirt.scheme:connect",
            summary="libvirt:URI, a host by libvirt's own URI for it",
        )
    )
