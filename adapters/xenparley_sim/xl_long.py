"""What the fake xl prints for `list -l`: JSON, or the older notation that looks like XenD's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenparley.domain.config import Disk, GuestConfig, Interface
    from xenparley_sim.domain import Domain
    from xenparley_sim.xl_main import Xl

__all__ = ["libxl_object", "print_long"]


def print_long(xl: Xl, domains: list[Domain]) -> None:
    """Print `xl list -l`: Domain 0 since 4.5, no guest whose configuration isn't kept."""
    chosen = []
    for domain in domains:
        if domain.domid in xl.said("no_config") or domain.dying:
            continue
        if domain.domid == 0 and xl.release < (4, 5):
            continue
        chosen.append(domain)
    if xl.release < (4, 2):
        for domain in chosen:
            _print_sxp(xl, domain, xl.host.config(domain.domid))
        return
    entries = [
        {"domid": d.domid, "config": libxl_object(_config(xl, d), d, xl.release)} for d in chosen
    ]
    # yajl indents with four blanks; json-c (4.22) has its own way.
    xl.print(json.dumps(entries, indent=2 if xl.release >= (4, 22) else 4))


def _config(xl: Xl, domain: Domain) -> GuestConfig | None:
    return None if domain.domid == 0 else xl.host.config(domain.domid)


def libxl_object(
    config: GuestConfig | None, domain: Domain, release: tuple[int, int]
) -> dict[str, Any]:
    """Return a libxl_domain_config. From 4.5 on sizes are those of now, before as it was made."""
    if config is None:
        return {
            "c_info": {"type": "pv", "name": domain.name},
            "b_info": {"target_memkb": domain.target_kib},
        }
    now = release >= (4, 5)
    boot = config.boot
    build: dict[str, Any] = {
        "max_vcpus": domain.max_vcpus,
        "avail_vcpus": list(range(domain.vcpus)),
        "max_memkb": domain.max_kib if now else config.maximum_kib,
        "target_memkb": domain.target_kib if now else domain.boot_kib,
        "sched_params": {"weight": domain.weight, "cap": domain.cap},
    }
    kind: dict[str, Any] = {}
    place = build if release >= (4, 7) or config.virt == "pvh" else kind
    for key, value in (
        ("kernel", boot.kernel),
        ("ramdisk", boot.initrd),
        ("cmdline", boot.cmdline),
        ("bootloader", boot.bootloader),
    ):
        if value:
            place[key] = value
    if config.virt == "hvm":
        kind["vnc"] = {"enable": "True" if config.graphics else "False", "findunused": "True"}
        for display in config.graphics:
            if display.type == "vnc" and display.port:
                kind["vnc"] = {
                    "enable": "True",
                    "listen": display.listen or "127.0.0.1",
                    "display": display.port - 5900,
                    "findunused": "False",
                }
        kind["boot"] = "".join(
            {"hd": "c", "cdrom": "d", "network": "n"}.get(d, "") for d in boot.devices
        )
    build[f"type.{config.virt}"] = kind
    held: dict[str, Any] = {
        "c_info": {
            "type": config.virt,
            "name": domain.name,
            "uuid": domain.handle,
            "run_hotplug_scripts": "True",
        },
        "b_info": build,
        "disks": [_disk(disk) for disk in config.disks],
        "nics": [_nic(number, nic) for number, nic in enumerate(config.interfaces)],
        "on_reboot": (config.on_reboot or "restart").replace("-", "_"),
    }
    if config.on_crash:
        held["on_crash"] = config.on_crash.replace("-", "_")
    return held


def _disk(disk: Disk) -> dict[str, Any]:
    held: dict[str, Any] = {"vdev": disk.target, "format": disk.format or "raw"}
    if disk.source.path:
        held["pdev_path"] = disk.source.path
    held["backend"] = {"phy": "phy", "tap": "tap"}.get(disk.driver or "", "qdisk")
    held["readwrite"] = 0 if disk.readonly else 1
    if disk.device == "cdrom":
        held["is_cdrom"] = 1
        held["removable"] = 1
    return held


def _nic(number: int, nic: Interface) -> dict[str, Any]:
    return {"devid": number, "mac": nic.mac, "bridge": nic.source, "nictype": "vif"}


def _print_sxp(xl: Xl, domain: Domain, config: GuestConfig) -> None:
    hvm = int(config.virt == "hvm")
    lines = [
        "(domain",
        f"\t(domid {domain.domid})",
        "\t(create_info)",
        f"\t(hvm {hvm})",
        "\t(hap 1)",
        f"\t(name {domain.name})",
        f"\t(uuid {domain.handle})",
        "\t(cpupool Pool-0)",
        "\t(xsdata contains:)",
        "\t(build_info)",
        f"\t(max_vcpus {domain.max_vcpus})",
        f"\t(max_memkb {config.maximum_kib})",
        f"\t(target_memkb {domain.boot_kib})",
        "\t(image",
        f"\t\t({'hvm' if hvm else 'linux 0'}",
        f"\t\t\t(kernel {config.boot.kernel or '(null)'})",
        f"\t\t\t(cmdline {config.boot.cmdline or '(null)'})",
        f"\t\t\t(ramdisk {config.boot.initrd or '(null)'})",
        "\t\t)",
        "\t)",
    ]
    for disk in config.disks:
        lines += [
            "\t(device",
            "\t\t(tap",
            "\t\t\t(backend_domid 0)",
            f"\t\t\t(physpath {disk.source.path or '(null)'})",
            f"\t\t\t(virtpath {disk.target})",
            f"\t\t\t(readwrite {int(not disk.readonly)})",
            f"\t\t\t(is_cdrom {int(disk.device == 'cdrom')})",
            "\t\t)",
            "\t)",
        ]
    for number, nic in enumerate(config.interfaces):
        lines += [
            "\t(device",
            "\t\t(vif",
            "\t\t\t(backend_domid 0)",
            f"\t\t\t(devid {number})",
            f"\t\t\t(mac {(nic.mac or '').replace(':', '')})",
            "\t\t)",
            "\t)",
        ]
    for line in [*lines, ")"]:
        xl.print(line)
