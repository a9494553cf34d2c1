"""Who a guest is: domain id, handle, UUID, name.

A domain id is ephemeral: a reboot gives a new one, and Xen reuses old ones. The *handle* is the
16 bytes that the hypervisor keeps for a living domain; toolstacks put the guest's UUID there.
It is not unique (local migration, rename-restart and plain duplicates make two holders), so a
living guest is the pair (domain id, handle), and a defined one its UUID.

UUIDs are kept as canonical text: 36 characters, lower case, with dashes.
"""

from __future__ import annotations

import re

from attrs import field, frozen

from xenparley.domain.errors import InvalidInput

__all__ = [
    "DOM0_HANDLE",
    "MAX_DOMID",
    "MAX_NAME_BYTES",
    "GuestRef",
    "canonical_uuid",
    "check_domid",
    "check_name",
    "is_uuid",
    "printable",
]

#: Domain 0 has sixteen zero bytes as its handle.
DOM0_HANDLE = "00000000-0000-0000-0000-000000000000"
#: Ids from here up are reserved: DOMID_FIRST_RESERVED is 0x7FF0 (xen/include/public/xen.h).
MAX_DOMID = 0x7FEF
#: A name is a XenStore value, a file name in /etc/xen and an atom in S-expressions: the file
#: name has the tightest limit of the three.
MAX_NAME_BYTES = 255

_UUID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
)
# C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides, lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def is_uuid(text: str) -> bool:
    """Say whether the text has the shape of a UUID, with or without its dashes."""
    return _UUID.fullmatch(text) is not None


def canonical_uuid(text: str) -> str:
    """Return the UUID in its canonical form. Raises InvalidInput for any other shape."""
    if _UUID.fullmatch(text) is None:
        raise InvalidInput(f"not a UUID: {printable(text, limit=80)!r}")
    digits = text.replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_domid(domid: int) -> int:
    """Return the domain id, or raise InvalidInput when it can't be one (0 to 0x7FEF)."""
    if isinstance(domid, bool) or not 0 <= domid <= MAX_DOMID:
        raise InvalidInput(f"not a domain id: {domid!r} (0 to {MAX_DOMID})")
    return domid


def check_name(name: str) -> str:
    """Return the name, or raise InvalidInput when a guest must not be given it.

    Stricter than what hosts accept: a name is used in paths, form posts, S-expressions and on
    terminals. Guests that others made with stranger names are still listed and steered.
    """
    if not name:
        raise InvalidInput("a guest's name must not be empty")
    shown = printable(name, limit=60)
    if _UNPRINTABLE.search(name):
        raise InvalidInput(f"a guest's name must not hold control characters: {shown!r}")
    if "/" in name or name in (".", ".."):
        raise InvalidInput(f"a guest's name must not be a path: {shown!r}")
    if name != name.strip():
        raise InvalidInput(f"a guest's name must not begin or end with blanks: {shown!r}")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidInput(f"a guest's name has at most {MAX_NAME_BYTES} bytes: {shown!r}...")
    return name


def printable(text: str, limit: int | None = None) -> str:
    r"""Return the text with each character that could steer a terminal written as an escape.

    Escapes are ``\xNN`` or ``\uNNNN``. ``limit`` cuts the input first, in characters.
    """
    if limit is not None:
        text = text[:limit]

    def escape(match: re.Match[str]) -> str:
        code = ord(match.group())
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return _UNPRINTABLE.sub(escape, text)


@frozen
class GuestRef:
    """One guest as a command is aimed at it. At least one of the three is set.

    ``domid`` with ``uuid`` (the handle) names a living guest, ``uuid`` alone a defined one.
    ``name`` is for people and for channels that know nothing else; it may be stale, and a guest
    may have written it itself.

    ``force`` is no part of who the guest is: it lets a command change one that somebody else owns
    (libvirt, XAPI, Qubes), which a channel may otherwise leave alone.
    """

    domid: int | None = None
    uuid: str | None = None
    name: str | None = None
    force: bool = field(default=False, eq=False, kw_only=True, repr=False)

    def __str__(self) -> str:
        """Word the guest for a message; safe for terminals."""
        words = []
        if self.name is not None:
            words.append(printable(self.name, limit=80))
        if self.domid is not None:
            words.append(f"domain id {self.domid}")
        if not words and self.uuid is not None:
            words.append(self.uuid)
        return f"{words[0]} ({words[1]})" if len(words) == 2 else (words or ["?"])[0]
