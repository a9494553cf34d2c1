"""xen_version of the simulated hypervisor."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xenparley_sim.ioctl_model import refuse

if TYPE_CHECKING:
    from xenparley_sim.ioctl import Memory
    from xenparley_sim.ioctl_model import HypercallModel, Rights

__all__ = ["Versions"]

#: (name, bytes, first release) of the texts of fixed size.
_TEXTS: Final[dict[int, tuple[str, int, tuple[int, int]]]] = {
    1: ("extraversion", 16, (3, 0)),
    3: ("capabilities", 1024, (3, 0)),
    4: ("changeset", 64, (3, 0)),
    9: ("commandline", 1024, (4, 0)),
}
#: The long forms of 4.20, by the name of the text.
_LONG: Final[dict[int, str]] = {
    11: "extraversion",
    12: "capabilities",
    13: "changeset",
    14: "commandline",
}
_COMPILE_INFO: Final = (("compiler", 64), ("by", 16), ("domain", 32), ("date", 32))


class Versions:
    """Answers of hypercall 17."""

    def __init__(
        self,
        model: HypercallModel,
        version: tuple[int, int],
        extraversion: str,
        memory: Memory,
        rights: Rights,
    ) -> None:
        self._model = model
        self._version = version
        self._extraversion = extraversion
        self._memory = memory
        self._rights = rights

    def _text(self, name: str) -> bytes:
        if name == "extraversion":
            return self._extraversion.encode()
        if name == "commandline" and not self._rights.privileged:
            return b"<denied>"
        return self._model.machine.texts.get(name, "").encode()

    def call(self, command: int, address: int) -> int:
        """Answer one command."""
        if command == 0:
            return self._version[0] << 16 | self._version[1]
        if command == 2:
            parts = (self._text(name)[:size].ljust(size, b"\0") for name, size in _COMPILE_INFO)
            self._memory.write(address, b"".join(parts))
            return 0
        if command == 10 and self._version >= (4, 7):
            return self._counted(self._model.machine.build_id, address, errno.ENODATA)
        if command in _LONG and self._version >= (4, 20):
            return self._counted(self._text(_LONG[command]), address, None)
        text = _TEXTS.get(command)
        if text is None or self._version < text[2]:
            raise refuse(errno.ENOSYS)
        name, size, _ = text
        self._memory.write(address, self._text(name)[: size - 1].ljust(size, b"\0"))
        return 0

    def _counted(self, data: bytes, address: int, empty: int | None) -> int:
        """{u32 length; char data[]}: the length alone where no address is given."""
        if not data and empty is not None:
            raise refuse(empty)
        if not address:
            return len(data)
        if int.from_bytes(self._memory.read(address, 4), "little") < len(data):
            raise refuse(errno.ENOBUFS)
        self._memory.write(address + 4, data)
        return len(data)
