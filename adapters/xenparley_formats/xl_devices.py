"""Devices that only xl has: SPICE displays, USB controllers, PV channels."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from xenparley.domain.config import (
    CharDevice,
    CharSource,
    Controller,
    Graphics,
    GuestConfig,
    HostUsb,
)
from xenparley_formats.native_graphics import listen_of
from xenparley_formats.native_run import Unreadable, Unsayable, WriteLog, shown
from xenparley_formats.native_words import whole
from xenparley_formats.text_items import joined, own_words, words_of
from xenparley_formats.text_keys import Keys
from xenparley_formats.text_write import Sayer

__all__ = [
    "channel_item",
    "numbered",
    "read_channel",
    "read_controller",
    "read_spice",
    "read_usb",
    "say_controllers",
    "spice",
    "usb_item",
    "xenbus",
]


def read_spice(keys: Keys) -> Graphics | None:
    """Take a SPICE display."""
    if keys.peek("spice") in (None, "0", ""):
        if keys.peek("spice") is not None:
            keys.drop("spice")
        return None
    keys.drop("spice")
    listen = keys.text("spicehost")
    ticket = keys.peek("spicedisable_ticketing")
    password = keys.text("spicepasswd")
    if (ticket == "0") == (password is not None):
        # whether a password is needed says no more than whether there is one
        keys.drop("spicedisable_ticketing")
    elif ticket == "1" and password is None:
        keys.drop("spicedisable_ticketing")
    agent = keys.truth("spiceagent_mouse")
    share = keys.truth("spice_clipboard_sharing")
    if keys.peek("spicevdagent") == "1" and share:
        keys.drop("spicevdagent")
    return Graphics(
        type="spice",
        port=keys.number("spiceport", 65535) or -1,
        tls_port=keys.number("spicetls_port", 65535) or None,
        autoport=False,
        listen=listen,
        listens=listen_of(listen),
        password=password,
        mouse_mode="server" if agent is False else "client",
        clipboard=bool(share),
    )


def spice(say: Sayer, graphics: Graphics, log: WriteLog, place: str) -> None:
    """Say a SPICE display."""
    say.put("spice", 1)
    listens = [one.address for one in graphics.listens if one.type == "address"]
    say.put("spicehost", graphics.listen or next(iter(listens), None) or None)
    for key, port in (("spiceport", graphics.port), ("spicetls_port", graphics.tls_port)):
        if port is not None and port > 0:
            say.put(key, port)
    say.flag("spicedisable_ticketing", not graphics.password)
    say.put("spicepasswd", graphics.password or None)
    if graphics.mouse_mode is not None:
        say.flag("spiceagent_mouse", graphics.mouse_mode == "client")
    if graphics.clipboard:
        say.put("spicevdagent", 1)
        say.put("spice_clipboard_sharing", 1)
    if graphics.mouse_mode not in (None, "client", "server"):
        log.lose(f"{place}/mouse", f"mouse mode {shown(graphics.mouse_mode)}")


def read_controller(text: str) -> Controller:
    """Read an item of ``usbctrl``: ``type=qusb,version=2,ports=6``. Its place is its index."""
    words, extras = words_of(text, ("type", "version", "ports"), "xl")
    kind, version = words.get("type", "qusb"), words.get("version", "2")
    if kind != "qusb" or version not in ("1", "2"):
        raise Unreadable(f"a USB controller of another type: {shown(text)}")
    ports = words.get("ports")
    return Controller(
        type="usb",
        model=f"qusb{version}",
        ports=None if ports is None else whole(ports, 31),
        extras=tuple(extras),
    )


def controller_item(controller: Controller, log: WriteLog, place: str) -> str:
    """Write an item of ``usbctrl``. Raises Unsayable."""
    if controller.model not in (None, "qusb1", "qusb2"):
        raise Unsayable(f"a USB controller of model {shown(controller.model)}")
    words = [("type", "qusb"), ("version", (controller.model or "qusb2")[-1])]
    words += [] if controller.ports is None else [("ports", str(controller.ports))]
    return joined(words, own_words(controller.extras, "xl", log, place))


def read_usb(text: str) -> HostUsb:
    """Read an item of ``usbdev``: ``hostbus=1,hostaddr=3,controller=0,port=1``."""
    words, extras = words_of(text, ("type", "hostbus", "hostaddr", "controller", "port"), "xl")
    if words.get("type", "hostdev") != "hostdev":
        raise Unreadable(f"a USB device of another type: {shown(text)}")
    if "hostbus" not in words or "hostaddr" not in words:
        raise Unreadable(f"a USB device without its place: {shown(text)}")
    guest = {key: whole(words[key], 255) for key in ("controller", "port") if key in words}
    return HostUsb(
        bus=whole(words["hostbus"], 255),
        device=whole(words["hostaddr"], 255),
        mode="subsystem",
        guest_bus=guest.get("controller"),
        guest_port=guest.get("port"),
        extras=tuple(extras),
    )


def usb_item(usb: HostUsb, log: WriteLog, place: str) -> str:
    """Write an item of ``usbdev``. Raises Unsayable."""
    if usb.bus is None or usb.device is None:
        raise Unsayable("a USB device by its ids")
    words = [("hostbus", str(usb.bus)), ("hostaddr", str(usb.device))]
    words += [] if usb.guest_bus is None else [("controller", str(usb.guest_bus))]
    words += [] if usb.guest_port is None else [("port", str(usb.guest_port))]
    return joined(words, own_words(usb.extras, "xl", log, place))


def read_channel(text: str) -> CharDevice:
    """Read an item of ``channel``: ``connection=pty,name=org.qemu.guest_agent.0``."""
    words, extras = words_of(text, ("connection", "name", "path"), "xl")
    kind, path = words.get("connection"), words.get("path")
    if kind == "pty" and path is None:
        source = CharSource(type="pty")
    elif kind == "socket" and path:
        source = CharSource(type="unix", path=path, mode="bind")
    else:
        raise Unreadable(f"a channel of another kind: {shown(text)}")
    return CharDevice(
        source=source, target_type="xen", target_name=words.get("name"), extras=tuple(extras)
    )


def channel_item(channel: CharDevice, log: WriteLog, place: str) -> str:
    """Write an item of ``channel``. Raises Unsayable."""
    source = channel.source
    if source.type == "pty":
        words = [("connection", "pty")]
    elif source.type == "unix" and source.path:
        words = [("connection", "socket"), ("path", source.path)]
    else:
        raise Unsayable(f"a channel of type {shown(source.type)}")
    words += [] if channel.target_name is None else [("name", channel.target_name)]
    return joined(words, own_words(channel.extras, "xl", log, place))


def numbered(controllers: list[Controller]) -> tuple[Controller, ...]:
    """Return USB controllers with their places as index."""
    return tuple(evolve(one, index=number) for number, one in enumerate(controllers))


def xenbus(keys: Keys) -> tuple[Controller, ...]:
    """Take the limits of xenbus, which libvirt has in a controller."""
    frames = keys.number("max_grant_frames", (1 << 31) - 1)
    events = keys.number("max_event_channels", (1 << 31) - 1)
    if frames is None and events is None:
        return ()
    limits: dict[str, Any] = {"max_grant_frames": frames, "max_event_channels": events}
    return (Controller(type="xenbus", index=0, **limits),)


def say_controllers(say: Sayer, config: GuestConfig, log: WriteLog) -> None:
    """Say USB controllers and the limits of xenbus."""
    found = []
    for number, controller in enumerate(config.controllers, 1):
        place = f"devices/controller[{number}]"
        if controller.type == "xenbus" and "max_grant_frames" not in say.values:
            say.put("max_grant_frames", controller.max_grant_frames)
            say.put("max_event_channels", controller.max_event_channels)
        elif controller.type == "usb":
            try:
                found.append(controller_item(controller, log, place))
            except Unsayable as exc:
                log.lose(place, exc.message)
    say.items("usbctrl", found)
