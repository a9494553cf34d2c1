"""One struct of one release: where its fields lie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, ProtocolError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Layout", "Value"]

#: What a field holds: an integer, bytes (a handle) or several integers (``hw_cap``).
Value = int | bytes | tuple[int, ...]

_CODES: Final[dict[str, struct.Struct]] = {}


def _codec(code: str) -> struct.Struct:
    codec = _CODES.get(code)
    if codec is None:
        codec = _CODES[code] = struct.Struct("<" + code)
    return codec


class Layout:
    """The payload of one operation, as one release lays it out.

    ``fields`` maps a name to (offset in the payload, :mod:`struct` code); members of a union
    overlap. ``cmd`` is the command number (None for a header), ``size`` the payload's bytes.
    """

    __slots__ = ("cmd", "fields", "op", "size", "u_offset")

    def __init__(self, text: str) -> None:
        """Read the text form that the table holds."""
        op, cmd, size, u_offset, *fields = text.split(" ")
        self.op = op
        self.cmd = None if cmd == "-" else int(cmd)
        self.size = int(size)
        self.u_offset = int(u_offset)
        self.fields: dict[str, tuple[int, str]] = {}
        for field in fields:
            name, _, place = field.partition("@")
            offset, _, code = place.partition(":")
            self.fields[name] = (int(offset), code)

    def __repr__(self) -> str:
        return f"<Layout {self.op}, {self.size} bytes>"

    def pack_into(self, buffer: bytearray, base: int, values: Mapping[str, Value]) -> None:
        """Write ``values`` into ``buffer`` at ``base``; fields not named are left alone.

        Raises :class:`Unsupported` for a field that this release doesn't have, and
        :class:`InvalidInput` for a value that doesn't fit its field.
        """
        for name, value in values.items():
            place = self.fields.get(name)
            if place is None:
                raise Unsupported(f"{self.op} has no field {name!r} in this release of Xen")
            offset, code = place
            items = value if isinstance(value, tuple) else (value,)
            try:
                _codec(code).pack_into(buffer, base + offset, *items)
            except struct.error as exc:
                raise InvalidInput(f"{self.op}: {name} cannot hold {value!r}: {exc}") from exc

    def get(self, data: bytes | bytearray | memoryview, name: str, base: int = 0) -> int:
        """Return one integer field. Raises :class:`Unsupported` if this release hasn't got it."""
        place = self.fields.get(name)
        if place is None:
            raise Unsupported(f"{self.op} has no field {name!r} in this release of Xen")
        try:
            (value,) = _codec(place[1]).unpack_from(data, base + place[0])
        except struct.error as exc:
            raise self._short(data, base) from exc
        return int(value)

    def unpack(self, data: bytes | bytearray | memoryview, base: int = 0) -> dict[str, Value]:
        """Return every field of the payload that begins at ``base``, by name.

        Raises :class:`ProtocolError` if ``data`` is shorter than the layout.
        """
        if len(data) - base < self.size:
            raise self._short(data, base)
        values: dict[str, Value] = {}
        for name, (offset, code) in self.fields.items():
            items = _codec(code).unpack_from(data, base + offset)
            values[name] = items[0] if len(items) == 1 else items
        return values

    def _short(self, data: bytes | bytearray | memoryview, base: int) -> ProtocolError:
        return ProtocolError(
            f"{self.op}: {max(len(data) - base, 0)} bytes, but the layout has {self.size}"
        )
