"""The one list of what a channel can offer.

The planner, the contract kit, ``explain`` and the documentation all use :class:`Capability` and
:data:`SPECS`. The list is closed: third parties propose new members.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["SPECS", "Capability", "CapabilitySpec", "Role"]


class Role(Enum):
    """A port; the value is the module in ``xenparley.ports`` that has its Protocol."""

    INVENTORY = "inventory"
    LIFECYCLE = "lifecycle"
    DEFINITIONS = "definitions"
    MEMORY = "memory"
    VCPUS = "vcpus"
    SCHEDULER = "scheduler"
    DEVICES = "devices"
    STATISTICS = "statistics"
    HOST = "host"
    EVENTS = "events"
    CONSOLE = "console"
    IMAGES = "images"
    MIGRATION = "migration"


class Capability(Enum):
    """One thing that a channel may be able to do; the value is its name for people."""

    LIST_LIVE = "list-live"
    LIST_DEFINED = "list-defined"
    FIND_LIVE = "find-live"
    FIND_DEFINED = "find-defined"
    CREATE = "create"
    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    DESTROY = "destroy"
    RENAME = "rename"
    TRIGGER = "trigger"
    READ_DEFINED = "read-defined"
    READ_LIVE = "read-live"
    DEFINE = "define"
    UNDEFINE = "undefine"
    SET_AUTOSTART = "set-autostart"
    MEMORY = "memory"
    SET_MEMORY_TARGET = "set-memory-target"
    SET_MEMORY_MAXIMUM = "set-memory-maximum"
    VCPUS = "vcpus"
    SET_VCPUS = "set-vcpus"
    PIN_VCPU = "pin-vcpu"
    SCHEDULER = "scheduler"
    SCHEDULER_PARAMETERS = "scheduler-parameters"
    SET_SCHEDULER_PARAMETERS = "set-scheduler-parameters"
    DEVICES = "devices"
    ATTACH_DEVICE = "attach-device"
    DETACH_DEVICE = "detach-device"
    CHANGE_MEDIA = "change-media"
    CPU_TIME = "cpu-time"
    UPTIME = "uptime"
    BLOCK_STATS = "block-stats"
    INTERFACE_STATS = "interface-stats"
    HOST_INFO = "host-info"
    HOST_CAPABILITIES = "host-capabilities"
    NUMA_NODES = "numa-nodes"
    CONSOLE_RING = "console-ring"
    CPUPOOLS = "cpupools"
    EVENTS = "events"
    CONSOLES = "consoles"
    DISPLAYS = "displays"
    SAVE = "save"
    RESTORE = "restore"
    DUMP = "dump"
    MIGRATE = "migrate"


class CapabilitySpec(NamedTuple):
    """What a capability is: the port and method that carry it, and what it does to the host.

    ``command`` is false for reads. ``once`` marks the commands that must be sent at most once,
    since a second one would hit another guest or state (all that change are; these destroy).
    """

    role: Role
    method: str
    command: bool
    once: bool
    summary: str


def _read(role: Role, method: str, summary: str) -> CapabilitySpec:
    return CapabilitySpec(role, method, False, False, summary)


def _command(role: Role, method: str, summary: str) -> CapabilitySpec:
    return CapabilitySpec(role, method, True, False, summary)


def _once(role: Role, method: str, summary: str) -> CapabilitySpec:
    return CapabilitySpec(role, method, True, True, summary)


C = Capability
R = Role

SPECS: MappingProxyType[Capability, CapabilitySpec] = MappingProxyType(
    {
        C.LIST_LIVE: _read(R.INVENTORY, "list_live", "list living guests"),
        C.LIST_DEFINED: _read(R.INVENTORY, "list_defined", "list definitions"),
        C.FIND_LIVE: _read(R.INVENTORY, "find_live", "look a living guest up"),
        C.FIND_DEFINED: _read(R.INVENTORY, "find_defined", "look a definition up"),
        C.CREATE: _once(R.LIFECYCLE, "create", "make and start a guest without defining it"),
        C.START: _once(R.LIFECYCLE, "start", "start a guest that this channel defines"),
        C.PAUSE: _command(R.LIFECYCLE, "pause", "take a guest off its CPUs"),
        C.UNPAUSE: _command(R.LIFECYCLE, "unpause", "let a paused guest run"),
        C.SHUTDOWN: _command(R.LIFECYCLE, "shutdown", "ask a guest to power off"),
        C.REBOOT: _once(R.LIFECYCLE, "reboot", "ask a guest to reboot"),
        C.DESTROY: _once(R.LIFECYCLE, "destroy", "end a guest at once"),
        C.RENAME: _command(R.LIFECYCLE, "rename", "give a guest another name"),
        C.TRIGGER: _once(R.LIFECYCLE, "trigger", "press a button or a SysRq key"),
        C.READ_DEFINED: _read(R.DEFINITIONS, "read_defined", "read a definition"),
        C.READ_LIVE: _read(R.DEFINITIONS, "read_live", "read a living guest's configuration"),
        C.DEFINE: _command(R.DEFINITIONS, "define", "define a guest"),
        C.UNDEFINE: _once(R.DEFINITIONS, "undefine", "remove a definition"),
        C.SET_AUTOSTART: _command(
            R.DEFINITIONS, "set_autostart", "start a guest with the host, or not"
        ),
        C.MEMORY: _read(R.MEMORY, "memory", "read a guest's memory sizes"),
        C.SET_MEMORY_TARGET: _command(R.MEMORY, "set_target", "ask the balloon for a size"),
        C.SET_MEMORY_MAXIMUM: _command(R.MEMORY, "set_maximum", "limit a guest's memory"),
        C.VCPUS: _read(R.VCPUS, "vcpus", "read virtual CPUs"),
        C.SET_VCPUS: _command(R.VCPUS, "set_vcpus", "set how many virtual CPUs are online"),
        C.PIN_VCPU: _command(R.VCPUS, "pin_vcpu", "bind a virtual CPU to host CPUs"),
        C.SCHEDULER: _read(R.SCHEDULER, "scheduler_name", "name the scheduler"),
        C.SCHEDULER_PARAMETERS: _read(
            R.SCHEDULER, "parameters", "read a guest's scheduling parameters"
        ),
        C.SET_SCHEDULER_PARAMETERS: _command(
            R.SCHEDULER, "set_parameters", "change a guest's scheduling parameters"
        ),
        C.DEVICES: _read(R.DEVICES, "devices", "list a living guest's devices"),
        C.ATTACH_DEVICE: _once(R.DEVICES, "attach", "plug a device in"),
        C.DETACH_DEVICE: _once(R.DEVICES, "detach", "unplug a device"),
        C.CHANGE_MEDIA: _command(R.DEVICES, "change_media", "change a CD-ROM or floppy"),
        C.CPU_TIME: _read(R.STATISTICS, "cpu_time_ns", "read a guest's CPU time"),
        C.UPTIME: _read(R.STATISTICS, "uptime_s", "read how long a guest has lived"),
        C.BLOCK_STATS: _read(R.STATISTICS, "block_stats", "read disk statistics"),
        C.INTERFACE_STATS: _read(R.STATISTICS, "interface_stats", "read interface statistics"),
        C.HOST_INFO: _read(R.HOST, "host_info", "read facts about the host"),
        C.HOST_CAPABILITIES: _read(
            R.HOST, "host_capabilities", "read what guests the host can run"
        ),
        C.NUMA_NODES: _read(R.HOST, "numa_nodes", "read NUMA nodes and their free memory"),
        C.CONSOLE_RING: _read(R.HOST, "console_ring", "read the hypervisor's messages"),
        C.CPUPOOLS: _read(R.HOST, "cpupools", "list CPU pools"),
        C.EVENTS: _read(R.EVENTS, "subscribe", "be told of changes"),
        C.CONSOLES: _read(R.CONSOLE, "consoles", "find a guest's consoles"),
        C.DISPLAYS: _read(R.CONSOLE, "displays", "find a guest's displays"),
        C.SAVE: _once(R.IMAGES, "save", "save a guest to a file"),
        C.RESTORE: _once(R.IMAGES, "restore", "restore a saved guest"),
        C.DUMP: _command(R.IMAGES, "dump", "write a guest's core dump"),
        C.MIGRATE: _once(R.MIGRATION, "migrate", "move a guest to another host"),
    }
)
