"""The simulated XenD's operations on devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xenparley_sim import xend_pci
from xenparley_sim.hardware import vbd_devid
from xenparley_sim.xend_config import device_of, plain_dev, put
from xenparley_sim.xend_errors import XendFailure, living_domain
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import children, key_of, pairs

if TYPE_CHECKING:
    from xenparley_sim.xend_host import Guest, XendHost

__all__ = ["configure", "create", "destroy", "listed"]

Given = Mapping[str, Any]


def listed(host: XendHost, guest: Guest, given: Given) -> Sexp:
    """List the devices of a class."""
    domid = living_domain(guest).domid
    kind = str(given["type"])
    if kind == "pci":
        return xend_pci.listed(host, guest)
    found: list[Sexp] = []
    for device in host.hypervisor.hardware(domid).devices:
        if device.kind != kind:
            continue
        keys: list[Sexp] = [["backend-id", str(device.backend_domid)]]
        if kind == "vbd":
            keys += [["virtual-device", str(device.devid)], ["device-type", device.what or "disk"]]
        elif kind == "vif":
            keys += [["mac", device.name or ""], ["handle", str(device.devid)]]
        keys += [["state", "4"], ["backend", f"/local/domain/0/backend/{kind}/{domid}"]]
        found.append([str(device.devid), keys])
    return found


def _numbered(host: XendHost, guest: Guest, kind: str, dev: str) -> Any:
    number = int(dev) if dev.isdigit() else vbd_devid(plain_dev(dev))
    for device in host.hypervisor.hardware(living_domain(guest).domid).devices:
        if device.kind == kind and device.devid == number:
            return device
    raise XendFailure(f"Device {dev} not connected")


def create(host: XendHost, guest: Guest, given: Given) -> Sexp:
    """Plug a device in."""
    node = given["config"]
    kind = key_of(node)
    if kind == "pci":
        xend_pci.configure(host, guest, node)
        return ["pci", ["dom", str(living_domain(guest).domid), "id", "0"]]
    device = device_of(node)
    if device is None or not isinstance(node, list):
        raise XendFailure(f"Invalid Configuration: XendConfig: {kind} not a valid device type")
    if guest.domain is None:
        # 3.x writes it down too, and fails behind it.
        host.managed[guest.uuid].append(["device", node])
        host.write(guest.uuid)
    if guest.domain is None and host.made_as.version >= (4,):
        return [kind or "vbd", ["dom", "None", "id", "None"]]
    domid = living_domain(guest).domid
    before = {(d.kind, d.devid) for d in host.hypervisor.hardware(domid).devices}
    host.hypervisor.attach(domid, device)
    host.tree(living_domain(guest)).append(["device", node])
    after = {(d.kind, d.devid) for d in host.hypervisor.hardware(domid).devices}
    ((_, number),) = after - before
    where = pairs(node).get("uname", "").partition(":")[2]
    if "nosuchdev" in where:
        host.hypervisor.detach(domid, device)
        host.tree(living_domain(guest)).pop()
        raise XendFailure(
            f"Device {number} ({kind}) could not be connected. Device {where} not found."
        )
    return [kind or "vbd", ["dom", str(domid), "id", str(number)]]


def destroy(host: XendHost, guest: Guest, given: Given) -> None:
    """Plug a device out."""
    kind = str(given["type"])
    if guest.domain is None and host.made_as.version >= (4,):
        dev = plain_dev(str(given["dev"]))
        kept = host.managed[guest.uuid]
        for node in [*children(kept, "device")]:
            if key_of(node[1]) == kind and plain_dev(pairs(node[1]).get("dev", "")) == dev:
                kept.remove(node)
                host.write(guest.uuid)
                return
        raise XendFailure(f"Device {given['dev']} not connected")
    device = _numbered(host, guest, kind, str(given["dev"]))
    tree = host.tree(living_domain(guest))
    for node in [*children(tree, "device")]:
        one = device_of(node[1]) if len(node) > 1 else None
        name = getattr(one, "target", None) or (getattr(one, "mac", None) or "").lower()
        if one is not None and key_of(node[1]) == kind and name == device.name:
            host.hypervisor.detach(living_domain(guest).domid, one)
            tree.remove(node)
            return
    raise XendFailure(f"Device {given['dev']} not connected")


def configure(host: XendHost, guest: Guest, given: Given) -> Sexp | None:
    """Change a device's medium."""
    node = given["config"]
    kind = key_of(node) or "vbd"
    if kind == "pci":
        xend_pci.configure(host, guest, node)
        return None
    device = _numbered(host, guest, kind, str(given["dev"]))
    for held in children(host.tree(living_domain(guest)), "device"):
        inner = held[1] if len(held) > 1 else None
        if not isinstance(inner, list) or key_of(inner) != kind:
            continue
        if plain_dev(pairs(inner).get("dev", "")) == device.name:
            for key in ("uname", "mode"):
                if key in pairs(node):
                    put(inner, key, pairs(node)[key])
    return "True" if (3, 1) <= host.made_as.version < (4,) else None
