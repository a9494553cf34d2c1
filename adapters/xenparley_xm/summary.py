"""What a listing tells of a guest's file: a handful of keys, without the whole configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import InvalidInput
from xenparley.domain.guest import Field
from xenparley.domain.identity import DOM0_HANDLE, canonical_uuid, is_uuid, printable

if TYPE_CHECKING:
    from xenparley_formats.text_document import TextDocument

__all__ = ["Summary", "apparent_name", "claims_a_guest", "summarise"]

_NUMBER: Final = re.compile(r"\s*\+?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,18})\s*\Z")
#: The limits of xenparley_formats: MiB, and virtual CPUs.
_MAX_MIB: Final = 1 << 32
_MAX_VCPUS: Final = 8192
#: What makes a file that can't be read a guest's: it assigns a name.
_CLAIM: Final = re.compile(rb"^[ \t]*name[ \t]*=(?!=)", re.MULTILINE)
_NAME: Final = re.compile(
    rb"^name[ \t]*=[ \t]*(?:\"([^\"\\%\r\n]+)\"|'([^'\\%\r\n]+)')[ \t]*;?[ \t]*(?:#[^\r\n]*)?\r?$",
    re.MULTILINE,
)
_HVM_BUILDERS: Final = ("hvm", "vmx")
#: What xm takes as memory when nothing is said; and libxl (in MiB).
_DEFAULT_MIB: Final = {"xm": 128, "xl": 32}


class Summary(NamedTuple):
    """A guest's file in short. ``uuid`` None: the file has none. Sizes are KiB.

    ``absent`` maps a field that the file doesn't tell to the reason, with its line.
    """

    name: str
    uuid: str | None
    values: Mapping[Field, object]
    absent: Mapping[Field, str]


def summarise(document: TextDocument, toolstack: str, path: str) -> Summary | None:
    """Return what a document says in short; None when it names no guest."""
    name = _text(document, "name")
    if not name:
        return None
    values: dict[Field, object] = {}
    absent: dict[Field, str] = {}
    _memory(document, toolstack, path, values, absent)
    _vcpus(document, toolstack, path, values, absent)
    values[Field.VIRT] = _virt(document, toolstack)
    uuid, why = _uuid(document, path)
    if uuid is None:
        absent[Field.UUID] = why
    return Summary(name, uuid, values, absent)


def claims_a_guest(data: bytes) -> bool:
    """Say whether a file that can't be read as a document assigns ``name`` somewhere."""
    return _CLAIM.search(data) is not None


def apparent_name(data: bytes) -> str | None:
    """Return the name that such a file gives in so many words, if it gives one exactly once.

    For finding the file; nothing is started by it, since the file can't be read.
    """
    if len(_CLAIM.findall(data)) != 1:
        return None
    match = _NAME.search(data)
    if match is None:
        return None
    return (match[1] or match[2]).decode("utf-8", "surrogateescape")


def _text(document: TextDocument, key: str) -> str | None:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None  # xm takes over exactly str, int, float and list
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _number(
    document: TextDocument, key: str, most: int, path: str
) -> tuple[int | None, str | None]:
    """Return a number and None, or None and why there is none (None: not said)."""
    text = _text(document, key)
    if text is None or not text.strip():
        return None, None
    match = _NUMBER.match(text)
    if match is not None:
        digits = match[1]
        number = int(digits, 16) if digits[1:2] in ("x", "X") else int(digits)
        if number <= most:
            return number, None
    return None, f"{path}:{document.line_of(key)}: {key} is not a number from 0 to {most}"


def _memory(
    document: TextDocument,
    toolstack: str,
    path: str,
    values: dict[Field, object],
    absent: dict[Field, str],
) -> None:
    start, bad = _number(document, "memory", _MAX_MIB, path)
    most, worse = _number(document, "maxmem", _MAX_MIB, path)
    if bad is not None:
        absent[Field.MEMORY] = bad
    elif start is None:
        start = most or _DEFAULT_MIB[toolstack]
    if start:
        values[Field.MEMORY] = start * 1024
    else:
        absent.setdefault(Field.MEMORY, f"{path}:{document.line_of('memory')}: no memory")
    if worse is not None:
        absent[Field.MAX_MEMORY] = worse
    elif most or start:
        values[Field.MAX_MEMORY] = max(most or 0, start or 0) * 1024
    else:
        absent[Field.MAX_MEMORY] = absent[Field.MEMORY]


def _vcpus(
    document: TextDocument,
    toolstack: str,
    path: str,
    values: dict[Field, object],
    absent: dict[Field, str],
) -> None:
    count, bad = _number(document, "vcpus", _MAX_VCPUS, path)
    most, worse = _number(document, "maxvcpus", _MAX_VCPUS, path)
    if bad or worse:
        absent[Field.VCPUS] = absent[Field.MAX_VCPUS] = str(bad or worse)
        return
    maximum = max(most or count or 1, count or 1)
    online = count if most and count else maximum
    mask = _text(document, "vcpu_avail") if toolstack == "xm" else None
    if mask and mask.isascii() and mask.isdigit() and len(mask) < 2500:
        bits = int(mask) & ((1 << maximum) - 1)
        if bits and bits & (bits + 1) == 0:  # the first so many
            online = min(online, bits.bit_length())
    values[Field.VCPUS] = online
    values[Field.MAX_VCPUS] = maximum


def _virt(document: TextDocument, toolstack: str) -> str:
    said = _text(document, "type") if toolstack == "xl" else None
    if said in ("pv", "hvm", "pvh"):
        return said
    return "hvm" if _text(document, "builder") in _HVM_BUILDERS else "pv"


def _uuid(document: TextDocument, path: str) -> tuple[str | None, str]:
    text = _text(document, "uuid")
    if not text:
        return None, f"{path} has no uuid: this one is made from the path"
    where = f"{path}:{document.line_of('uuid')}"
    if not is_uuid(text):
        return None, f"{where}: not a UUID ({printable(text, limit=40)!r}): one made from the path"
    try:
        uuid = canonical_uuid(text)
    except InvalidInput as exc:
        return None, f"{where}: {exc}: one made from the path"
    if uuid == DOM0_HANDLE:
        return None, f"{where}: the UUID of Domain 0: one made from the path"
    return uuid, ""
