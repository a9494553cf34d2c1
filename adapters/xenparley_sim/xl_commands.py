"""The subcommands of the fake xl."""

from __future__ import annotations

import getopt
from collections.abc import Callable
from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound
from xenparley_sim import xl_print
from xenparley_sim.xl_main import Stop

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.xl_main import Xl

__all__ = ["find", "options", "run"]

#: What xl refuses to do while XenD runs: everything that changes something.
_READS = frozenset(
    {
        "list",
        "info",
        "vcpu-list",
        "sched-credit",
        "sched-credit2",
        "sched-rtds",
        "cpupool-list",
        "block-list",
        "network-list",
        "pci-list",
        "usb-list",
        "vkb-list",
        "dmesg",
        "uptime",
        "claims",
        "domid",
        "domname",
    }
)
_SINCE = {
    "sched-credit2": (4, 2),
    "sched-rtds": (4, 5),
    "claims": (4, 3),
    "usb-list": (4, 7),
    "usbctrl-attach": (4, 7),
    "usbctrl-detach": (4, 7),
    "usbdev-attach": (4, 7),
    "usbdev-detach": (4, 7),
    "vkb-list": (4, 12),
    "vkb-attach": (4, 12),
    "vkb-detach": (4, 12),
}


def run(xl: Xl, argv: list[str]) -> int:
    """Run a subcommand; returns the exit status."""
    from xenparley_sim import xl_changes, xl_images, xl_usb

    if not argv:
        raise Stop(1, "Usage xl [-vfN] <subcommand> [args]")
    command, arguments = argv[0], argv[1:]
    tables = (_COMMANDS, xl_changes.COMMANDS, xl_images.COMMANDS, xl_usb.COMMANDS)
    handler = next((table[command] for table in tables if command in table), None)
    if handler is None or _SINCE.get(command, (4, 1)) > xl.release:
        raise Stop(1, "command not implemented")
    if xl.control.get("xend") and command not in _READS:
        raise Stop(
            1,
            "xend is running, which may cause unpredictable results when using\n"
            "this xl command.  Please shut down xend before continuing.\n\n"
            "(This check can be overridden with the -f option.)",
        )
    return handler(xl, arguments) or 0


def options(xl: Xl, arguments: list[str], short: str) -> tuple[dict[str, str], list[str]]:
    """Read options as getopt does."""
    try:
        found, rest = getopt.getopt(arguments, short)
    except getopt.GetoptError as exc:
        raise Stop(2, f"option `{exc.opt}' not supported.") from exc
    return dict(found), rest


def find(xl: Xl, word: str) -> Domain:
    """Return the guest that a word means: digits are a domain id, whoever is called so."""
    if word.isdigit():
        domain = xl.host.domain(int(word))
        if domain is None:
            # libxl finds out when it is asked about it.
            raise Stop(1, f"libxl: error: libxl_domain.c: Domain {word}:Non-existant domain")
        return domain
    for domain in xl.host.domains():
        if domain.name == word and not domain.dying:
            return domain
    raise Stop(1, f"{word} is an invalid domain identifier (rc=-6)")


def _list(xl: Xl, arguments: list[str]) -> None:
    given, rest = options(xl, arguments, "lvhZcn")
    if rest:
        word = rest[0]
        domain = xl.host.domain(int(word)) if word.isdigit() else find(xl, word)
        if domain is None:
            raise Stop(1, f"Error: Domain '{word}' does not exist.")
        domains = [domain]
    else:
        domains = xl.host.domains()
    if "-l" in given:
        from xenparley_sim.xl_long import print_long

        print_long(xl, domains)
    else:
        xl_print.print_list(xl, domains, verbose="-v" in given)


def _info(xl: Xl, arguments: list[str]) -> None:
    given, _ = options(xl, arguments, "n")
    xl_print.print_info(xl, numa="-n" in given)


def _vcpu_list(xl: Xl, arguments: list[str]) -> None:
    from xenparley_sim import vcpus

    domains = [find(xl, word) for word in arguments] or xl.host.domains()
    facts = xl.host.facts
    soft = xl.release >= (4, 5)
    last = "Affinity (Hard / Soft)" if soft else "CPU Affinity"
    xl.print(f"{'Name':<36} {'ID':>5} {'VCPU':>5} {'CPU':>5} {'State':>5} {'Time(s)':>9} {last}")
    for domain in domains:
        for vcpu in vcpus.listing(domain, xl.host.hardware(domain.domid), facts.cpus):
            cpus = sorted(vcpu.affinity or ())
            every = "all" if soft else "any cpu"
            hard = every if len(cpus) == facts.cpus else ",".join(map(str, cpus))
            if not vcpu.online:
                where = f"{'-':>5} {'--p':>5}"
            else:
                letter = {"running": "r--", "blocked": "-b-"}.get(vcpu.state or "", "---")
                where = f"{vcpu.cpu:>5} {letter:>5}"
            line = (
                f" {domain.domid:>5} {vcpu.number:>5} {where} {(vcpu.cpu_time_ns or 0) / 1e9:>9.1f}"
                f"  {hard}" + (" / all" if soft else "")
            )
            xl.print(xl_print.name_of(xl, domain).ljust(36) + line.encode())


def _scheduler(name: str) -> Callable[[Xl, list[str]], None]:
    def show(xl: Xl, arguments: list[str]) -> None:
        given, _ = options(xl, arguments, "d:w:c:p:b:sc")
        real = str(xl.control.get("pool_scheduler") or xl.host.facts.scheduler)
        if real != name:
            if "-d" not in given:
                return
            raise Stop(1, f"libxl_domain_sched_params_get returned {real} not {name}.")
        if "-d" not in given:
            for domain in xl.host.domains():
                _print_credit(xl, domain)
            return
        domain = find(xl, given["-d"])
        if "-w" in given or "-c" in given:
            xl.host.set_credit(
                domain.domid,
                weight=int(given["-w"]) if "-w" in given else None,
                cap=int(given["-c"]) if "-c" in given else None,
            )
            return
        xl.print(f"{'Name':<33} {'ID':>4} {'Weight':>6} {'Cap':>4}")
        _print_credit(xl, domain)

    return show


def _print_credit(xl: Xl, domain: Domain) -> None:
    line = f" {domain.domid:>4} {domain.weight:>6} {domain.cap:>4}"
    xl.print(xl_print.name_of(xl, domain).ljust(33) + line.encode())


def _cpupools(xl: Xl, arguments: list[str]) -> None:
    given, rest = options(xl, arguments, "c")
    if rest and rest[0] not in ("0", "Pool-0"):
        raise Stop(1, f"{rest[0]} is an unknown CPU pool")
    facts = xl.host.facts
    if "-c" in given:
        xl.print(f"{'Name':<19} CPU list")
        xl.print(f"{'Pool-0':<19} {','.join(map(str, range(facts.cpus)))}")
        return
    xl.print(f"{'Name':<19} CPUs   Sched     Active   Domain count")
    count = len(xl.host.domains())
    xl.print(f"{'Pool-0':<19} {facts.cpus:>3} {facts.scheduler:>9}       y       {count:>4}")


def _of_guest(show: Callable[[Xl, Domain], None]) -> Callable[[Xl, list[str]], None]:
    def shown(xl: Xl, arguments: list[str]) -> None:
        show(xl, find(xl, arguments[0]))

    return shown


def _pci(xl: Xl, domain: Domain) -> None:
    devices = [d for d in xl.host.hardware(domain.domid).devices if d.kind == "pci"]
    if devices:
        xl.print("Vdev Device")
    for number, device in enumerate(devices):
        xl.print(f"{number + 5:02x}.0 {device.name}")


def _dmesg(xl: Xl, arguments: list[str]) -> None:
    xl.print(f"(XEN) Xen version {xl.host.facts.release} (simulated)")


def _uptime(xl: Xl, arguments: list[str]) -> None:
    now = xl.host.clock.now()
    xl.print(f"{'Name':<33} {'ID':>4} Uptime")
    for domain in [find(xl, word) for word in arguments] or xl.host.domains():
        if domain.domid in xl.said("no_start"):
            continue
        passed = int(max(0.0, now - domain.started))
        days, rest = divmod(passed, 86400)
        text = f"{rest // 3600:2d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
        if days:
            text = f"{days} day{'s' if days > 1 else ''}, {text}"
        xl.print(xl_print.name_of(xl, domain).ljust(33) + f" {domain.domid:>4} {text}".encode())


def _claims(xl: Xl, arguments: list[str]) -> None:
    xl_print.print_claims(xl)


def _domid(xl: Xl, arguments: list[str]) -> None:
    for domain in xl.host.domains():
        if domain.name == arguments[0]:
            xl.print(str(domain.domid))
            return
    raise Stop(
        1, f"Can't get domid of domain name '{arguments[0]}', maybe this domain does not exist."
    )


def _domname(xl: Xl, arguments: list[str]) -> None:
    domain = xl.host.domain(int(arguments[0]))
    if domain is None:
        raise NotFound(f"Can't get domain name of domain id '{arguments[0]}'")
    xl.print(xl_print.name_of(xl, domain))


_COMMANDS: dict[str, Callable[[Xl, list[str]], int | None]] = {
    "list": _list,
    "info": _info,
    "vcpu-list": _vcpu_list,
    "sched-credit": _scheduler("credit"),
    "sched-credit2": _scheduler("credit2"),
    "sched-rtds": _scheduler("rtds"),
    "cpupool-list": _cpupools,
    "block-list": _of_guest(xl_print.print_block_list),
    "network-list": _of_guest(xl_print.print_network_list),
    "pci-list": _of_guest(_pci),
    "dmesg": _dmesg,
    "uptime": _uptime,
    "claims": _claims,
    "domid": _domid,
    "domname": _domname,
}
