"""What XenD is asked, whichever door it is reached by; answers are S-expressions.

``key`` is how a guest is named to XenD: a domain id, a UUID (3.0.4 and later) or a name. XenD
looks for a *name* first, so whoever acts checks before whose answer a key gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from xenparley_wire.sxp import Sexp

if TYPE_CHECKING:
    from xenparley_xend.release import Release

__all__ = ["READS", "Door", "Op", "Value"]

#: What a parameter may be; a list is an S-expression.
Value = str | int | bool | Sequence[Sexp]

#: Operations on a guest that change nothing.
READS = frozenset(
    {
        "vcpuinfo",
        "devices",
        "domain_sched_credit_get",
        "domain_sched_credit2_get",
        "cpu_sedf_get",
    }
)


class Op(NamedTuple):
    """An operation on a guest: XenD's name for it and its parameters, in XenD's order.

    The parameters are those that any release demands: XenD ignores what it doesn't know, and
    refuses when one is missing.
    """

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()


class Door(Protocol):
    """One way of asking XenD."""

    #: ``http`` or ``xmlrpc``.
    kind: str

    def learn(self, release: Release) -> None:
        """Take in the host's release: what is sent may differ by it."""
        ...

    def node(self, deadline: float) -> Sexp:
        """Return ``(node (key value)...)``."""
        ...

    def names(self, state: str | None, deadline: float) -> list[str]:
        """Return the guests' names: running ones, with ``state`` (3.0.4 and later) those in it."""
        ...

    def running(self, deadline: float) -> list[Sexp]:
        """Return the details of the guests that XenD lists by itself, in one request.

        From 3.0.4 on these are the running ones; paused and crashed ones are missing.
        """
        ...

    def everything(self, deadline: float) -> list[Sexp] | None:
        """Return the details of every guest in one request; None when this door can't."""
        ...

    def domain(self, key: str, deadline: float) -> Sexp:
        """Return ``(domain ...)``. Raises NotFound."""
        ...

    def ask(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Carry out one of :data:`READS`."""
        ...

    def command(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Carry out an operation that changes something; sent at most once."""
        ...

    def create(self, config: list[Sexp], deadline: float) -> Sexp:
        """Make a guest, paused; returns its ``(domain ...)``."""
        ...

    def new(self, config: list[Sexp], deadline: float) -> None:
        """Register a definition (3.0.4 and later)."""
        ...

    def restore(self, path: str, paused: bool, deadline: float) -> str | Sexp | None:
        """Restore a guest; returns its key or its ``(domain ...)``, if that is told."""
        ...

    def dmesg(self, deadline: float) -> str:
        """Return the hypervisor's console ring."""
        ...

    def close(self) -> None:
        """End calls in flight, let go of connections."""
        ...
