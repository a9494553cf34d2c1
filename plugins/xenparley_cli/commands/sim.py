"""``sim serve``: a simulated Xen host of any release, for whatever program wants to speak to it."""

from __future__ import annotations

import shlex
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from xenparley_cli.columns import Column
from xenparley_cli.context import Context

if TYPE_CHECKING:
    from xenparley_sim import SimulatedXen

__all__ = ["configure_sim", "run_sim"]

_HOST = tuple(
    Column(key, key)
    for key in (
        "release",
        "arch",
        "toolstack",
        "channels",
        "directory",
        "xenstored",
        "uri",
        "http_uri",
        "environment",
        "settings",
    )
)


def configure_sim(parser: ArgumentParser) -> None:
    """Add the arguments of ``sim serve``."""
    parser.add_argument("action", choices=("serve",), help="serve one until Ctrl-C or SIGTERM")
    parser.add_argument("--release", metavar="R", default="4.17", help="of Xen: 3.0.1 to 4.22")
    parser.add_argument(
        "--arch", default="x86_64", help="of its control domain: x86_64, x86_32, arm64, arm32"
    )
    parser.add_argument(
        "--toolstack", choices=("xend", "xl", "none"), help="default: what is usual for the release"
    )
    parser.add_argument(
        "--dir",
        metavar="DIR",
        type=Path,
        help="where its sockets and files are; default: a new one",
    )
    parser.add_argument(
        "--port", metavar="P", type=_port, default=0, help="XenD's TCP port; default: any"
    )
    parser.add_argument(
        "--xenstored",
        metavar="WHICH",
        default="in-process",
        help="what keeps its XenStore: in-process, real (or xenstored, oxenstored, a program's "
        "path), auto for a real one where it is installed; default: in-process",
    )
    parser.epilog = (
        "--channels A,B serves these only. Hypercalls are not served: no other process can open a "
        "simulated hypervisor's device."
    )


def run_sim(context: Context, arguments: Namespace) -> int:
    """Serve one; tell how to connect."""
    from xenparley_sim import SimulatedXen

    toolstack = "" if arguments.toolstack is None else arguments.toolstack
    xen = SimulatedXen(
        arguments.release,
        arguments.arch,
        channels=arguments.channels,
        toolstack=None if toolstack == "none" else toolstack,
        directory=arguments.dir,
        port=arguments.port,
        xenstored=arguments.xenstored,
    )
    out = context.output
    with _until_told() as over, xen:
        if out.format == "table":
            for line in _told(xen):
                out.line(line)
        else:
            out.record("simulated_xen", _HOST, _facts(xen))
        out.stdout.flush()
        # Short waits, so that signals are answered at once on every platform.
        while not over.wait(0.5):
            pass
    out.message("gone")
    return 0


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """Give what is set by SIGINT or SIGTERM."""
    over = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        over.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _served(xen: SimulatedXen) -> list[str]:
    return sorted(xen.channels - {"hypercall"})


def _environment(xen: SimulatedXen) -> dict[str, str]:
    """What other programs go by: libxenstore's variable, and ours."""
    found = {"XENPARLEY_URI": xen.uri}
    if "xenstore" in xen.channels:
        found["XENSTORED_PATH"] = xen.settings["xenstore"]["path"]
    if "xl" in xen.channels:
        found["XENPARLEY_XL"] = xen.settings["xl"]["path"]
    return found


def _facts(xen: SimulatedXen) -> dict[str, object]:
    return {
        "release": xen.release.name,
        "arch": xen.release.arch,
        "toolstack": xen.toolstack,
        "channels": _served(xen),
        "directory": str(xen.directory),
        "xenstored": None if xen.xenstored is None else str(xen.xenstored),
        "uri": xen.uri,
        "http_uri": xen.http_uri if xen.port is not None else None,
        "environment": _environment(xen),
        "settings": xen.settings,
    }


def _told(xen: SimulatedXen) -> list[str]:
    settings = xen.settings
    lines = [f"Xen {xen.release.name} ({xen.release.arch}), simulated, in {xen.directory}"]
    if xen.port is not None:
        lines += [
            f"  XenD, TCP:      {xen.http_uri}",
            f"  XenD, socket:   {settings['xend']['http-socket']}",
        ]
        if xen.release.generation.xmlrpc:
            lines.append(f"  XenD, XML-RPC:  {settings['xend']['xmlrpc-socket']}")
    for channel, word, key in (
        ("xenstore", "XenStore", "path"),
        ("xm", "/etc/xen", "folder"),
        ("xl", "xl", "path"),
    ):
        if channel in xen.channels:
            lines.append(f"  {word + ':':<15} {settings[channel][key]}")
    if xen.xenstored is not None and "xenstore" in xen.channels:
        lines.append(f"  XenStore is kept by {xen.xenstored}.")
    lines.append("Hypercalls are not served: only this process could make them.")
    lines += ["", "Connect by"]
    if xen.port is not None:
        lines.append(f"  xenparley -c {xen.http_uri} list")
    lines.append("or, with every channel, by")
    lines += [f"  export {name}={shlex.quote(v)}" for name, v in _environment(xen).items()]
    lines += ["  xenparley list", "", "It is served until Ctrl-C; then all of its guests are gone."]
    return lines


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 <= int(text[:6]) < 65536):
        raise ArgumentTypeError(f"not a port: {text!r}")
    return int(text)
