"""Which guests there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from xenparley.domain.guest import Field, GuestRow

__all__ = ["Inventory"]


class Inventory(Protocol):
    """Lists guests and looks them up. Reads only; a row carries what was asked and is known."""

    def list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return a row for each living guest, Domain 0 included (only ``domids``, when given).

        The offer must list Field.DOMID among its fields, or it is never planned.
        ``row.uuid`` is the handle where Field.UUID was asked or costs nothing. A guest that
        vanishes while it is read is left out; an id that isn't living is no error.
        Raises AccessRefused, ChannelLost, ProtocolError, DeadlineExceeded.
        """
        ...

    def list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        """Return a row for each definition, whether its guest is living or not.

        ``row.domid`` is None. What can't be read hides no other: it is told in ``row.absent``.
        """
        ...

    def find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every living guest that matches the one criterion given; empty: none does.

        ``uuid`` is canonical. Several holders of a name or UUID are all returned.
        """
        ...

    def find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        """Return every definition that matches the one criterion given; empty: none does."""
        ...
