"""``demo``: the main job on the simulated host, nothing needed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib.resources import files
from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound
from xenparley_cli.commands.listing import COLUMNS, guest_row
from xenparley_cli.context import Context

if TYPE_CHECKING:
    from xenparley import GuestConfig, Host

__all__ = ["configure_demo", "run_demo"]

_SHOWN = ("domid", "name", "virt", "phase", "state", "memory_kib", "vcpus", "cpu_time_ns")


def configure_demo(parser: ArgumentParser) -> None:
    """Add nothing. ``-c sim:PATH`` keeps the guests; other hosts are refused."""
    parser.epilog = "The host is made up in memory. -c sim:PATH keeps it in a file."


def run_demo(context: Context, arguments: Namespace) -> int:
    """Define, start, list and steer guests of four kinds."""
    out = context.output
    uri = arguments.uri or "sim:"
    if not uri.startswith("sim:"):
        out.warn("the demo plays on the simulated host only: sim: or sim:PATH")
        uri = "sim:"
    host = context.connect(uri)
    out.message(f"A simulated Xen host, {uri} - nothing to install, nothing at risk.")
    configs = _examples(context)
    for name, config in configs.items():
        ref = host.define(config)
        out.message(f"  define {name}: {ref.name} is defined")
    started = [config.name for config in configs.values()]
    for name in started:
        host.start(name)
        out.message(f"  start {name}")
    out.message("All of them are running:")
    _listing(context, host)
    _steer(context, host, started)
    out.message("Where they ended:")
    _listing(context, host)
    out.message("Now yours: xenparley -c sim:/tmp/my-host define FILE; xenparley --help")
    return 0


def _examples(context: Context) -> dict[str, GuestConfig]:
    """Read the guests that come with xenparley."""
    folder = files("xenparley_cli") / "examples"
    read = context.plugins.resolve(context.plugins.formats["xml"].reader)
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".xml")),
        key=lambda entry: entry.name,
    )
    if not found:
        raise NotFound("the examples are not installed: xenparley_cli/examples/*.xml")
    return {
        entry.name: read(entry.read_bytes(), source=entry.name, strict=False, options={}).config
        for entry in found
    }


def _steer(context: Context, host: Host, names: list[str]) -> None:
    """Pause one and let it go on; then power it off and start it again."""
    say = context.output.message
    one = names[0]
    for word, command in (("pause", host.pause), ("unpause", host.unpause)):
        outcome = command(one)
        say(f"  {word} {one}: it is {outcome.phase.value if outcome.phase else 'unknown'}")
    outcome = host.shutdown(one)
    how = f", asked by {outcome.how}" if outcome.how else ""
    say(f"  shutdown {one}: it is {outcome.phase.value if outcome.phase else 'gone'}{how}")
    outcome = host.start(one)
    say(f"  start {one}: it is back, under a new domain id ({outcome.guest.domid})")


def _listing(context: Context, host: Host) -> None:
    columns = [column for column in COLUMNS if column.key in _SHOWN]
    context.output.rows("guests", columns, map(guest_row, host.list(all=True)))
