"""``events``."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from types import FrameType, TracebackType

from xenparley.domain.events import GuestEvent
from xenparley_cli.arguments import seconds
from xenparley_cli.columns import Column, chosen
from xenparley_cli.context import Context

__all__ = ["configure_events", "run_events"]

_EVENTS = tuple(
    Column(key, key) for key in ("at", "kind", "domid", "uuid", "name", "detail", "source")
)


def configure_events(parser: ArgumentParser) -> None:
    """Add the arguments of ``events``."""
    parser.add_argument("--count", metavar="N", type=_count, help="end after so many events")
    parser.add_argument("--for", metavar="SECONDS", type=seconds, dest="for_", help="end then")
    parser.add_argument(
        "--poll",
        metavar="SECONDS",
        type=seconds,
        help="look every so often instead of being told",
    )
    parser.add_argument(
        "--debounce",
        metavar="SECONDS",
        type=seconds,
        help="wait so long after an end for a start of the same guest: both are one, a reboot",
    )
    parser.epilog = "--format json writes one JSON object on a line for each event."


def run_events(context: Context, arguments: Namespace) -> int:
    """Print events until Ctrl-C, ``--count`` or ``--for``."""
    out = context.output
    columns = chosen(_EVENTS, arguments.columns, [column.key for column in _EVENTS])
    end = None if arguments.for_ is None else time.monotonic() + arguments.for_
    left = arguments.count
    headers, first = out.headers, True
    with (
        context.connect().events(
            poll=arguments.poll, debounce=arguments.debounce, timeout=context.timeout()
        ) as stream,
        _Interrupts() as interrupts,
    ):
        out.message(f"listening ({stream.source})")
        while left is None or left > 0:
            interrupts.check()
            wait = 0.5 if end is None else min(0.5, end - time.monotonic())
            if wait <= 0:
                return 0
            event = stream.get(wait)
            if event is None:
                continue
            left = None if left is None else left - 1
            row = _row(event)
            if out.format == "json":
                out.json({"event": {c.key: row[c.key] for c in columns}}, line=True)
            elif out.format == "csv":
                out.headers = headers and first
                out.rows("events", columns, [row])
            else:
                out.line(_worded(event))
            first = False
            out.stdout.flush()
    return 0


class _Interrupts:
    """Keeps Ctrl-C until it is asked for; the second one is not kept.

    Raised in the middle of taking an event, it could leave the stream's lock held, and closing the
    stream would wait for ever.
    """

    def __init__(self) -> None:
        self._pending = False
        self._installed = False

    def __enter__(self) -> _Interrupts:
        # Where somebody else sees to it, or has it ignored (nohup), that stays.
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._pending:
            raise KeyboardInterrupt
        self._pending = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pending:
            raise KeyboardInterrupt


def _row(event: GuestEvent) -> dict[str, object]:
    guest = event.guest
    return {
        "at": event.at,
        "kind": event.kind.value,
        "domid": guest.domid if guest else None,
        "uuid": guest.uuid if guest else None,
        "name": guest.name if guest else None,
        "detail": event.detail,
        "source": event.source,
    }


def _worded(event: GuestEvent) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    who = f" {event.guest}" if event.guest else ""
    why = f" ({event.detail})" if event.detail else ""
    return f"{clock} {event.kind.value}{who}{why}"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"not a count: {text!r}")
    return int(text)
