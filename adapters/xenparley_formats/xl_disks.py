"""Disks of xl.cfg (docs/misc/xl-disk-configuration of Xen 4.2 and later).

``target,format,vdev,access`` by position, then ``key=value`` and flags, of which ``target=`` takes
the rest of the text. The prefixes of xm (``phy:``, ``tap:aio:``) are still read: they say the
format, so that no position does.
"""

from __future__ import annotations

import re

from xenparley.domain.config import Disk, DiskHost, DiskSource, Extra
from xenparley_formats.native_disks import bus_of, plain_target
from xenparley_formats.native_run import Unreadable, Unsayable, WriteLog, shown
from xenparley_formats.text_items import own_words, word

__all__ = ["disk_item", "floppy_words", "read_disk", "read_floppies"]

_FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed")
_READ_ONLY = {"r": True, "ro": True, "w": False, "rw": False}
# the back end's name in xl.cfg, libvirt's name of the driver
_BACKENDS = {"phy": "phy", "tap": "tap", "qdisk": "qemu"}
_DRIVERS = {driver: backend for backend, driver in _BACKENDS.items()}
_PLAIN_COLON = re.compile(r"(?<!\\):")
_PREFIX = re.compile(r"(phy|file|tap2?|aio|raw|qcow2?|vhd|ioemu|tapdisk):")
_NAME = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)", re.ASCII)


class _Parts:
    """What an item says, each once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.said: dict[str, str] = {}
        self.extras: list[Extra] = []
        self.cdrom = False
        self.discard: str | None = None

    def take(self, key: str, value: str) -> None:
        if key in self.said:
            raise Unreadable(f"{key} of a disk twice: {shown(self.text)}")
        self.said[key] = value


def _split(text: str) -> _Parts:
    parts = _Parts(text)
    head, rest = text, None
    place = 0
    # target= takes everything behind it, commas and all
    for piece in text.split(","):
        if piece.lstrip().startswith("target="):
            head = text[:place]
            rest = text[place:].lstrip().removeprefix("target=")
            break
        place += len(piece) + 1
    if rest is not None:
        parts.take("target", rest)
    positions = ["target", "format", "vdev", "access"]
    for piece in head.split(","):
        _word(parts, piece.strip(), positions)
    return parts


def _word(parts: _Parts, piece: str, positions: list[str]) -> None:
    key, sign, value = piece.partition("=")
    if sign and _NAME.fullmatch(key.replace("-", "")):
        value = value.strip()
        if key == "devtype":
            if value not in ("cdrom", "disk"):
                raise Unreadable(f"unknown kind of a disk: {shown(piece)}")
            parts.cdrom = value == "cdrom"
        elif key in ("format", "vdev", "access", "backendtype", "backend", "script"):
            parts.take(key, value)
        elif piece:
            parts.extras.append(Extra("xl", key, piece))
    elif piece in ("cdrom", "devtype=cdrom"):
        parts.cdrom = True
    elif piece in ("discard", "no-discard"):
        parts.discard = "unmap" if piece == "discard" else "ignore"
    elif piece in ("direct-io-safe", "colo", "no-colo"):
        parts.extras.append(Extra("xl", piece, piece))
    else:
        _position(parts, piece, positions)


def _position(parts: _Parts, piece: str, positions: list[str]) -> None:
    while positions and positions[0] in parts.said:
        positions.pop(0)
    if not positions:
        if piece:
            raise Unreadable(f"too many words for a disk: {shown(parts.text)}")
        return
    place = positions.pop(0)
    if place == "target":
        piece = _prefixed(parts, piece)
    if piece:
        parts.take(place, piece)


def _prefixed(parts: _Parts, target: str) -> str:
    """Take off the prefixes of xm's time, which xl still reads."""
    while match := _PREFIX.match(target):
        name = match[1]
        target = target[match.end() :]
        form = {"aio": "raw", "phy": "raw", "file": "raw", "raw": "raw"}.get(name, name)
        if form in _FORMATS:
            parts.said["format"] = form
        if name == "phy":
            parts.said.setdefault("backendtype", "phy")
    if "format" not in parts.said and target != parts.text and parts.text.startswith("tap"):
        parts.said["format"] = "raw"
    return target


def read_disk(text: str, *, hvm: bool) -> Disk:
    """Read an item of ``disk``. Raises Unreadable."""
    parts = _split(text)
    said = parts.said
    vdev = said.get("vdev", "")
    if vdev.endswith(":cdrom"):
        parts.cdrom = True
        vdev = vdev.removesuffix(":cdrom")
    if not vdev or vdev != "".join(vdev.split()) or ":" in vdev:
        raise Unreadable(f"no name of a device: {shown(text)}")
    access = said.get("access") or ("r" if parts.cdrom else "w")
    form = said.get("format") or "raw"
    backend = said.get("backendtype")
    if access not in _READ_ONLY:
        raise Unreadable(f"unknown access mode of a disk: {shown(access)}")
    if form not in (*_FORMATS, "empty"):
        raise Unreadable(f"unknown format of a disk: {shown(form)}")
    if backend is not None and backend not in _BACKENDS:
        raise Unreadable(f"unknown back end of a disk: {shown(backend)}")
    path = said.get("target", "")
    source = _source(path, backend)
    if not path and not parts.cdrom:
        raise Unreadable(f"a disk without a source: {shown(text)}")
    domain = said.get("backend") or None
    return Disk(
        target=vdev,
        device="cdrom" if parts.cdrom else "disk",
        source=source,
        bus="xen" if not hvm and vdev[:2] != "sd" else bus_of(vdev),
        driver=None if not path and backend is None else _BACKENDS[backend or "qdisk"],
        format=None if not path and form in ("raw", "empty") else form,
        discard=parts.discard,
        readonly=_READ_ONLY[access] or parts.cdrom,
        backend_domain=None if domain in ("0", "Domain-0") else domain,
        script=said.get("script") or None,
        extras=tuple(parts.extras),
    )


def _source(path: str, backend: str | None) -> DiskSource:
    if path.startswith("rbd:"):
        return _rbd(path)
    if not path:
        return DiskSource()
    return DiskSource(type="block" if backend == "phy" else "file", path=path)


def _fields(text: str) -> list[str]:
    """Split at colons that no backslash stands before, as qemu does; escapes stay."""
    return _PLAIN_COLON.split(text)


def _rbd(path: str) -> DiskSource:
    """Read ``rbd:pool/image:auth_supported=none:mon_host=a\\:6321\\;b\\:6321``."""
    name, *options = _fields(path.removeprefix("rbd:"))
    hosts: list[DiskHost] = []
    for option in options:
        key, _, value = option.partition("=")
        if key == "mon_host":
            hosts = [_rbd_host(host) for host in value.split("\\;")]
        elif (key, value) != ("auth_supported", "none"):
            raise Unreadable(f"unknown option of a network disk: {shown(key)}")
    if not name or "\\" in name:
        raise Unreadable("a network disk without a plain name")
    return DiskSource(type="network", protocol="rbd", path=name, hosts=tuple(hosts))


def _rbd_host(text: str) -> DiskHost:
    host, port = text, None
    if not text.endswith("]") and "\\:" in text:
        host, _, port = text.rpartition("\\:")
    host = host.replace("\\:", ":")
    if _HOST.fullmatch(host) is None or (
        port is not None and not (port.isascii() and port.isdigit())
    ):
        raise Unreadable(f"a server of a network disk: {shown(text)}")
    return DiskHost(host, port=port)


def _rbd_text(source: DiskSource) -> str:
    name = source.path or ""
    if source.protocol != "rbd" or source.auth_user is not None or source.pool is not None:
        raise Unsayable(f"a network disk by {shown(source.protocol or '')}, or with a user")
    if not name or set(name) & set(":\\@;") or not name.isprintable():
        raise Unsayable(f"a network disk named {shown(name)}")
    hosts = []
    for host in source.hosts:
        if host.transport not in (None, "tcp") or host.socket or host.extras:
            raise Unsayable("a server of a network disk other than by TCP")
        if _HOST.fullmatch(host.name) is None:
            raise Unsayable(f"a server of a network disk: {shown(host.name)}")
        port = host.port
        if port is not None and not (port.isascii() and port.isdigit()):
            raise Unsayable(f"a port of a network disk: {shown(port)}")
        hosts.append(host.name.replace(":", "\\:") + ("" if port is None else f"\\:{port}"))
    text = f"rbd:{name}:auth_supported=none"
    return text + (":mon_host=" + "\\;".join(hosts) if hosts else "")


def disk_item(disk: Disk, log: WriteLog, place: str) -> str:
    """Write an item of ``disk`` as ``key=value``. Raises Unsayable."""
    if disk.device not in ("disk", "cdrom"):
        raise Unsayable(f"a drive of kind {shown(disk.device)}")
    source, cdrom = disk.source, disk.device == "cdrom"
    driver = disk.driver or ("phy" if source.type == "block" else "qemu")
    driver = "qemu" if driver == "file" else driver
    if driver not in _DRIVERS:
        raise Unsayable(f"a driver named {shown(driver)}")
    form = disk.format or "raw"
    if form not in _FORMATS:
        raise Unsayable(f"images of format {shown(form)}")
    if disk.transient or disk.shareable:
        log.lose(place, "a disk that is shared, or whose changes are thrown away")
    if source.type == "network":
        path = _rbd_text(source)
    elif source.type in ("file", "block"):
        path = source.path or ""
    else:
        raise Unsayable(f"a source of type {shown(source.type)}")
    if path and (path != path.rstrip("\r\n") or "\n" in path):
        raise Unsayable("a path with a line end")
    if not path and not cdrom:
        raise Unsayable("a disk without a source")
    words = [f"format={form}"] if path else []
    words.append(f"vdev={word(plain_target(disk.target))}")
    words.append(f"access={'ro' if disk.readonly else 'rw'}")
    words += [f"backendtype={_DRIVERS[driver]}"] if path else []
    words += ["devtype=cdrom"] if cdrom else []
    if disk.backend_domain is not None:
        words.append(f"backend={word(disk.backend_domain)}")
    if disk.script is not None:
        words.append(f"script={word(disk.script)}")
    if disk.discard is not None:
        words += {"unmap": ["discard"], "ignore": ["no-discard"]}.get(disk.discard, [])
    words += own_words(disk.extras, "xl", log, place)
    return ",".join([*words, f"target={path}"])


def read_floppies(words: list[str]) -> list[Disk] | None:
    """Read qemu's ``-fda PATH -fdb PATH``; None if there is anything else.

    xl has no floppies of its own, its device model has.
    """
    found: list[Disk] = []
    for option, path in zip(words[::2], words[1::2], strict=False):
        target = option.removeprefix("-")
        if option not in ("-fda", "-fdb") or not path or target in [d.target for d in found]:
            return None
        device = path.startswith("/dev/")
        found.append(
            Disk(
                target=target,
                device="floppy",
                source=DiskSource(type="block" if device else "file", path=path),
                bus="fdc",
                driver="phy" if device else "qemu",
                format="raw",
            )
        )
    return found if len(words) % 2 == 0 else None


def floppy_words(disk: Disk) -> list[str]:
    """Write a floppy as words for qemu. Raises Unsayable."""
    target = disk.target.removeprefix("ioemu:")
    if target not in ("fda", "fdb"):
        raise Unsayable(f"a floppy drive named {shown(disk.target)}")
    path = disk.source.path
    if not path or disk.source.type not in ("file", "block"):
        raise Unsayable("an empty floppy drive, or no file or device in it")
    if ":" in path.split("/", 1)[0] or not path.startswith("/"):
        # qemu would take it for a protocol or an option
        raise Unsayable(f"a floppy that is not an absolute path: {shown(path)}")
    return [f"-{target}", path]
