"""The command: ``lab build|start|push|sh|test|stop|status|share|console|deps``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from xenlab import needs
from xenlab.builder import build
from xenlab.keeper import Settings, keep
from xenlab.machine import Machine
from xenlab.places import PROJECT, LabError, Places
from xenlab.project import INSIDE, push

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    parser.add_argument("-n", "--name", default="lab", help="which machine (default: lab)")
    verbs = parser.add_subparsers(dest="verb", required=True)

    deps = verbs.add_parser("deps", help="print the Debian packages the lab needs")
    deps.add_argument("--install", action="store_true", help="install those that are absent")

    for verb, text in (("build", "build the host"), ("start", "build if needed, and boot")):
        one = verbs.add_parser(verb, help=text)
        one.add_argument("--peers", action="store_true", help="with libvirt and pyxs")
        one.add_argument("--fresh", action="store_true", help="build anew")
        if verb == "start":
            one.add_argument("--xenstored", choices=("ocaml", "c"), default="ocaml")
            one.add_argument("--memory", type=int, default=4096, help="of the host, MiB")
            one.add_argument("--lifetime", type=float, default=7200.0, help="at most, seconds")

    shell = verbs.add_parser("sh", help="run a shell command in dom0")
    shell.add_argument("-t", "--limit", type=float, default=600.0, help="seconds")
    shell.add_argument("-i", "--stdin", action="store_true", help="pass standard input")
    shell.add_argument("words", nargs=argparse.REMAINDER, help="the command")

    verbs.add_parser("push", help="put the project as it is now into the running dom0")
    tests = verbs.add_parser("test", help="boot, run tests in dom0, stop")
    tests.add_argument("--results", type=Path, default=PROJECT / "build" / "xenlab")
    tests.add_argument("--limit", type=float, default=900.0, help="for the tests, seconds")
    tests.add_argument("--xenstored", choices=("ocaml", "c"), default="ocaml")
    tests.add_argument("words", nargs=argparse.REMAINDER, help="pytest's (default: what tox runs)")

    verbs.add_parser("stop", help="end the machine")
    verbs.add_parser("status", help="tell whether it runs (exit status 0) or not (3)")
    verbs.add_parser("share", help="print the folder that dom0 sees as /mnt/share")
    verbs.add_parser("console", help="print the console's log")

    inner = verbs.add_parser("keep")
    inner.add_argument("folder", type=Path)
    inner.add_argument("settings")
    inner.add_argument("owner", type=int, nargs="?")
    return parser


def _start(places: Places, machine: Machine, asked: argparse.Namespace) -> int:
    if machine.running():
        print(f"machine {machine.name!r} runs already")
        return 0
    image = build(places, peers=asked.peers, fresh=asked.fresh)
    begun = time.monotonic()
    settings = Settings(
        str(image), memory=asked.memory, xenstored=asked.xenstored, lifetime=asked.lifetime
    )
    machine.start(settings)
    print(f"dom0 is up after {time.monotonic() - begun:.1f} s")
    return 0


def _deps(asked: argparse.Namespace) -> int:
    if asked.install:
        return needs.install()
    print(" ".join(needs.PACKAGES))
    return 0


def _shell(machine: Machine, asked: argparse.Namespace) -> int:
    words = asked.words[1:] if asked.words[:1] == ["--"] else asked.words
    stdin = sys.stdin.read() if asked.stdin else ""
    return machine.run(" ".join(words), limit=asked.limit, stdin=stdin)


def _test(places: Places, asked: argparse.Namespace) -> int:
    # needs pytest on this side too, which the other commands do without
    from xenlab.runner import test

    words = asked.words[1:] if asked.words[:1] == ["--"] else asked.words
    limit, xenstored = asked.limit, asked.xenstored
    return test(places, words, results=asked.results, limit=limit, xenstored=xenstored)


def _status(machine: Machine) -> int:
    if not machine.running():
        print("stopped")
        return 3
    state = machine.state()
    print(f"running: keeper {state.get('keeper')}, QEMU {state.get('qemu')}, {state.get('image')}")
    return 0


def _console(machine: Machine) -> int:
    sys.stdout.write(machine.console.read_text(errors="replace"))
    return 0


def _dispatch(asked: argparse.Namespace) -> int:
    places = Places.from_environment()
    machine = Machine(places, asked.name)
    if asked.verb == "deps":
        return _deps(asked)
    if asked.verb == "build":
        print(build(places, peers=asked.peers, fresh=asked.fresh))
    elif asked.verb == "start":
        return _start(places, machine, asked)
    elif asked.verb == "sh":
        return _shell(machine, asked)
    elif asked.verb == "push":
        push(places, machine)
        print(f"{INSIDE}: site/{{project,packages,bin}}, tests, pyproject.toml")
    elif asked.verb == "test":
        return _test(places, asked)
    elif asked.verb == "stop":
        print("stopped" if machine.stop() else "was not running")
    elif asked.verb == "status":
        return _status(machine)
    elif asked.verb == "share":
        machine.share.mkdir(parents=True, exist_ok=True)
        print(machine.share)
    elif asked.verb == "console":
        return _console(machine)
    elif asked.verb == "keep":
        return keep(asked.folder, Settings(**json.loads(asked.settings)), asked.owner)
    return 0


def main() -> int:
    """Run one command; the exit status is the command's own for ``sh``, 1 for the lab's errors."""
    try:
        return _dispatch(_parser().parse_args())
    except LabError as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
