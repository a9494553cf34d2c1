"""Bytes to an XML tree, safely: no DTD, no entity, no network, bounded in size and depth."""

from __future__ import annotations

import re
import threading
from typing import Any

from lxml import etree

from xenparley.domain.errors import ParseError
from xenparley.domain.identity import printable

__all__ = ["MAX_BYTES", "parse_piece", "parse_xml"]

#: A document is refused beyond this size (16 MiB); the largest real ones have some 100 KiB.
MAX_BYTES = 16 << 20

_ENCODING = re.compile(rb"""\A<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]{1,40})["']""")
# Encodings in which '<' and '!' are the bytes they are in ASCII.
_PLAIN = re.compile(
    rb"utf-?8|us-ascii|ascii|iso-?8859-?\d{1,2}|iso_8859-\d{1,2}|latin-?1|windows-125\d|cp125\d",
    re.IGNORECASE,
)
# no declaration and no document type in front
_USUAL = (b"<domain ", b"<domain>")
_TOO_DEEP = "the document is nested too deeply"


class _Parsers(threading.local):
    """Parsers for each thread: making one costs as much as parsing a small document.

    ``whole`` keeps all text, ``lean`` leaves out what is blank between elements.
    """

    def __init__(self) -> None:
        self.whole, self.lean = (
            etree.XMLParser(
                resolve_entities=False,
                load_dtd=False,
                dtd_validation=False,
                attribute_defaults=False,
                no_network=True,
                huge_tree=False,
                remove_blank_text=lean,
            )
            for lean in (False, True)
        )


_PARSERS = _Parsers()


def _refuse_doctype(data: bytes, source: str) -> None:
    """Walk over what may stand before a document type, and refuse one."""
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while data[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
        if data.startswith(b"<?", at):
            end, size = data.find(b"?>", at), 2
        elif data.startswith(b"<!--", at):
            end, size = data.find(b"-->", at + 4), 3
        else:
            break
        if end < 0:
            return
        at = end + size
    if data.startswith(b"<!DOCTYPE", at):
        line = data.count(b"\n", 0, at) + 1
        raise ParseError(
            "a document type (DTD, entities) is refused", place=f"{source}:{line}", line=line
        )


def _as_plain(data: bytes, source: str) -> bytes:
    """Return the document in an encoding that extends ASCII."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError as exc:
            raise ParseError("not UTF-16, as its first bytes say", place=source) from exc
        return re.sub(r"\A\s*<\?xml[^>]*\?>", "", text).encode()
    named = _ENCODING.match(data[:300].removeprefix(b"\xef\xbb\xbf").lstrip())
    if named is not None and _PLAIN.fullmatch(named[1]) is None:
        name = printable(named[1].decode("ascii", "replace"), limit=40)
        raise ParseError(f"encoding {name!r} is not supported", place=f"{source}:1", line=1)
    if data[:1] != b"<" and not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        # libxml2 would go on to guess at EBCDIC, where '<' is another byte
        raise ParseError("does not begin with '<'", place=f"{source}:1", line=1)
    if b"\0" in data[:4]:
        raise ParseError("NUL bytes, and no mark of an encoding", place=f"{source}:1", line=1)
    return data


def parse_xml(data: bytes, source: str, *, lean: bool = False) -> Any:
    """Return the root element. Raises ParseError, with a line where there is one.

    ``lean`` leaves out blank text between elements, and may do so between an element's tag and
    a comment in its text; never where there are sections of CDATA.
    """
    if len(data) > MAX_BYTES:
        raise ParseError(f"larger than {MAX_BYTES} bytes", place=source)
    if not data.startswith(_USUAL):
        if not data or data.isspace():
            raise ParseError("the document is empty", place=source)
        data = _as_plain(data, source)
        _refuse_doctype(data, source)
    try:
        # in front of such a section, libxml2 takes what is blank for the space between elements
        lean = lean and b"[CDATA[" not in data
        root = etree.fromstring(data, _PARSERS.lean if lean else _PARSERS.whole)
    except etree.XMLSyntaxError as exc:
        line = exc.lineno or 1
        message = printable(exc.msg or "not XML", limit=200)
        if "depth" in message.lower():
            message = _TOO_DEEP
        raise ParseError(message, place=f"{source}:{line}", line=line) from exc
    except (ValueError, LookupError) as exc:
        raise ParseError(f"not XML: {printable(str(exc), limit=200)}", place=source) from exc
    return root


def parse_piece(text: str) -> Any:
    """Return the one element that the text holds. Raises ParseError for anything else."""
    place = "piece of XML"
    try:
        data = text.encode()
    except UnicodeEncodeError as exc:
        raise ParseError("lone surrogates are no characters", place=place) from exc
    if not data.startswith(b"<") or data.startswith((b"<?", b"<!")):
        raise ParseError("not an element", place=place)
    root = parse_xml(data, place)
    if root.getnext() is not None or not data.endswith(b">"):
        raise ParseError("more than one element", place=place)
    return root
