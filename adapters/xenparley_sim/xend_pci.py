"""PCI functions as the simulated XenD plugs them in and out: all of a guest's are one device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xenparley.domain.config import HostPci, PciAddress
from xenparley_sim.xend_errors import XendFailure, living_domain
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import child, children, key_of, pairs

if TYPE_CHECKING:
    from xenparley_sim.xend_host import Guest, XendHost

__all__ = ["configure", "functions", "listed"]

Given = Mapping[str, Any]
#: Since Xen 3.3 (``xm pci-attach``).
_SINCE = (3, 3)


def functions(node: Sexp) -> list[HostPci]:
    """Return the functions of ``(pci (dev (domain 0) (bus 1) (slot 2) (func 3)) ...)``."""
    found = []
    for dev in children(node, "dev"):
        told = pairs(dev)
        try:
            numbers = [int(told.get(key, "0"), 0) for key in ("domain", "bus", "slot", "func")]
        except ValueError as exc:
            raise XendFailure(f"Invalid PCI device: {exc}") from exc
        found.append(HostPci(address=PciAddress(*numbers)))
    return found


def configure(host: XendHost, guest: Guest, node: Sexp) -> None:
    """Plug the functions in, or out with ``(state Closing)``."""
    if host.made_as.version < _SINCE or not isinstance(node, list):
        raise XendFailure("PCI device is not hot-pluggable")
    domain = living_domain(guest)
    tree = host.tree(domain)
    held = next((d[1] for d in children(tree, "device") if key_of(d[1]) == "pci"), None)
    closing = pairs(node).get("state") == "Closing"
    for function in functions(node):
        if closing:
            host.hypervisor.detach(domain.domid, function)
            if isinstance(held, list):
                held[:] = [
                    part
                    for part in held
                    if key_of(part) != "dev" or functions(["pci", part]) != [function]
                ]
            continue
        host.hypervisor.attach(domain.domid, function)
        if not isinstance(held, list):
            held = ["pci"]
            tree.append(["device", held])
        held += [dev for dev in children(node, "dev") if functions(["pci", dev]) == [function]]
    if isinstance(held, list) and child(held, "dev") is None:
        tree[:] = [part for part in tree if part != ["device", held]]


def listed(host: XendHost, guest: Guest) -> Sexp:
    """List the one device that holds all functions."""
    domain = living_domain(guest)
    every = [d for d in host.hypervisor.hardware(domain.domid).devices if d.kind == "pci"]
    if not every:
        return []
    keys: list[Sexp] = [["backend-id", "0"], ["num_devs", str(len(every))], ["state", "4"]]
    keys += [[f"dev-{number}", device.name or ""] for number, device in enumerate(every)]
    keys.append(["backend", f"/local/domain/0/backend/pci/{domain.domid}/0"])
    return [["0", keys]]
