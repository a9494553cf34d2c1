"""Character devices as qemu-dm's words: ``pty``, ``file:/p``, ``tcp:host:port,server,nowait``.

A pty's path is the host's choice: it is as last seen, never written. What follows a comma is an
option in these words, so a path or host with a comma is refused where it could become one.
"""

from __future__ import annotations

import re

from xenparley.domain.config import CharEndpoint, CharSource
from xenparley_formats.native_run import Unreadable, Unsayable, shown

__all__ = ["char_text", "parse_char"]

_WORDS = ("null", "stdio", "vc", "pty")
_V6 = re.compile(r"[0-9a-fA-F:.]+(?:%[\w.-]+)?", re.ASCII)
_PART = re.compile(r"[^\s,:@\[\]\x00-\x1f\x7f]*")
_END = r"(\[[^\]]*\]|[^:@\[\]]*):([^:@]*)"
_TCP = re.compile(_END)
_UDP = re.compile(rf"{_END}(?:@{_END})?")


def parse_char(text: str) -> CharSource | None:
    """Read a word; None for ``none`` (no such device). Raises Unreadable."""
    if text == "none":
        return None
    if text in _WORDS:
        return CharSource(type=text)
    if text.startswith("/"):
        return CharSource(type="dev", path=text)
    kind, colon, rest = text.partition(":")
    if colon:
        if kind in ("file", "pipe") and rest:
            return CharSource(type=kind, path=rest)
        if kind in ("tcp", "telnet"):
            return _tcp(kind, rest, text)
        if kind == "udp":
            return _udp(rest, text)
        if kind == "unix":
            path, options = _options(rest, text)
            if path:
                return CharSource(type="unix", path=path, mode="bind" if options else "connect")
    raise Unreadable(f"malformed character device: {shown(text)}")


def _options(rest: str, text: str) -> tuple[str, bool]:
    """Split ``,server,nowait`` off; whether the host's side listens."""
    head, *options = rest.split(",")
    if options not in ([], ["server", "nowait"], ["server"]):
        raise Unreadable(f"unknown options of a character device: {shown(text)}")
    return head, bool(options)


def _endpoint(mode: str, host: str, service: str, text: str) -> CharEndpoint:
    host = host[1:-1] if host.startswith("[") else host
    if service and not service.isalnum():
        raise Unreadable(f"malformed character device: {shown(text)}")
    return CharEndpoint(mode=mode, host=host or None, service=service or None)


def _tcp(kind: str, rest: str, text: str) -> CharSource:
    head, server = _options(rest, text)
    match = _TCP.fullmatch(head)
    if match is None:
        raise Unreadable(f"malformed character device: {shown(text)}")
    end = _endpoint("bind" if server else "connect", match[1], match[2], text)
    return CharSource(type="tcp", endpoints=(end,), protocol="raw" if kind == "tcp" else "telnet")


def _udp(rest: str, text: str) -> CharSource:
    match = _UDP.fullmatch(rest)
    if match is None:
        raise Unreadable(f"malformed character device: {shown(text)}")
    ends = []
    if match[3] or match[4]:
        ends.append(_endpoint("bind", match[3], match[4], text))
    ends.append(_endpoint("connect", match[1], match[2], text))
    return CharSource(type="udp", endpoints=tuple(ends))


def _said(end: CharEndpoint | None) -> str:
    if end is None:
        return ":"
    # libvirt 0.9 said the protocol there once more
    if any(extra.key != "@wiremode" for extra in end.extras):
        raise Unsayable("more about an address than its host and service")
    host, service = end.host or "", end.service or ""
    if _V6.fullmatch(host) and ":" in host:
        host = f"[{host}]"
    elif _PART.fullmatch(host) is None:
        raise Unsayable(f"a host that can't stand in an address: {shown(host)}")
    if service and not (service.isalnum() and service.isascii()):
        raise Unsayable(f"a service that can't stand in an address: {shown(service)}")
    return f"{host}:{service}"


def char_text(source: CharSource | None) -> str:
    """Write a source as a word; ``none`` for None. Raises Unsayable."""
    if source is None:
        return "none"
    if source.append is not None:
        raise Unsayable("whether the file is appended to")
    if source.type in _WORDS:
        return source.type
    path = source.path or ""
    if source.type == "dev":
        if not path.startswith("/"):
            raise Unsayable(f"a device that is not an absolute path: {shown(path)}")
        return path
    if source.type in ("file", "pipe") and path:
        return f"{source.type}:{path}"
    if source.type == "unix" and path:
        if "," in path:
            raise Unsayable(f"a socket's path with a comma: {shown(path)}")
        return f"unix:{path}" + (",server,nowait" if source.mode == "bind" else "")
    if source.type == "tcp":
        return _tcp_text(source)
    if source.type == "udp":
        return _udp_text(source)
    raise Unsayable(f"a character device of type {shown(source.type)}")


def _tcp_text(source: CharSource) -> str:
    kind = {None: "tcp", "raw": "tcp", "telnet": "telnet"}.get(source.protocol)
    if kind is None or len(source.endpoints) != 1:
        raise Unsayable("a TCP connection of another protocol or with several ends")
    end = source.endpoints[0]
    return f"{kind}:{_said(end)}" + (",server,nowait" if end.mode == "bind" else "")


def _udp_text(source: CharSource) -> str:
    if source.protocol is not None:
        raise Unsayable("a protocol over UDP")
    modes = [end.mode for end in source.endpoints]
    if len(set(modes)) != len(modes) or not set(modes) <= {"bind", "connect"}:
        raise Unsayable("UDP with two ends of one kind")
    connect = next((end for end in source.endpoints if end.mode == "connect"), None)
    bound = next((end for end in source.endpoints if end.mode == "bind"), None)
    if bound is not None and not (bound.host or bound.service):
        raise Unsayable("an empty address that UDP is bound to")
    return f"udp:{_said(connect)}" + ("" if bound is None else f"@{_said(bound)}")
