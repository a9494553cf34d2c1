"""Names and arguments of XenD's XML-RPC methods, for the operations that HTTP names.

``xend.domain.X`` is XendDomain's ``domain_X``; a few are methods of the domain itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from xenparley_xend.doors import Value

if TYPE_CHECKING:
    from xenparley_xend.release import Release

__all__ = ["METHODS"]

_Given = dict[str, Value]
_Arguments = Callable[[_Given, "Release | None"], tuple[Any, ...]]


def _plain(*names: str) -> _Arguments:
    """The named parameters, in this order."""
    return lambda given, _: tuple(given[name] for name in names)


def _since(release: Release | None, version: tuple[int, int], format_: int = 4) -> bool:
    if release is None:
        return False
    return release.format >= format_ and (release.version.major, release.version.minor) >= version


def _dump(given: _Given, release: Release | None) -> tuple[Any, ...]:
    """file, live; from 3.0.4 crash, from 3.4 reset."""
    arguments: list[Any] = [given["file"], bool(given["live"])]
    if release is not None and release.manages:
        arguments.append(bool(given["crash"]))
    if _since(release, (3, 4)):
        arguments.append(bool(given["reset"]))
    return tuple(arguments)


def _migrate(given: _Given, release: Release | None) -> tuple[Any, ...]:
    """destination, live; up to 3.2 resource, port; then port, node, ssl; from 4.0 home server."""
    arguments: list[Any] = [given["destination"], bool(given["live"])]
    if not _since(release, (3, 3)):
        return (*arguments, given["resource"], given["port"])
    arguments += [given["port"], given["node"], bool(given["ssl"])]
    if _since(release, (4, 0)):
        arguments.append(bool(given["change_home_server"]))
    return tuple(arguments)


def _pin(given: _Given, release: Release | None) -> tuple[Any, ...]:
    """Up to 3.3 a list of CPUs, then text."""
    cpus = str(given["cpumap"])
    if _since(release, (3, 4)):
        return given["vcpu"], cpus
    return given["vcpu"], [int(cpu) for cpu in cpus.split(",")]


def _destroy_device(given: _Given, release: Release | None) -> tuple[Any, ...]:
    """type, dev; from 3.3 force and rm_cfg."""
    arguments = (given["type"], given["dev"])
    if _since(release, (3, 3)):
        return (*arguments, bool(given["force"]), bool(given["rm_cfg"]))
    return arguments


METHODS: Mapping[str, tuple[str, _Arguments]] = MappingProxyType(
    {
        "pause": ("xend.domain.pause", _plain()),
        "unpause": ("xend.domain.unpause", _plain()),
        "destroy": ("xend.domain.destroy", _plain()),
        "delete": ("xend.domain.delete", _plain()),
        "start": ("xend.domain.start", lambda given, _: (bool(given["paused"]),)),
        "shutdown": ("xend.domain.shutdown", _plain("reason")),
        "rename": ("xend.domain.setName", _plain("name")),
        "sysrq": ("xend.domain.send_sysrq", _plain("key")),
        "send_trigger": ("xend.domain.send_trigger", _plain("trigger", "vcpu")),
        "wait_for_devices": ("xend.domain.waitForDevices", _plain()),
        "save": ("xend.domain.save", _plain("file")),
        "dump": ("xend.domain.dump", _dump),
        "migrate": ("xend.domain.migrate", _migrate),
        "pincpu": ("xend.domain.pincpu", _pin),
        "maxmem_set": ("xend.domain.maxmem_set", _plain("memory")),
        "mem_target_set": ("xend.domain.setMemoryTarget", _plain("target")),
        "set_vcpus": ("xend.domain.setVCpuCount", _plain("vcpus")),
        "vcpuinfo": ("xend.domain.getVCPUInfo", _plain()),
        "devices": ("xend.domain.getDeviceSxprs", _plain("type")),
        "device_create": ("xend.domain.device_create", _plain("config")),
        "device_configure": ("xend.domain.device_configure", _plain("config", "dev")),
        "device_destroy": ("xend.domain.destroyDevice", _destroy_device),
        "domain_sched_credit_get": ("xend.domain.sched_credit_get", _plain()),
        "domain_sched_credit_set": ("xend.domain.sched_credit_set", _plain("weight", "cap")),
        "domain_sched_credit2_get": ("xend.domain.sched_credit2_get", _plain()),
        "domain_sched_credit2_set": ("xend.domain.sched_credit2_set", _plain("weight")),
        "cpu_sedf_get": ("xend.domain.cpu_sedf_get", _plain()),
        "cpu_sedf_set": (
            "xend.domain.cpu_sedf_set",
            _plain("period", "slice", "latency", "extratime", "weight"),
        ),
    }
)
