"""What xend's S-expressions say of a guest itself: sizes, bootloader, actions, policy."""

from __future__ import annotations

from xenparley.domain.config import GuestConfig
from xenparley_formats.native_run import Unreadable, WriteLog, shown, unsaid
from xenparley_formats.native_words import cpu_list, online_mask, to_mib
from xenparley_formats.sxp_node import FORMAT
from xenparley_wire.sxp import Sexp

__all__ = ["actions", "bootloader", "policy", "sizes"]

_ACTIONS = ("destroy", "restart", "rename-restart", "preserve")
_CRASH = (*_ACTIONS, "coredump-destroy", "coredump-restart")
# one expression is at most 10000 bytes on its way to xend
_MAX_CPUS_TOLD = 20000


def sizes(config: GuestConfig, log: WriteLog, version: int) -> list[Sexp]:
    """Return memory in MiB, rounded up, and virtual CPUs."""
    for name, kib in (("currentMemory", config.memory_kib), ("memory", config.maximum_kib)):
        if kib % 1024:
            log.lose(name, f"{kib} KiB: xend counts in MiB, it would be rounded up")
    vcpus = config.vcpus
    found: list[Sexp] = [
        ["memory", str(to_mib(config.memory_kib))],
        ["maxmem", str(to_mib(config.maximum_kib))],
        ["vcpus", str(vcpus.maximum)],
    ]
    if vcpus.current is not None and vcpus.current < vcpus.maximum:
        found.append(["vcpu_avail", str(online_mask(vcpus.current))])
    if vcpus.placement not in (None, "static"):
        log.lose("vcpu/@placement", f"placement {shown(vcpus.placement)}")
    cpus = _cpus(config, log, version)
    return [*found, ["cpus", cpus]] if cpus else found


def _cpus(config: GuestConfig, log: WriteLog, version: int) -> Sexp | None:
    """Return the host's CPUs for all virtual CPUs, or since 3.1 a list for each."""
    vcpus = config.vcpus
    try:
        every = cpu_list(vcpus.cpuset) if vcpus.cpuset else ()
        pins: dict[int, tuple[int, ...]] = {}
        told = len(every) * vcpus.maximum
        for pin in vcpus.pins:
            if told > _MAX_CPUS_TOLD:
                break
            pins[pin.vcpu] = cpu_list(pin.cpuset)
            told += len(pins[pin.vcpu])
    except Unreadable as exc:
        log.lose("vcpu/@cpuset", exc.message)
        return None
    for number, pin in enumerate(vcpus.pins, 1):
        unsaid(log, f"cputune/vcpupin[{number}]", pin, ("vcpu", "cpuset"), FORMAT)
        if not 0 <= pin.vcpu < vcpus.maximum:
            log.lose(f"cputune/vcpupin[{number}]", "a virtual CPU that the guest doesn't have")
    if vcpus.pins and version < 4:
        log.lose("cputune", "CPUs for each virtual CPU")
        pins = {}
    if vcpus.pins and told > _MAX_CPUS_TOLD and version >= 4:
        log.lose("cputune", "more CPUs than xend takes in one configuration")
        pins = {}
    if not pins:
        return vcpus.cpuset or None
    return [[str(cpu) for cpu in pins.get(number, every)] for number in range(vcpus.maximum)]


def bootloader(config: GuestConfig, log: WriteLog) -> list[Sexp]:
    """Return the bootloader and its arguments; an empty one is the host's default."""
    boot = config.boot
    found: list[Sexp] = []
    if boot.bootloader is not None:
        if config.virt == "hvm":
            log.lose("bootloader", "a bootloader of an hvm guest")
        else:
            found.append(["bootloader", boot.bootloader] if boot.bootloader else ["bootloader"])
    if boot.bootloader_args:
        found.append(["bootloader_args", boot.bootloader_args])
    return found


def actions(config: GuestConfig, log: WriteLog) -> list[Sexp]:
    """Return what happens when the guest ends; xend knows less of it than Xen."""
    found: list[Sexp] = []
    for name in ("on_poweroff", "on_reboot", "on_crash"):
        action = getattr(config, name)
        if action is None:
            continue
        if action not in (_CRASH if name == "on_crash" else _ACTIONS):
            log.lose(name, f"action {shown(action)}")
            continue
        found.append([name, action])
    return found


def policy(config: GuestConfig, log: WriteLog, version: int) -> list[Sexp]:
    """Return what libvirt leaves out: scheduler, pool, start with the host."""
    found: list[Sexp] = []
    if config.vcpus.weight is not None:
        found.append(["cpu_weight", str(config.vcpus.weight)])
    if config.vcpus.cap is not None:
        if version >= 3:
            found.append(["cpu_cap", str(config.vcpus.cap)])
        elif config.vcpus.cap:
            log.lose("cap", "a cap: xend has it since 3.0.4")
    if config.cpupool:
        if version >= 4:
            found.append(["pool_name", config.cpupool])
        else:
            log.lose("cpupool", "CPU pools: Xen has them since 4.1")
    if config.autostart is not None:
        if version >= 3:
            found.append(["on_xend_start", "start" if config.autostart else "ignore"])
        elif config.autostart:
            log.lose("autostart", "starting with the host: xend does it since 3.0.4")
    if config.balloon is not None:
        unsaid(log, "devices/memballoon", config.balloon, ("model",), FORMAT)
        if config.balloon.model != "xen":
            log.lose("devices/memballoon", "a guest without the memory balloon")
    return found
