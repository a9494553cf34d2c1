"""What a toolstack writes into XenStore about one guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.hardware import Hardware, SimDevice

__all__ = ["Keys", "availability", "backend", "device_keys", "guest_keys", "home", "sizes"]

#: Where a back end says what its device is called in the guest.
_NAME_KEYS = {"vbd": "dev", "vif": "mac", "pci": "dev-0"}
_FIRST_VNC_PORT = 5900
_FIRST_SERIAL = 10_000

Keys = dict[str, str]


def home(domid: int) -> str:
    """Return a domain's own folder."""
    return f"/local/domain/{domid}"


def backend(domid: int, kind: str, devid: int) -> str:
    """Return the folder of a device's back end in Domain 0."""
    return f"/local/domain/0/backend/{kind}/{domid}/{devid}"


def availability(domain: Domain) -> Keys:
    """Say which virtual CPUs are to be online."""
    return {
        f"{home(domain.domid)}/cpu/{number}/availability": (
            "online" if number < domain.vcpus else "offline"
        )
        for number in range(domain.max_vcpus)
    }


def sizes(domain: Domain, *, libxl: bool) -> Keys:
    """Say what it is to have of memory, and at most."""
    own, vm = home(domain.domid), f"/vm/{domain.handle}"
    keys = {f"{own}/memory/target": str(domain.target_kib)}
    if domain.max_kib >= 0:
        if libxl:
            keys[f"{own}/memory/static-max"] = str(domain.max_kib)
        else:
            keys[f"{vm}/maxmem"] = str(domain.max_kib // 1024)
    if not libxl:
        keys[f"{vm}/memory"] = str(-(-domain.target_kib // 1024))
    return keys


def guest_keys(domain: Domain, hardware: Hardware, *, libxl: bool) -> Keys:
    """Return everything but the devices."""
    own, vm = home(domain.domid), f"/vm/{domain.handle}"
    keys = {
        f"{vm}/uuid": domain.handle,
        f"{vm}/name": domain.name,
        f"{own}/vm": vm,
        f"{own}/name": domain.name,
        f"{own}/domid": str(domain.domid),
        **sizes(domain, libxl=libxl),
        **availability(domain),
    }
    if domain.domid == 0:
        return keys
    keys[f"{own}/control/shutdown"] = ""
    for feature in ("poweroff", "reboot", "suspend"):
        keys[f"{own}/control/feature-{feature}"] = "1"
    keys[f"{own}/console/tty"] = f"/dev/pts/{domain.domid}"
    keys[f"{own}/console/type"] = "xenconsoled"
    for number in range(hardware.serials):
        keys[f"{own}/serial/{number}/tty"] = f"/dev/pts/{_FIRST_SERIAL + domain.domid * 4 + number}"
    for kind, host, port in hardware.displays:
        if kind == "vnc":
            keys[f"{own}/console/vnc-port"] = str(port or _FIRST_VNC_PORT + domain.domid)
            keys[f"{own}/console/vnc-listen"] = host or "127.0.0.1"
    if libxl:
        keys[f"/libxl/{domain.domid}/type"] = domain.virt
    elif domain.virt == "hvm":
        keys[f"{vm}/image/ostype"] = "hvm"
    if not libxl:
        keys[f"{vm}/vcpus"] = str(domain.max_vcpus)
    return keys


def device_keys(domain: Domain, device: SimDevice, *, libxl: bool) -> Keys:
    """Return front end, back end and libxl's own note of one device."""
    number, kind = domain.domid, device.kind
    front = f"{home(number)}/device/{kind}/{device.devid}"
    if kind == "console":
        front = f"{home(number)}/console"
    back = backend(number, kind, device.devid)
    # A guest that runs connects at once.
    used = device.cpu_ns + 1 if domain.runs else domain.cpu_ns
    ended = bool(domain.dying) or domain.reason is not None
    front_state, back_state = device.states(used, ended)
    keys = {
        f"{front}/backend": back,
        f"{front}/backend-id": str(device.backend_domid),
        f"{front}/state": str(front_state),
        f"{back}/frontend": front,
        f"{back}/frontend-id": str(number),
        f"{back}/state": str(back_state),
        f"{back}/online": "1",
    }
    name = _NAME_KEYS.get(kind)
    if name is not None:
        keys[f"{back}/{name}"] = device.name or ""
    if libxl:
        own = f"/libxl/{number}/device/{kind}/{device.devid}"
        keys[f"{own}/backend"] = back
        keys[f"{own}/frontend"] = front
    return keys
