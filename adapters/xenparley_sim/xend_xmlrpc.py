"""The simulated XenD's XML-RPC server: the same operations, S-expressions as arrays."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from xenparley.domain.errors import XenparleyError
from xenparley_sim.xend_errors import UnknownGuest, XendFailure
from xenparley_sim.xend_http import Reply, Request
from xenparley_sim.xend_ops import carry_out, restore

if TYPE_CHECKING:
    from xenparley_sim.xend_host import XendHost

__all__ = ["answer"]

#: Method: the operation and its arguments after the guest's key.
_DOMAIN: dict[str, tuple[str, tuple[str, ...]]] = {
    "pause": ("pause", ()),
    "unpause": ("unpause", ()),
    "destroy": ("destroy", ()),
    "delete": ("delete", ()),
    "start": ("start", ("paused",)),
    "shutdown": ("shutdown", ("reason",)),
    "setName": ("rename", ("name",)),
    "send_sysrq": ("sysrq", ("key",)),
    "send_trigger": ("send_trigger", ("trigger", "vcpu")),
    "waitForDevices": ("wait_for_devices", ()),
    "save": ("save", ("file",)),
    "pincpu": ("pincpu", ("vcpu", "cpumap")),
    "maxmem_set": ("maxmem_set", ("memory",)),
    "setMemoryTarget": ("mem_target_set", ("target",)),
    "setVCpuCount": ("set_vcpus", ("vcpus",)),
    "getVCPUInfo": ("vcpuinfo", ()),
    "getDeviceSxprs": ("devices", ("type",)),
    "device_create": ("device_create", ("config",)),
    "device_configure": ("device_configure", ("config", "dev")),
    "sched_credit_get": ("domain_sched_credit_get", ()),
    "sched_credit_set": ("domain_sched_credit_set", ("weight", "cap")),
    "cpu_sedf_get": ("cpu_sedf_get", ()),
    "cpu_sedf_set": (
        "cpu_sedf_set",
        ("period", "slice", "latency", "extratime", "weight"),
    ),
}
#: Only from 3.0.4, and from 3.1 on.
_MANAGED = frozenset({"delete", "start"})
_FROM_31 = frozenset({"send_trigger"})


def answer(host: XendHost, request: Request) -> Reply:
    """Answer one call."""
    host.requests += 1
    if request.method != "POST":
        return Reply(501, f"Unsupported method ('{request.method}')", b"", "text/html")
    try:
        arguments, method = xmlrpc.client.loads(request.body, use_builtin_types=True)
        result = _call(host, method or "", list(arguments))
        body = xmlrpc.client.dumps((result,), methodresponse=True, allow_none=True)
    except UnknownGuest as exc:
        body = xmlrpc.client.dumps(xmlrpc.client.Fault(3, exc.key))
    except XendFailure as exc:
        body = xmlrpc.client.dumps(xmlrpc.client.Fault(2, str(exc)))
    except (ExpatError, ValueError, TypeError, LookupError, xmlrpc.client.Error) as exc:
        body = xmlrpc.client.dumps(xmlrpc.client.Fault(1, f"{type(exc).__name__}: {exc}"))
    return Reply(200, "OK", body.encode("utf-8", "surrogatepass"), "text/xml")


def _call(host: XendHost, method: str, given: list[Any]) -> Any:
    with host.request():
        special = _SPECIAL.get(method)
        if special is not None:
            return special(host, given)
        name = method.removeprefix("xend.domain.")
        if name == method or (
            name not in _DOMAIN and name not in ("dump", "migrate", "destroyDevice")
        ):
            raise XendFailure(f'method "{method}" is not supported')
        return _operate(host, name, given)


def _operate(host: XendHost, name: str, given: list[Any]) -> Any:
    made_as = host.made_as
    missing = (name in _MANAGED and not made_as.managed) or (
        name in _FROM_31 and made_as.version[:2] < (3, 1)
    )
    if missing:
        raise XendFailure(f'method "xend.domain.{name}" is not supported')
    op, names = _signature(host, name)
    host.arrived[op] += 1
    guest = host.find(str(given[0]))
    if len(given) - 1 > len(names):
        raise TypeError(f"takes at most {len(names) + 1} arguments ({len(given)} given)")
    values = dict(zip(names, given[1:], strict=False))
    try:
        return carry_out(host, guest, op, values)
    except XenparleyError as exc:
        raise XendFailure(str(exc)) from exc


def _signature(host: XendHost, name: str) -> tuple[str, tuple[str, ...]]:
    if name == "dump":
        return "dump", ("file", "live", *host.made_as.demanded("dump"))
    if name == "migrate":
        return "migrate", ("destination", "live", *host.made_as.demanded("migrate"))
    if name == "destroyDevice":
        return "device_destroy", ("type", "dev", *host.made_as.demanded("device_destroy"))
    return _DOMAIN[name]


def _create(host: XendHost, given: list[Any]) -> Any:
    host.arrived["create"] += 1
    try:
        return host.shown(host.create(given[0]), new=True)
    except XenparleyError as exc:
        raise XendFailure(f"Error creating domain: {exc}") from exc


def _new(host: XendHost, given: list[Any]) -> None:
    if not host.made_as.managed:
        raise XendFailure('method "xend.domain.new" is not supported')
    host.arrived["new"] += 1
    try:
        host.define(given[0])
    except XenparleyError as exc:
        raise XendFailure(f"Error creating domain: {exc}") from exc


def _restore(host: XendHost, given: list[Any]) -> Any:
    host.arrived["restore"] += 1
    paused = len(given) > 1 and given[1] is True
    try:
        return host.shown(restore(host, given[0], paused=paused))
    except XenparleyError as exc:
        raise XendFailure(str(exc)) from exc


def _domains(host: XendHost, given: list[Any]) -> Any:
    if given and given[0]:
        return [host.shown(guest) for guest in host.listed()]
    return [host.title(guest) for guest in host.listed()]


def _with_state(host: XendHost, given: list[Any]) -> Any:
    if not host.made_as.managed:
        raise XendFailure('method "xend.domains_with_state" is not supported')
    guests = host.listed(given[1])
    if given[0]:
        return [host.shown(guest) for guest in guests]
    return [host.title(guest) for guest in guests]


def _dmesg(host: XendHost, given: list[Any]) -> str:
    ring = f"Xen version {host.made_as.release}\n(XEN) simulated\n"
    # From 3.0.3 on texts are sent with Python's escapes.
    return ring if host.made_as.format is None else repr(ring)[1:-1]


_SPECIAL: dict[str, Callable[[XendHost, list[Any]], Any]] = {
    "xend.node.info": lambda host, given: host.node(),
    "xend.node.dmesg.info": _dmesg,
    "xend.domains": _domains,
    "xend.domains_with_state": _with_state,
    "xend.domain": lambda host, given: host.shown(host.find(str(given[0]))),
    "xend.domain.create": _create,
    "xend.domain.new": _new,
    "xend.domain.restore": _restore,
}
