"""``demo``: the main job on the simulated host, nothing needed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING

from xenparley.domain.errors import NotFound
from xenparley.domain.lifecycle import Phase
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
    # The story is the answer here; JSON and CSV have only the last listing on stdout.
    say = out.line if out.format == "table" and not out.quiet else out.message
    uri = arguments.uri or "sim:"
    if not uri.startswith("sim:"):
        out.warn("the demo plays on the simulated host only: sim: or sim:PATH")
        uri = "sim:"
    host = context.connect(uri)
    say(f"A simulated Xen host, {uri} - nothing to install, nothing at risk.")
    say("")
    configs = _examples(context)
    for name, config in configs.items():
        say(f"define {name}: {host.define(config).name}")
    started = [config.name for config in configs.values()]
    for name in started:
        outcome = host.start(name)
        say(f"start {name}: {'running' if outcome.phase is Phase.ACTIVE else outcome.phase}")
    if out.format == "table":
        say("")
        _listing(context, host)
        say("")
    _steer(say, host, started[0])
    say("")
    _listing(context, host)
    say("")
    say("Your turn: xenparley -c sim:/tmp/my-host define FILE; xenparley --help")
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


def _steer(say: Callable[[str], None], host: Host, name: str) -> None:
    """Pause one and let it go on; power it off, and start it again."""
    for word, command in (("pause", host.pause), ("unpause", host.unpause)):
        outcome = command(name)
        say(f"{word} {name}: {outcome.phase.value if outcome.phase else 'unknown'}")
    outcome = host.shutdown(name)
    # It has ended; the host takes a moment to clean up after it.
    guest = host.wait_for(name, (Phase.SHUT_OFF,), timeout=30.0)
    how = f" (asked by {outcome.how})" if outcome.how else ""
    say(f"shutdown {name}: {guest.phase.value if guest.phase else 'unknown'}{how}")
    outcome = host.start(name)
    say(f"start {name}: running, under a new domain id ({outcome.guest.domid})")


def _listing(context: Context, host: Host) -> None:
    out = context.output
    columns = [column for column in COLUMNS if column.key in _SHOWN or out.format != "table"]
    out.rows("guests", columns, map(guest_row, host.list(all=True)))
    out.stdout.flush()
