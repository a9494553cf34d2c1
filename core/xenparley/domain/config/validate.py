"""Whether a configuration can be a guest at all, whatever the host: pure, all problems at once.

Places are paths as in domain XML (``devices/disk[2]/target``), counted from 1. What only some
hosts refuse (a device kind, a feature) is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import fields, has

from xenparley.domain.config import checks
from xenparley.domain.config.extra import Extra
from xenparley.domain.config.guest import Boot, Clock, GuestConfig
from xenparley.domain.config.validate_devices import devices
from xenparley.domain.errors import ConfigError, InvalidInput, Problem
from xenparley.domain.identity import canonical_uuid, check_domid, check_name, is_uuid

__all__ = ["ACTIONS", "MAX_VCPUS", "check", "validate"]

#: Lifecycle actions, in libvirt's spelling.
ACTIONS = (
    "destroy",
    "restart",
    "rename-restart",
    "preserve",
    "coredump-destroy",
    "coredump-restart",
    "soft-reset",
)
#: MAX_VIRT_CPUS of xen/include/public for x86 and Arm is at most 8192.
MAX_VCPUS = 8192
#: Xen counts memory in pages with 52 bits of address: 4 PiB, in KiB.
MAX_MEMORY_KIB = 1 << 42
#: MAX_GUEST_CMDLINE of xen/include/public/xen.h is 1024 with its NUL.
_MAX_PV_CMDLINE = 1023
_VIRTS = ("pv", "hvm", "pvh")
_BOOT_DEVICES = ("fd", "hd", "cdrom", "network")
_OFFSETS = ("utc", "localtime", "variable", "timezone", "absolute")
_MAX_PROBLEMS = 1000


def validate(config: GuestConfig) -> tuple[Problem, ...]:
    """Return everything that is wrong with the configuration; nothing if it can be a guest."""
    found: list[Problem] = []
    for problem in _all(config):
        if len(found) == _MAX_PROBLEMS:
            found.append(Problem("", "and more problems, which are not listed"))
            break
        found.append(problem)
    return tuple(found)


def check(config: GuestConfig) -> GuestConfig:
    """Return the configuration, or raise ConfigError with everything that is wrong with it."""
    problems = validate(config)
    if problems:
        raise ConfigError(problems)
    return config


def _all(config: GuestConfig) -> Iterator[Problem]:
    yield from _identity(config)
    yield from _memory(config)
    yield from _vcpus(config)
    yield from _boot(config.boot, control=config.domid == 0)
    names = [(f"features/{f.name}", f.name) for f in config.features]
    yield from checks.repeated(names, str)
    if config.clock is not None:
        yield from _clock(config.clock)
    for name in ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"):
        action = getattr(config, name)
        if action is not None and (wrong := checks.one_of(action, ACTIONS)):
            yield Problem(name, wrong)
    yield from devices(config)
    yield from _nuls(config, "")


def _identity(config: GuestConfig) -> Iterator[Problem]:
    try:
        check_name(config.name)
    except InvalidInput as exc:
        yield Problem("name", exc.message)
    if config.uuid is not None:
        if not is_uuid(config.uuid):
            yield Problem("uuid", f"not a UUID: {checks.quoted(config.uuid)}")
        elif config.uuid != canonical_uuid(config.uuid):
            yield Problem("uuid", f"not in canonical form: {checks.quoted(config.uuid)}")
    if config.domid is not None:
        try:
            check_domid(config.domid)
        except InvalidInput as exc:
            yield Problem("@id", exc.message)
    if config.title is not None and "\n" in config.title:
        yield Problem("title", "a title is one line")


def _memory(config: GuestConfig) -> Iterator[Problem]:
    if config.memory_kib <= 0:
        yield Problem("memory", f"a guest needs memory, not {config.memory_kib} KiB")
    if config.maximum_kib < config.memory_kib:
        yield Problem(
            "memory",
            f"the maximum, {config.maximum_kib} KiB, is below the {config.memory_kib} KiB "
            "at the start",
        )
    if max(config.maximum_kib, config.memory_kib) > MAX_MEMORY_KIB:
        yield Problem("memory", f"more than {MAX_MEMORY_KIB} KiB")


def _vcpus(config: GuestConfig) -> Iterator[Problem]:
    vcpus = config.vcpus
    if wrong := checks.within(vcpus.maximum, 1, MAX_VCPUS):
        yield Problem("vcpu", wrong)
    if vcpus.current is not None and (wrong := checks.within(vcpus.current, 1, vcpus.maximum)):
        yield Problem("vcpu/@current", wrong)
    if vcpus.cpuset is not None and (wrong := checks.check_cpuset(vcpus.cpuset)):
        yield Problem("vcpu/@cpuset", wrong)
    # xen/include/public/domctl.h: weight and cap are 16 bits wide, 0 is no weight
    if vcpus.weight is not None and (wrong := checks.within(vcpus.weight, 1, 65535)):
        yield Problem("weight", wrong)
    if vcpus.cap is not None and (wrong := checks.within(vcpus.cap, 0, 65535)):
        yield Problem("cap", wrong)
    places = [(f"cputune/vcpupin[{n}]", pin) for n, pin in enumerate(vcpus.pins, 1)]
    for place, pin in places:
        if wrong := checks.within(pin.vcpu, 0, max(vcpus.maximum - 1, 0)):
            yield Problem(f"{place}/@vcpu", wrong)
        if wrong := checks.check_cpuset(pin.cpuset):
            yield Problem(f"{place}/@cpuset", wrong)
    yield from checks.repeated(((p, pin.vcpu) for p, pin in places), lambda n: f"vcpu {n}")


def _boot(boot: Boot, *, control: bool) -> Iterator[Problem]:
    if wrong := checks.one_of(boot.virt, _VIRTS):
        yield Problem("os/type", wrong)
    if not control:
        if boot.virt == "pv" and not boot.kernel and boot.bootloader is None:
            yield Problem("os", "a paravirtualised guest needs a kernel or a bootloader")
        if boot.virt == "pvh" and not (boot.kernel or boot.bootloader or boot.firmware):
            yield Problem("os", "a PVH guest needs a kernel, a bootloader or firmware")
    if boot.initrd and not boot.kernel:
        yield Problem("os/initrd", "an initrd needs a kernel")
    if boot.virt == "pv" and boot.cmdline is not None:
        size = len(boot.cmdline.encode("utf-8", "replace"))
        if size > _MAX_PV_CMDLINE:
            yield Problem("os/cmdline", f"has {size} bytes, at most {_MAX_PV_CMDLINE} fit")
    for number, device in enumerate(boot.devices, 1):
        if wrong := checks.one_of(device, _BOOT_DEVICES):
            yield Problem(f"os/boot[{number}]", wrong)
    order = ((f"os/boot[{n}]", dev) for n, dev in enumerate(boot.devices, 1))
    yield from checks.repeated(order, str)
    paths = {
        "os/kernel": boot.kernel,
        "os/initrd": boot.initrd,
        "os/nvram": boot.nvram,
        "os/loader": None if boot.loader is None else boot.loader.path,
        "bootloader": boot.bootloader,
    }
    for place, path in paths.items():
        if path is not None and (wrong := checks.check_path(path)):
            yield Problem(place, wrong)


def _clock(clock: Clock) -> Iterator[Problem]:
    if clock.offset is not None and (wrong := checks.one_of(clock.offset, _OFFSETS)):
        yield Problem("clock/@offset", wrong)
    if clock.basis is not None and (wrong := checks.one_of(clock.basis, ("utc", "localtime"))):
        yield Problem("clock/@basis", wrong)
    if clock.adjustment is not None and clock.adjustment != "reset":
        digits = clock.adjustment.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            shown = checks.quoted(clock.adjustment)
            yield Problem("clock/@adjustment", f"neither seconds nor 'reset': {shown}")
    names = ((f"clock/timer[{n}]", timer.name) for n, timer in enumerate(clock.timers, 1))
    yield from checks.repeated(names, lambda name: f"timer {checks.quoted(str(name))}")


def _nuls(part: object, place: str) -> Iterator[Problem]:
    """Find NULs in any text: no host's interface can carry them."""
    for attribute in fields(type(part)):  # type: ignore[arg-type]
        value = getattr(part, attribute.name)
        where = f"{place}/{attribute.name}" if place else attribute.name
        entries = value if isinstance(value, tuple) else (value,)
        for number, entry in enumerate(entries, 1):
            here = f"{where}[{number}]" if isinstance(value, tuple) else where
            if isinstance(entry, str):
                if "\0" in entry:
                    yield Problem(here, "a NUL character")
            elif has(type(entry)) and not isinstance(entry, Extra):
                yield from _nuls(entry, here)
