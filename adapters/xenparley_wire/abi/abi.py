"""The ABI of one hypervisor: requests as bytes, answers as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import InvalidInput, Unsupported
from xenparley_wire.abi.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley_wire.abi.layout import Value

__all__ = ["MAX_OP_SIZE", "MAX_RECORD_SIZE", "Abi", "Request"]

#: Bytes of the largest op struct of any release (domctl); buffers are always this large.
MAX_OP_SIZE: Final = 144
#: Bytes of the largest getdomaininfo record of any release (arm64 since 4.16).
MAX_RECORD_SIZE: Final = 120

#: Hypercall numbers (xen.h); 7 is dom0_op up to 3.0.2 and platform_op since.
_DOM0_OP: Final = 7
_HYPERCALL: Final = {"memory": 12, "sched": 29, "hvm": 34, "sysctl": 35, "domctl": 36}
#: Ops whose interface version is fixed at 0 since they are stable (4.21 and later).
_STABLE: Final = frozenset({"domctl.get_domain_state"})


class Request(NamedTuple):
    """One hypercall: its number, the arguments before the pointer, and the struct pointed to."""

    hypercall: int
    lead: tuple[int, ...]
    data: bytes


class Abi:
    """Layouts of one pair of interface versions on one architecture.

    ``release`` is the Xen release whose conventions apply (what flag bits mean, how pause
    counts): the oldest of the pair, or what the hypervisor said if that is later.
    """

    __slots__ = ("_layouts", "_texts", "arch", "dom0_op", "domctl", "release", "sysctl")

    def __init__(
        self,
        *,
        arch: str,
        sysctl: int,
        domctl: int,
        dom0_op: int,
        release: tuple[int, ...],
        texts: Mapping[str, str],
    ) -> None:
        self.arch = arch
        self.sysctl = sysctl
        self.domctl = domctl
        self.dom0_op = dom0_op
        self.release = release
        self._texts = texts
        self._layouts: dict[str, Layout] = {}

    def __repr__(self) -> str:
        release = ".".join(map(str, self.release))
        return f"<Abi {self.arch} {self.sysctl:#x}/{self.domctl:#x} Xen {release}>"

    @property
    def ops(self) -> tuple[str, ...]:
        """Every op that this pair has, headers left out."""
        return tuple(op for op in self._texts if not op.endswith(".header"))

    def has(self, op: str) -> bool:
        """Say whether this pair has the op (``sysctl.physinfo``, ``domctl.max_mem``...)."""
        return op in self._texts

    def layout(self, op: str) -> Layout:
        """Return the layout of one op. Raises :class:`Unsupported` if the pair hasn't got it."""
        layout = self._layouts.get(op)
        if layout is None:
            text = self._texts.get(op)
            if text is None:
                release = ".".join(map(str, self.release[:2]))
                raise Unsupported(f"Xen {release} has no {op}", operation=op)
            layout = self._layouts[op] = Layout(text)
        return layout

    def payload_offset(self, op: str) -> int:
        """Return where the op's payload begins in its struct, in bytes."""
        family = op.partition(".")[0]
        return self._header(family).u_offset if family in ("sysctl", "domctl") else 0

    def request(
        self, op: str, values: Mapping[str, Value] | None = None, *, domain: int | None = None
    ) -> Request:
        """Build the struct of one op, zero where nothing is said.

        ``domain`` is the target's id; it is in the header since 3.0.3 and in the payload before.
        Raises :class:`Unsupported` if the release has no such op or field,
        :class:`InvalidInput` if a value doesn't fit.
        """
        layout = self.layout(op)
        family = op.partition(".")[0]
        values = dict(values or {})
        if domain is not None and not 0 <= domain <= 0x7FFF:
            raise InvalidInput(f"{op}: {domain} is not a domain id", operation=op)
        if family not in ("sysctl", "domctl"):
            data = bytearray(layout.size)
            layout.pack_into(data, 0, values)
            lead = () if layout.cmd is None else (layout.cmd,)
            return Request(_HYPERCALL[family], lead, bytes(data))
        header = self._header(family)
        version = self.dom0_op or (self.sysctl if family == "sysctl" else self.domctl)
        start: dict[str, Value] = {
            "cmd": layout.cmd or 0,
            "interface_version": 0 if op in _STABLE else version,
        }
        if domain is not None:
            if "domain" in header.fields:
                start["domain"] = domain
            else:
                values["domain"] = domain
        data = bytearray(header.size)
        header.pack_into(data, 0, start)
        layout.pack_into(data, header.u_offset, values)
        return Request(_DOM0_OP if self.dom0_op else _HYPERCALL[family], (), bytes(data))

    def answer(self, op: str, data: bytes | bytearray | memoryview) -> dict[str, Value]:
        """Return every payload field of an op struct that came back."""
        return self.layout(op).unpack(data, self.payload_offset(op))

    def _header(self, family: str) -> Layout:
        # dom0_op has one header for what later became two hypercalls.
        return self.layout("domctl.header" if self.dom0_op else family + ".header")
