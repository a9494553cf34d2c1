"""The simulated XenD's operations on a guest, as both of its servers carry them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import XenparleyError
from xenparley_sim import images, life, vcpus, xend_devices
from xenparley_sim.hardware import Hardware
from xenparley_sim.xend_config import put
from xenparley_sim.xend_errors import Missing, NeverAnswers, XendFailure, living_domain
from xenparley_sim.xend_view import dormant_vcpus, vcpu_tree
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import children, pairs

if TYPE_CHECKING:
    from xenparley_sim.xend_host import Guest, XendHost

__all__ = ["OPS", "carry_out", "restore"]

Given = Mapping[str, Any]
_REASONS = ("poweroff", "reboot", "suspend", "crash", "halt")


def _int(given: Given, name: str) -> int:
    value = given[name]
    try:
        return int(value)
    except (TypeError, ValueError) as exc:
        raise XendFailure(f"invalid literal for int() with base 10: {value!r}") from exc


def _pause(host: XendHost, guest: Guest, given: Given) -> None:
    host.hypervisor.pause(living_domain(guest).domid)


def _unpause(host: XendHost, guest: Guest, given: Given) -> None:
    if living_domain(guest).pauses:
        host.hypervisor.unpause(living_domain(guest).domid)


def _destroy(host: XendHost, guest: Guest, given: Given) -> None:
    host.hypervisor.destroy(living_domain(guest).domid)


def _shutdown(host: XendHost, guest: Guest, given: Given) -> None:
    if given["reason"] not in _REASONS:
        raise XendFailure(f"Invalid reason: {given['reason']}")
    if guest.domain is None:
        raise XendFailure("Domain cannot be shutdown")
    host.hypervisor.request(guest.domain.domid, str(given["reason"]))


def _rename(host: XendHost, guest: Guest, given: Given) -> None:
    host.rename(guest, str(given["name"]))


def _sysrq(host: XendHost, guest: Guest, given: Given) -> None:
    key = chr(_int(given, "key"))
    reason = {"b": 1, "c": 3, "o": 0}.get(key)
    if reason is not None:
        host.hypervisor.stop(living_domain(guest).domid, reason)


def _send_trigger(host: XendHost, guest: Guest, given: Given) -> None:
    domain = living_domain(guest)
    if domain.virt != "hvm" and given["trigger"] != "nmi":
        raise XendFailure("trigger is for HVM guests")
    if given["trigger"] == "power":
        host.hypervisor.request(domain.domid, "poweroff")
    elif given["trigger"] == "reset":
        host.hypervisor.stop(domain.domid, 1)


def _wait(host: XendHost, guest: Guest, given: Given) -> None:
    for node in children(host.tree(living_domain(guest)), "device"):
        uname = pairs(node[1]).get("uname", "") if len(node) > 1 else ""
        if "nosuchdev" in uname:
            raise XendFailure(f"Device (vbd) could not be connected. {uname[4:]} not found.")


def _delete(host: XendHost, guest: Guest, given: Given) -> None:
    if guest.domain is not None:
        raise XendFailure("Domain is not halted.")
    host.managed.pop(guest.uuid, None)
    host.write(guest.uuid)


def _start(host: XendHost, guest: Guest, given: Given) -> None:
    if guest.domain is not None:
        raise XendFailure("Domain is already running")
    made = host.build(host.managed[guest.uuid])
    # Over HTTP the word never equals a number, so the guest always runs.
    if given.get("paused") is not True and made.domain is not None:
        host.hypervisor.unpause(made.domain.domid)


def _save(host: XendHost, guest: Guest, given: Given) -> None:
    if guest.domain is None:
        raise NeverAnswers
    path = str(given["file"])
    with host.hypervisor.change() as tx:
        domain = tx.domain(guest.domain.domid)
        if domain is None:
            raise XendFailure("Domain is gone")
        tx.put_file(path, "image", images.pack(tx, domain))
        images.leave(tx, domain)
    if host.files is not None and os.path.commonpath([host.files, path]) == str(host.files):
        with open(path, "wb") as file:  # noqa: PTH123 - a path is what was given
            file.write(b"LinuxGuestRecord")


def restore(host: XendHost, path: str, *, paused: bool) -> Guest:
    """Bring a saved guest back."""
    with host.hypervisor.change() as tx:
        if tx.file(path) is None:
            raise XendFailure(f"can't read guest state file {path}: No such file or directory")
        domain = images.restore(tx, path, paused=paused, free_kib=host.hypervisor.free_kib)
    return host.find(domain.handle) if host.made_as.managed else host.find(str(domain.domid))


def _dump(host: XendHost, guest: Guest, given: Given) -> None:
    with host.hypervisor.change() as tx:
        domain = tx.domain(living_domain(guest).domid)
        if domain is not None:
            images.dump(tx, domain, str(given["file"]))


def _migrate(host: XendHost, guest: Guest, given: Given) -> None:
    domid = living_domain(guest).domid
    target = host.hypervisor.peers.get(str(given["destination"]))
    if target is None:
        raise XendFailure("can't connect: Connection refused")
    with host.hypervisor.look() as tx:
        domain = tx.domain(domid)
        text = None if domain is None else images.pack(tx, domain)
    if text is None:
        raise XendFailure("Domain is gone")
    with target.change() as far:
        arrived = images.accept(far, text, paused=False, free_kib=target.free_kib)
        life.announce(far, arrived, "migrated")
    with host.hypervisor.change() as tx:
        leaving = tx.domain(domid)
        if leaving is not None:
            images.leave(tx, leaving)


def _pincpu(host: XendHost, guest: Guest, given: Given) -> None:
    """A list binds; text does from 3.4 on, before it binds to every CPU."""
    domid = living_domain(guest).domid
    cpumap = given["cpumap"]
    vcpu = _int(given, "vcpu")
    with host.hypervisor.look() as tx:
        count = host.hypervisor.facts_in(tx).cpus
    if isinstance(cpumap, list):
        cpus = frozenset(int(cpu) for cpu in cpumap)
    elif host.made_as.pins_all:
        cpus = frozenset(range(count))
    else:
        cpus = frozenset(_int({"cpu": cpu}, "cpu") for cpu in str(cpumap).split(","))
    if not 0 <= vcpu < living_domain(guest).max_vcpus:
        raise XendFailure(f"Cannot pin vcpu: {vcpu} - (3, 'No such process')")
    host.hypervisor.pin_vcpu(domid, vcpu, cpus)


def _maxmem(host: XendHost, guest: Guest, given: Given) -> None:
    mib = _int(given, "memory")
    if guest.domain is None:
        put(host.managed[guest.uuid], "maxmem", str(mib))
        return
    if host.made_as.wedges and mib * 1024 < guest.domain.target_kib:
        host.wedged = True
        return
    host.hypervisor.set_maximum(guest.domain.domid, mib * 1024)


def _target(host: XendHost, guest: Guest, given: Given) -> None:
    mib = _int(given, "target")
    if mib <= 0:
        raise XendFailure("Invalid Configuration: memory_dynamic_max must be greater than zero")
    if guest.domain is None:
        put(host.managed[guest.uuid], "memory", str(mib))
        return
    host.hypervisor.set_target(guest.domain.domid, mib * 1024)


def _set_vcpus(host: XendHost, guest: Guest, given: Given) -> None:
    count = _int(given, "vcpus")
    if guest.domain is None:
        tree = host.managed[guest.uuid]
        if host.made_as.version >= (4,):
            put(tree, "vcpus", str(count))
        put(tree, "vcpu_avail", str((1 << count) - 1))
        host.write(guest.uuid)
        return
    domain = guest.domain
    if count > domain.max_vcpus:
        if not host.made_as.any_vcpus:
            raise XendFailure("Cannot set vcpus greater than max vcpus on running domain")
        count = domain.max_vcpus
    host.hypervisor.set_vcpus(domain.domid, count)


def _vcpuinfo(host: XendHost, guest: Guest, given: Given) -> Sexp:
    if guest.domain is None and host.made_as.version >= (4,):
        return dormant_vcpus(host.managed[guest.uuid])
    domain = living_domain(guest)
    with host.hypervisor.look() as tx:
        now = tx.domain(domain.domid) or domain
        text = tx.document(f"h:{domain.domid}")
        hardware = Hardware() if text is None else Hardware.read(text)
        cpus = host.hypervisor.facts_in(tx).cpus
    told = vcpus.listing(now, hardware, cpus)
    return vcpu_tree(now, host.name(now), told, host.made_as, cpus)


def _credit_get(host: XendHost, guest: Guest, given: Given) -> dict[str, int]:
    domain = living_domain(guest)
    return {"cap": domain.cap, "weight": domain.weight}


def _credit_set(host: XendHost, guest: Guest, given: Given) -> int:
    host.hypervisor.set_credit(
        living_domain(guest).domid, weight=_int(given, "weight"), cap=_int(given, "cap")
    )
    return 0


def _sedf_get(host: XendHost, guest: Guest, given: Given) -> Sexp:
    domain = living_domain(guest)
    return [
        "sedf",
        ["domid", str(domain.domid)],
        ["period", "100000000"],
        ["slice", "0"],
        ["latency", "0"],
        ["extratime", "1"],
        ["weight", str(domain.weight)],
    ]


def _sedf_set(host: XendHost, guest: Guest, given: Given) -> None:
    host.hypervisor.set_credit(living_domain(guest).domid, weight=_int(given, "weight"))


Function = Callable[["XendHost", "Guest", Given], Any]
#: Name: function, parameters that every release demands, whether it is answered by 202.
OPS: Mapping[str, tuple[Function, tuple[str, ...], bool]] = {
    "pause": (_pause, (), False),
    "unpause": (_unpause, (), False),
    "destroy": (_destroy, (), True),
    "shutdown": (_shutdown, ("reason",), True),
    "rename": (_rename, ("name",), True),
    "sysrq": (_sysrq, ("key",), True),
    "send_trigger": (_send_trigger, ("trigger", "vcpu"), False),
    "wait_for_devices": (_wait, (), True),
    "delete": (_delete, (), True),
    "start": (_start, (), True),
    "save": (_save, ("file",), True),
    "dump": (_dump, ("file", "live"), True),
    "migrate": (_migrate, ("destination", "live"), False),
    "pincpu": (_pincpu, ("vcpu", "cpumap"), False),
    "maxmem_set": (_maxmem, ("memory",), False),
    "mem_target_set": (_target, ("target",), False),
    "set_vcpus": (_set_vcpus, ("vcpus",), False),
    "vcpuinfo": (_vcpuinfo, (), False),
    "devices": (xend_devices.listed, ("type",), False),
    "device_create": (xend_devices.create, ("config",), False),
    "device_configure": (xend_devices.configure, ("config", "dev"), False),
    "device_destroy": (xend_devices.destroy, ("type", "dev"), False),
    "domain_sched_credit_get": (_credit_get, (), False),
    "domain_sched_credit_set": (_credit_set, ("weight", "cap"), False),
    "cpu_sedf_get": (_sedf_get, (), False),
    "cpu_sedf_set": (_sedf_set, ("period", "slice", "latency", "extratime", "weight"), False),
}


def carry_out(host: XendHost, guest: Guest, op: str, given: Given) -> Any:
    """Carry an operation out. Raises XendFailure with XenD's words."""
    function, names, _ = OPS[op]
    for name in (*names, *host.made_as.demanded(op)):
        if name not in given:
            raise Missing(name)
    try:
        return function(host, guest, given)
    except XenparleyError as exc:
        raise XendFailure(str(exc)) from exc
