"""Displays in the words of xend and xm: ``vnc``, ``vncunused``, ``vncdisplay``, ``sdl``...

A VNC port is 5900 plus the display's number. ``vncunused`` 1 leaves the choice to the host; a
port beside it is the one last seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from xenparley.domain.config import Graphics, GraphicsListen
from xenparley_formats.native_run import WriteLog, shown
from xenparley_formats.native_words import whole

__all__ = ["GRAPHICS_KEYS", "VNC_BASE", "graphics_words", "kind_of", "listen_of", "parse_graphics"]

#: TCP port of VNC display 0.
VNC_BASE = 5900
#: The words that :func:`parse_graphics` understands.
GRAPHICS_KEYS = (
    "type",
    "vnc",
    "sdl",
    "opengl",
    "vncunused",
    "vncdisplay",
    "vnclisten",
    "vncpasswd",
    "keymap",
    "display",
    "xauthority",
)


def listen_of(address: str | None) -> tuple[GraphicsListen, ...]:
    """Return an address to listen on in libvirt's newer spelling, which stands beside the old."""
    return () if address is None else (GraphicsListen(type="address", address=address),)


def parse_graphics(words: Mapping[str, str], kind: str) -> Graphics:
    """Make a display of its words. ``kind`` is ``vnc`` or ``sdl``. Raises Unreadable."""
    keymap = words.get("keymap") or None
    if kind == "sdl":
        opengl = words.get("opengl")
        return Graphics(
            type="sdl",
            display=words.get("display") or None,
            xauth=words.get("xauthority") or None,
            gl=None if not opengl else whole(opengl) != 0,
            keymap=keymap,
        )
    number = words.get("vncdisplay")
    port = -1
    if number:
        # libvirt takes numbers from 5900 on for ports; xend adds 5900 to them, too
        port = VNC_BASE + whole(number, 65535 - VNC_BASE)
    unused = words.get("vncunused")
    auto = port < 0 or (bool(unused) and whole(unused or "0") != 0)
    listen = words.get("vnclisten") or None
    return Graphics(
        type="vnc",
        port=port,
        autoport=auto,
        listen=listen,
        listens=listen_of(listen),
        password=words.get("vncpasswd") or None,
        keymap=keymap,
    )


def _listen(graphics: Graphics, log: WriteLog, place: str) -> str | None:
    """Return the one address to listen on."""
    said = [one.address for one in graphics.listens if one.type == "address"]
    address = graphics.listen if graphics.listen is not None else next(iter(said), None)
    for number, one in enumerate(graphics.listens, 1):
        where = f"{place}/listen[{number}]"
        if one.type != "address" or one.network is not None:
            log.lose(where, f"listening of type {shown(one.type)}")
        elif one.address is not None and one.address != address:
            log.lose(where, "a second address to listen on")
        for extra in one.extras:
            log.lose(where, f"{shown(extra.key)} of {extra.format}")
    return address


def graphics_words(graphics: Graphics, log: WriteLog, place: str) -> list[tuple[str, str]]:
    """Return a display's words without its type, in libvirt's order; [] for an unknown type.

    What has no word is noted in the log.
    """
    words: list[tuple[str, str]] = []
    if graphics.type == "vnc":
        words += _vnc_words(graphics, log, place)
        foreign: tuple[str, ...] = ("tls_port", "display", "xauth", "fullscreen", "gl")
    elif graphics.type == "sdl":
        words += [("display", graphics.display)] if graphics.display else []
        words += [("xauthority", graphics.xauth)] if graphics.xauth else []
        words += [] if graphics.gl is None else [("opengl", str(int(graphics.gl)))]
        words += [("keymap", graphics.keymap)] if graphics.keymap else []
        foreign = ("port", "tls_port", "autoport", "listen", "password", "fullscreen")
        if graphics.listens:
            log.lose(f"{place}/listen", "where an SDL display listens")
    else:
        log.lose(f"{place}/@type", f"a display of type {shown(graphics.type)}")
        return []
    for name in (*foreign, "default_mode", "mouse_mode", "clipboard", "filetransfer"):
        if getattr(graphics, name) is not None:
            log.lose(f"{place}/{name}", f"this of a {graphics.type} display")
    return words


def _vnc_words(graphics: Graphics, log: WriteLog, place: str) -> list[tuple[str, str]]:
    port = graphics.port if graphics.port is not None and graphics.port > 0 else None
    auto = bool(graphics.autoport) or port is None
    words = [("vncunused", "1" if auto else "0")]
    if port is not None:
        # xend takes small numbers for displays, so a port below 5900 has no spelling
        if port < VNC_BASE:
            log.lose(f"{place}/@port", f"VNC on port {port}: displays start at {VNC_BASE}")
        else:
            words.append(("vncdisplay", str(port - VNC_BASE)))
    listen = _listen(graphics, log, place)
    words += [("vnclisten", listen)] if listen else []
    words += [("vncpasswd", graphics.password)] if graphics.password else []
    words += [("keymap", graphics.keymap)] if graphics.keymap else []
    return words


def kind_of(words: Mapping[str, str]) -> str:
    """Return ``vnc`` or ``sdl`` by what the words of a frame buffer say; xend's default is VNC."""
    kind = words.get("type")
    if kind in ("vnc", "sdl"):
        return kind
    said = words.get("sdl")
    return "sdl" if said and whole(said) and not words.get("vnc") else "vnc"
