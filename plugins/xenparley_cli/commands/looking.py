"""``info``, ``state``, ``vcpus``, ``devices``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from xenparley.domain.guest import Field
from xenparley_cli.arguments import guest_argument
from xenparley_cli.columns import Column, chosen, seconds
from xenparley_cli.commands.listing import COLUMNS, guest_row
from xenparley_cli.context import Context

__all__ = [
    "configure_devices",
    "configure_info",
    "configure_state",
    "configure_vcpus",
    "run_devices",
    "run_info",
    "run_state",
    "run_vcpus",
]

_TITLES = {
    "domid": "Domain id", "name": "Name", "uuid": "UUID", "phase": "State", "state": "Flags",
    "reason": "Shutdown reason", "memory_kib": "Memory (MiB)", "max_memory_kib": "Maximum (MiB)",
    "vcpus": "Virtual CPUs", "max_vcpus": "Maximum CPUs", "cpu_time_ns": "CPU time (s)",
    "virt": "Virtualisation", "defined": "Defined", "autostart": "Autostart",
}  # fmt: skip
_INFO = tuple(column._replace(title=_TITLES[column.key]) for column in COLUMNS)


def configure_info(parser: ArgumentParser) -> None:
    """Add the arguments of ``info``."""
    guest_argument(parser)


def run_info(context: Context, arguments: Namespace) -> int:
    """Show a guest, and why something of it isn't known."""
    columns = chosen(_INFO, arguments.columns, tuple(_TITLES))
    fields = {Field(need) for column in columns for need in column.needs}
    guest = context.connect().find(
        arguments.guest, by=arguments.by, fields=tuple(fields), timeout=context.timeout()
    )
    row = guest_row(guest) | {"observed_at": guest.observed_at}
    context.output.record("guest", columns, row, keep=("missing", "sources", "observed_at"))
    for field, reason in guest.missing.items():
        if field in fields:
            context.output.message(f"{field.value} is not known: {reason}")
    return 0


def configure_state(parser: ArgumentParser) -> None:
    """Add the arguments of ``state``."""
    guest_argument(parser)
    parser.epilog = "states: absent, shut off, active, paused, shutdown, crashed, dying, unknown"


def run_state(context: Context, arguments: Namespace) -> int:
    """Print a guest's phase in one word (with --format: with its flags and reason)."""
    guest = context.connect().find(
        arguments.guest,
        by=arguments.by,
        fields=(Field.STATE, Field.REASON, Field.DEFINED),
        timeout=context.timeout(),
    )
    if context.output.format == "table":
        context.output.line(guest.phase.value if guest.phase is not None else "unknown")
        return 0
    keys = ("domid", "name", "uuid", "phase", "state", "reason", "defined")
    columns = chosen(COLUMNS, arguments.columns, keys)
    context.output.record("guest", columns, guest_row(guest), keep=("missing",))
    return 0


_VCPUS = (
    Column("number", "VCPU", right=True),
    Column("online", "ONLINE"),
    Column("state", "STATE"),
    Column("cpu", "CPU", right=True),
    Column("cpu_time_ns", "TIME(s)", show=seconds, right=True),
    Column("affinity", "AFFINITY"),
    Column("soft_affinity", "SOFT AFFINITY"),
)


def configure_vcpus(parser: ArgumentParser) -> None:
    """Add the arguments of ``vcpus``."""
    guest_argument(parser)


def run_vcpus(context: Context, arguments: Namespace) -> int:
    """List a guest's virtual CPUs."""
    vcpus = context.connect().vcpus(context.guest(), timeout=context.timeout())
    rows = [
        {
            "number": v.number,
            "online": v.online,
            "state": v.state,
            "cpu": v.cpu,
            "cpu_time_ns": v.cpu_time_ns,
            "affinity": _cpus(v.affinity),
            "soft_affinity": _cpus(v.soft_affinity),
        }
        for v in vcpus
    ]
    columns = chosen(_VCPUS, arguments.columns, [column.key for column in _VCPUS])
    context.output.rows("vcpus", columns, rows)
    return 0


def _cpus(cpus: frozenset[int] | None) -> str | None:
    """Write host CPUs as ranges: ``0-3,6``."""
    if cpus is None:
        return None
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


_DEVICES = (
    Column("kind", "KIND"),
    Column("devid", "NUMBER", right=True),
    Column("name", "NAME", shrink=True),
    Column("backend_domid", "BACKEND", right=True),
    Column("frontend_state", "STATE", right=True),
    Column("backend_state", "BACKEND STATE", right=True),
)


def configure_devices(parser: ArgumentParser) -> None:
    """Add the arguments of ``devices``."""
    guest_argument(parser)
    parser.epilog = (
        "states are XenBus states: 1 initialising, 2 init wait, 3 initialised, 4 connected, "
        "5 closing, 6 closed"
    )


def run_devices(context: Context, arguments: Namespace) -> int:
    """List a living guest's devices."""
    devices = context.connect().devices(context.guest(), timeout=context.timeout())
    columns = chosen(_DEVICES, arguments.columns, [column.key for column in _DEVICES])
    keys = [column.key for column in _DEVICES]
    context.output.rows("devices", columns, [{k: getattr(d, k) for k in keys} for d in devices])
    return 0
