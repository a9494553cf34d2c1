"""Where a host is: ``xen:///``, ``http://host:8000/``, ``xend+unix:///path``, ``sim:PATH``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable

__all__ = ["Uri", "parse_uri"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@/]*)(?::([0-9]{1,5}))?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class Uri(NamedTuple):
    """A parsed URI. ``path`` and the query's values are decoded; ``text`` is as it was given."""

    scheme: str
    text: str
    host: str | None = None
    port: int | None = None
    path: str = ""
    query: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        """Return the text as it was given, safe for terminals."""
        return printable(self.text)


def parse_uri(text: str) -> Uri:
    """Parse a URI. Raises InvalidInput for one that is malformed or holds user names.

    ``SCHEME:PATH`` and ``SCHEME://HOST:PORT/PATH`` are understood, with ``?KEY=VALUE&...``. A
    key given twice is an error, since one of them would be dropped.
    """
    match = None if "\0" in text else _SCHEME.fullmatch(text)
    if match is None:
        raise InvalidInput(f"not a URI: {printable(text, limit=200)!r}; try xen:///")
    scheme, rest = match[1].lower(), match[2]
    rest, _, query_text = rest.partition("?")
    host = port = None
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        host, port = _authority(authority, text)
    query: dict[str, str] = {}
    for pair in filter(None, query_text.split("&")):
        key, _, value = pair.partition("=")
        key = _decode(key, text)
        if key in query:
            raise InvalidInput(f"{key!r} is given twice in the URI {printable(text)!r}")
        query[key] = _decode(value, text)
    return Uri(
        scheme=scheme, text=text, host=host, port=port, path=_decode(rest, text), query=query
    )


def _authority(authority: str, text: str) -> tuple[str | None, int | None]:
    if "@" in authority:
        raise InvalidInput(f"user names are not used in URIs: {scheme_only(text)}")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidInput(f"not a host and port: {printable(authority)!r}")
    host = match[1].strip("[]") or None
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise InvalidInput(f"not a port: {port}")
    return host, port


def scheme_only(text: str) -> str:
    """Return the scheme alone, for messages about a URI that may hold a password."""
    return text.partition(":")[0] + ":..."


def _decode(text: str, whole: str) -> str:
    if "%" not in text:
        return text
    raw = _PERCENT.sub(lambda m: bytes([int(m[1], 16)]), text.encode("utf-8", "surrogateescape"))
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"not UTF-8 when decoded: {printable(whole)!r}") from exc
    if "\0" in decoded:
        raise InvalidInput(f"a NUL byte in the URI {printable(whole)!r}")
    return decoded
