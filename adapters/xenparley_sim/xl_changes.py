"""The subcommands of the fake xl that change something."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xenparley_sim.xl_commands import find, options
from xenparley_sim.xl_main import Stop

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.config.devices import Disk, Interface
    from xenparley_sim.xl_main import Xl

__all__ = ["COMMANDS"]

_UNITS = {"b": 1 / 1024, "k": 1, "m": 1024, "g": 1024**2, "t": 1024**3}


def _create(xl: Xl, arguments: list[str]) -> None:
    given, rest = options(xl, arguments, "pqndceFf:")
    path = given.get("-f") or (rest[0] if rest else "")
    if "-q" not in given:
        xl.err.append(f"Parsing config from {path}")
    config = _read_config(path)
    if "-n" in given:
        return
    if any(d.name == config.name and not d.dying for d in xl.host.domains()):
        raise Stop(
            3, f'libxl: error: libxl_create.c: A domain with name "{config.name}" already exists.'
        )
    # xl looks at no UUID.
    xl.host.create(config, paused="-p" in given, even_twice=True)


def _read_config(path: str) -> GuestConfig:
    from xenparley.domain.errors import XenparleyError
    from xenparley_formats.xl_format import read

    try:
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError as exc:
        raise Stop(1, f"Failed to read config file: {path}: {exc.strerror}") from exc
    try:
        return read(data, source=path, strict=False, options={}).config  # type: ignore[no-any-return]
    except XenparleyError as exc:
        raise Stop(1, f"{exc.message}\nFailed to parse config: Invalid argument") from exc


def _pause(xl: Xl, arguments: list[str]) -> None:
    xl.host.pause(find(xl, arguments[0]).domid)


def _unpause(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    if not domain.pauses:
        # The result is ignored in xl's source.
        xl.err.append(f"libxl: error: Domain {domain.domid}:unpausing domain: Invalid argument")
        return
    xl.host.unpause(domain.domid)


def _destroy(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    if domain.domid == 0:
        raise Stop(255, "Cannot destroy privileged domain 0.\n")
    if domain.dying:
        # It cleans up, and complains.
        raise Stop(
            1, f"libxl: error: Domain {domain.domid}:xc_domain_pause failed\ndestroy failed (rc=-3)"
        )
    xl.host.destroy(domain.domid)


def _ask(word: str, wish: str) -> Callable[[Xl, list[str]], None]:
    def ask(xl: Xl, arguments: list[str]) -> None:
        given, rest = options(xl, arguments, "wFa" if xl.release >= (4, 2) else "w")
        domain = find(xl, rest[0])
        said = "Shutting down" if word == "shutdown" else "Rebooting"
        if xl.release >= (4, 2):
            xl.err.append(f"{said} domain {domain.domid}")
        if domain.domid in xl.said("no_pv"):
            if xl.release < (4, 2):
                raise Stop(
                    255, f"HVM domain without PV drivers: graceful {word} not possible, use destroy"
                )
            button = "power" if word == "shutdown" else "reset"
            if "-F" not in given:
                xl.err.append(
                    f"PV control interface not available: external graceful {word} not possible."
                )
                raise Stop(
                    1, f'Use "-F" to fallback to ACPI {button} event.\n{word} failed (rc=-11)'
                )
            xl.err.append(
                f"PV control interface not available: sending ACPI {button} button event."
            )
        xl.host.request(domain.domid, wish)

    return ask


def _rename(xl: Xl, arguments: list[str]) -> None:
    _, rest = options(xl, arguments, "")
    domain = find(xl, rest[0])
    if any(d.name == rest[1] and d.domid != domain.domid for d in xl.host.domains()):
        raise Stop(1, f'libxl: error: Domain with name "{rest[1]}" already exists.')
    xl.host.rename(domain.domid, rest[1])


def _trigger(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    if arguments[1] not in ("power", "sleep", "nmi", "init", "reset", "s3resume"):
        raise Stop(1, f'Invalid trigger "{arguments[1]}"')
    if domain.virt != "hvm":
        raise Stop(1, f"libxl: error: Domain {domain.domid}:Send trigger '{arguments[1]}' failed")
    if arguments[1] == "power":
        xl.host.request(domain.domid, "poweroff")
    elif arguments[1] == "reset":
        xl.host.stop(domain.domid, 1)


def _sysrq(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    reason = {"b": 1, "c": 3, "o": 0}.get(arguments[1])
    if reason is not None:
        xl.host.stop(domain.domid, reason)


def _kib(word: str) -> int:
    if word[-1:].isdigit():
        # A bare number is MiB in the code of every release.
        return int(word) * 1024
    return int(int(word[:-1]) * _UNITS[word[-1].lower()])


def _mem_set(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    kib = _kib(arguments[1])
    if 0 < domain.max_kib < kib:
        raise Stop(
            1,
            f"libxl: error: Domain {domain.domid}:memory_dynamic_max must be less than or equal "
            "to memory_static_max",
        )
    xl.host.set_target(domain.domid, kib)


def _mem_max(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    kib = _kib(arguments[1])
    if kib < domain.target_kib:
        raise Stop(
            1,
            f"libxl: error: Domain {domain.domid}:memory_static_max must be greater than or "
            f"equal to memory_dynamic_max\ncannot set domid {domain.domid} static max memory",
        )
    xl.host.set_maximum(domain.domid, kib)


def _vcpu_set(xl: Xl, arguments: list[str]) -> None:
    xl.host.set_vcpus(find(xl, arguments[0]).domid, int(arguments[1]))


def _vcpu_pin(xl: Xl, arguments: list[str]) -> None:
    cpus: set[int] = set()
    if arguments[2] == "all":
        cpus = set(range(xl.host.facts.cpus))
    else:
        for part in arguments[2].split(","):
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    xl.host.pin_vcpu(find(xl, arguments[0]).domid, int(arguments[1]), frozenset(cpus))


def _disk(word: str, virt: str) -> Disk:
    from xenparley_formats.xl_disks import read_disk

    return read_disk(word, hvm=virt == "hvm")


def _block_attach(xl: Xl, arguments: list[str]) -> None:
    domain = find(xl, arguments[0])
    xl.host.attach(domain.domid, _disk(",".join(arguments[1:]), domain.virt))


def _block_detach(xl: Xl, arguments: list[str]) -> None:
    from xenparley_sim.hardware import vbd_devid

    domain = find(xl, arguments[0])
    number = int(arguments[1]) if arguments[1].isdigit() else vbd_devid(arguments[1])
    for disk in xl.host.config(domain.domid).disks:
        if vbd_devid(disk.target) == number:
            xl.host.detach(domain.domid, disk)
            return
    raise Stop(1, f"Error: Device {arguments[1]} not connected.")


def _nic(words: list[str]) -> Interface:
    from xenparley.domain.config import Interface

    said = dict(word.split("=", 1) for word in words)
    return Interface(mac=said.get("mac"), source=said.get("bridge"), model=said.get("model"))


def _network_attach(xl: Xl, arguments: list[str]) -> None:
    xl.host.attach(find(xl, arguments[0]).domid, _nic(arguments[1:]))


def _network_detach(xl: Xl, arguments: list[str]) -> None:
    from xenparley.domain.config import Interface

    domain = find(xl, arguments[0])
    for device in xl.host.hardware(domain.domid).devices:
        if device.kind == "vif" and arguments[1] in (str(device.devid), device.name):
            xl.host.detach(domain.domid, Interface(mac=device.name))
            return
    raise Stop(1, f"Unknown device {arguments[1]}.")


def _cd_insert(xl: Xl, arguments: list[str]) -> None:
    _medium(xl, arguments[0], arguments[1], arguments[2])


def _cd_eject(xl: Xl, arguments: list[str]) -> None:
    _medium(xl, arguments[0], arguments[1], None)


def _medium(xl: Xl, word: str, target: str, path: str | None) -> None:
    from attrs import evolve

    from xenparley.domain.config import DiskSource
    from xenparley_sim import plugging
    from xenparley_sim.toolstack import live_config

    domid = find(xl, word).domid
    with xl.host.change() as tx:
        domain = tx.domain(domid)
        for disk in () if domain is None else live_config(tx, domain).disks:
            if domain is not None and disk.target == target and disk.device == "cdrom":
                plugging.change_media(tx, domain, evolve(disk, source=DiskSource(path=path)))
                return
    raise Stop(1, f"libxl: error: Domain {domid}:Virtual device not found")


COMMANDS: dict[str, Callable[[Xl, list[str]], int | None]] = {
    "create": _create,
    "pause": _pause,
    "unpause": _unpause,
    "destroy": _destroy,
    "shutdown": _ask("shutdown", "poweroff"),
    "reboot": _ask("reboot", "reboot"),
    "rename": _rename,
    "trigger": _trigger,
    "sysrq": _sysrq,
    "mem-set": _mem_set,
    "mem-max": _mem_max,
    "vcpu-set": _vcpu_set,
    "vcpu-pin": _vcpu_pin,
    "block-attach": _block_attach,
    "block-detach": _block_detach,
    "network-attach": _network_attach,
    "network-detach": _network_detach,
    "cd-insert": _cd_insert,
    "cd-eject": _cd_eject,
}
