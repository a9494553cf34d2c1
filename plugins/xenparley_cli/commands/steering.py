"""``create``, ``start``, ``pause``, ``unpause``, ``shutdown``, ``reboot``, ``destroy``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from xenparley_cli.arguments import guest_argument
from xenparley_cli.context import Context

__all__ = [
    "add_wait",
    "configure_create",
    "configure_destroy",
    "configure_pause",
    "configure_reboot",
    "configure_shutdown",
    "configure_start",
    "configure_unpause",
    "run_create",
    "run_destroy",
    "run_pause",
    "run_reboot",
    "run_shutdown",
    "run_start",
    "run_unpause",
]

#: Guests take their time to power off: `xl shutdown -w` waits without end.
SHUTDOWN_S = 120.0


def add_wait(parser: ArgumentParser, usual: float = 30.0) -> None:
    """Add ``--wait`` and ``--no-wait``."""
    wait = parser.add_mutually_exclusive_group()
    wait.add_argument(
        "--wait", action="store_true", default=True, dest="wait",
        help=f"return when the state is reached (the default), after {usual:g} s at the latest",
    )  # fmt: skip
    wait.add_argument(
        "--no-wait", action="store_false", dest="wait", help="return when the host has accepted it"
    )


def configure_create(parser: ArgumentParser) -> None:
    """Add the arguments of ``create``."""
    from xenparley_cli.documents import file_argument

    file_argument(parser)
    parser.add_argument("--paused", action="store_true", help="leave it paused")
    add_wait(parser)


def run_create(context: Context, arguments: Namespace) -> int:
    """Start a guest from a configuration."""
    from xenparley_cli.documents import read_configuration

    config = read_configuration(context, arguments)
    outcome = context.connect().create(
        config, paused=arguments.paused, wait=arguments.wait, timeout=context.timeout()
    )
    return context.outcome(outcome, "paused" if arguments.paused else "running", "starting")


def configure_start(parser: ArgumentParser) -> None:
    """Add the arguments of ``start``."""
    guest_argument(parser)
    parser.add_argument("--paused", action="store_true", help="leave it paused")
    add_wait(parser)


def run_start(context: Context, arguments: Namespace) -> int:
    """Start a defined guest."""
    outcome = context.connect().start(
        context.guest(), paused=arguments.paused, wait=arguments.wait, timeout=context.timeout()
    )
    phase = outcome.phase.value if outcome.already and outcome.phase is not None else None
    usual = "paused" if arguments.paused else "running"
    return context.outcome(outcome, "running" if phase == "active" else phase or usual, "starting")


def configure_pause(parser: ArgumentParser) -> None:
    """Add the arguments of ``pause``."""
    guest_argument(parser)
    add_wait(parser)
    parser.epilog = "virsh's word is understood too: suspend"


def run_pause(context: Context, arguments: Namespace) -> int:
    """Take a guest off its CPUs."""
    outcome = context.connect().pause(
        context.guest(), wait=arguments.wait, timeout=context.timeout()
    )
    return context.outcome(outcome, "paused")


def configure_unpause(parser: ArgumentParser) -> None:
    """Add the arguments of ``unpause``."""
    guest_argument(parser)
    add_wait(parser)
    parser.epilog = "virsh's word is understood too: resume"


def run_unpause(context: Context, arguments: Namespace) -> int:
    """Let a paused guest run."""
    outcome = context.connect().unpause(
        context.guest(), wait=arguments.wait, timeout=context.timeout()
    )
    return context.outcome(outcome, "running")


def configure_shutdown(parser: ArgumentParser) -> None:
    """Add the arguments of ``shutdown``."""
    guest_argument(parser)
    add_wait(parser, SHUTDOWN_S)


def run_shutdown(context: Context, arguments: Namespace) -> int:
    """Ask a guest to power off."""
    outcome = context.connect().shutdown(
        context.guest(), wait=arguments.wait, timeout=context.timeout(SHUTDOWN_S)
    )
    # A host takes a moment to clean up; it may also have been told to keep what is left.
    left = outcome.phase is not None and outcome.phase.value == "shutdown"
    done = "shut down, and not cleaned up yet" if left else "shut off"
    return context.outcome(outcome, done, "asked to power off")


def configure_reboot(parser: ArgumentParser) -> None:
    """Add the arguments of ``reboot``."""
    guest_argument(parser)
    add_wait(parser, SHUTDOWN_S)


def run_reboot(context: Context, arguments: Namespace) -> int:
    """Ask a guest to reboot."""
    outcome = context.connect().reboot(
        context.guest(), wait=arguments.wait, timeout=context.timeout(SHUTDOWN_S)
    )
    return context.outcome(outcome, "running again", "asked to reboot")


def configure_destroy(parser: ArgumentParser) -> None:
    """Add the arguments of ``destroy``."""
    guest_argument(parser)
    parser.add_argument(
        "--force",
        action="store_true",
        help="even if somebody else owns it (libvirt, XAPI, Qubes), and by a channel that leaves "
        "something behind, if need be",
    )
    add_wait(parser)


def run_destroy(context: Context, arguments: Namespace) -> int:
    """End a guest at once."""
    outcome = context.connect().destroy(
        context.guest(), force=arguments.force, wait=arguments.wait, timeout=context.timeout()
    )
    return context.outcome(outcome, "gone", "being destroyed")
