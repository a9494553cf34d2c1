"""The program: runs a command, words its errors, chooses the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xenparley_cli.exit_codes import BROKEN_PIPE, BUG, INTERRUPTED, OK, USAGE, code_of

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``xenparley`` with these arguments (the process's, when None); return the exit code.

    Raises nothing: errors are worded on stderr.
    """
    if argv is None:
        # A short life: collecting garbage would be a fifth of it. Long ones still collect.
        gc.set_threshold(200_000, 20, 100)
    _open_streams()
    arguments = None
    try:
        from xenparley_cli.arguments import main_parser

        parser = main_parser()
        # One namespace from here on: what was parsed of it decides how an error is told.
        arguments = parser.parse_args([])
        try:
            parser.parse_args(sys.argv[1:] if argv is None else list(argv), arguments)
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("xenparley: interrupted\n")
        return INTERRUPTED
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else OK if exc.code is None else USAGE
    except Exception as exc:  # noqa: BLE001 (the outermost: words it)
        code = _failed(exc, arguments)
        try:
            sys.stdout.flush()
        except OSError:
            # A full disk: told once is enough.
            _forget_stdout()
        return code
    finally:
        if argv is None:
            gc.freeze()  # else Python looks through everything once more before it ends


def _run(arguments: Namespace) -> int:
    if arguments.debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)d ms %(message)s")
    from xenparley_cli.dispatch import run

    return run(arguments)


def _failed(exc: Exception, arguments: Namespace | None) -> int:
    from xenparley_cli.wording import as_json, as_text, ours

    if arguments is not None and arguments.debug:
        import traceback

        traceback.print_exception(type(exc), exc, exc.__traceback__)
    code = code_of(exc)
    wants_json = arguments is not None and arguments.format == "json"
    sys.stderr.write(as_json(exc, code) if wants_json else as_text(exc))
    if not ours(exc):
        sys.stderr.write("xenparley: this is a bug; --debug shows where\n")
        return BUG
    return code


def _open_streams() -> None:
    """Make sure that there are streams, and that they take any text.

    Whoever starts the program may have closed them (``>&-``). Characters that a terminal's
    encoding lacks are written as escapes, where they would raise.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Point stdout to nowhere, so that Python does not complain once more when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        # No file behind it (a program that embeds this one): then nobody complains either.
        return
