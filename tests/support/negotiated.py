"""A whole host as one channel: what the contract kit asks of it, the negotiator carries out.

Listings and look-ups are planned by field and joined from several channels' rows; every other
question and every command goes to whom the plan names, with its rules of falling over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from xenparley import Host
from xenparley.application.reading import OF_DEFINITIONS
from xenparley.domain.errors import XenparleyError
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import Field, GuestInfo, GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import SPECS, Capability, Role
from xenparley.negotiation.offer import (
    Authority,
    Available,
    Offer,
    ProbeResult,
    Unavailable,
    Withheld,
)
from xenparley.plugin.spi import AdapterSpec

__all__ = ["SPEC", "NegotiatedChannel"]

_FIELDS = {
    Capability.LIST_LIVE: frozenset(Field) - OF_DEFINITIONS,
    Capability.FIND_LIVE: frozenset(Field) - OF_DEFINITIONS,
    Capability.LIST_DEFINED: frozenset(Field),
    Capability.FIND_DEFINED: frozenset(Field),
}
_OF_DEFINITIONS = frozenset({EventKind.DEFINED, EventKind.REDEFINED, EventKind.UNDEFINED})
SPEC = AdapterSpec(
    name="negotiated",
    factory="nowhere:made",
    offers=tuple(
        Offer(c, 1.0, Authority.OWNER, dict.fromkeys(_FIELDS.get(c, ()), 1.0)) for c in Capability
    ),
    schemes=frozenset({"xen"}),
    summary="a host with all its channels",
    local_only=False,
)


class NegotiatedChannel:
    """A host, connected at the first probe or call."""

    def __init__(self, connect: Callable[[], Host]) -> None:
        self._connect = connect
        self._host: Host | None = None
        self._closed = False
        self._lock = threading.Lock()

    def host(self) -> Host:
        with self._lock:
            if self._host is None:
                self._host = self._connect()
                if self._closed:
                    self._host.close()
            return self._host

    def probe(self, *, deadline: float) -> ProbeResult:
        try:
            host = self.host()
            host._deadline(0)
        except XenparleyError as exc:
            return Unavailable(str(exc))
        offers = [self._offer(host, offer) for offer in SPEC.offers]
        if not any(offers):
            return Unavailable("no channel is there")
        return Available(
            version="negotiated",
            offers=tuple(offer for offer in offers if offer is not None),
            withheld=tuple(
                Withheld(declared.capability, "no channel offers it")
                for declared, offer in zip(SPEC.offers, offers, strict=True)
                if offer is None
            ),
        )

    @staticmethod
    def _offer(host: Host, declared: Offer) -> Offer | None:
        """Return what the channels offer together; what only force would do is not planned."""
        capability = declared.capability
        made = {
            view.name: told
            for view in host._channels.views()
            if (told := view.offer(capability)) is not None and told.force_only is None
        }
        if not made:
            return None
        fields = frozenset().union(*(each.fields for each in made.values())) & declared.fields
        costs = dict.fromkeys(fields, 1.0)
        if capability is not Capability.EVENTS:
            return Offer(capability, 1.0, Authority.OWNER, costs)
        every = frozenset(EventKind) - {EventKind.RESYNC}
        keepers = host._dispatcher._plan(Capability.DEFINE, False, None).candidates
        kinds = frozenset().union(
            *(
                # Definitions are made where the plan says: who tells of others hears nothing.
                (every if each.events is None else each.events)
                - (frozenset() if name in keepers[:1] else _OF_DEFINITIONS)
                for name, each in made.items()
            )
        )
        return Offer(capability, 1.0, Authority.OWNER, costs, events=kinds)

    def port(self, role: Role) -> Any:
        return _Port(self, role)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._host is not None:
                self._host.close()


def _signed(capability: Capability, method: Callable[..., Any]) -> Callable[..., Any]:
    """Let errors name this channel, as those of one do."""

    def called(*words: Any, **more: Any) -> Any:
        try:
            return method(*words, **more)
        except XenparleyError as exc:
            exc.channel = SPEC.name
            exc.operation = capability.value
            raise

    return called


class _Port:
    """One role: each method is found by the capability that it carries."""

    def __init__(self, channel: NegotiatedChannel, role: Role) -> None:
        self._channel = channel
        for capability, spec in SPECS.items():
            if spec.role is role:
                own = getattr(self, f"_{spec.method}", None)
                setattr(self, spec.method, _signed(capability, own or self._carried(capability)))

    def _carried(self, capability: Capability) -> Callable[..., Any]:
        spec = SPECS[capability]

        def method(*words: Any, deadline: float, **more: Any) -> Any:
            host = self._channel.host()
            host._deadline(0)
            guest = words[0] if words and isinstance(words[0], GuestRef) else None
            only = None
            if guest is not None and guest.domid is None:
                # A definition is its keeper's.
                left = max(0.0, deadline - time.monotonic())
                only = host.find(guest, timeout=left).sources.get(Field.DEFINED)
            way = host._dispatcher.send if spec.command else host._dispatcher.ask
            answer, _ = way(
                capability,
                guest,
                lambda port, until: getattr(port, spec.method)(*words, deadline=until, **more),
                deadline,
                only=only,
            )
            return answer

        return method

    # -- listings: the parameter names are those of the port

    def _list_live(
        self,
        fields: Collection[Field],
        *,
        domids: Collection[int] | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        host = self._channel.host()
        host._deadline(0)
        found = host._reader.live((*fields, Field.UUID), deadline, domids=domids)
        return [_row(guest, fields) for guest in found.guests]

    def _find_live(
        self,
        fields: Collection[Field],
        *,
        domid: int | None = None,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        if domid is not None:
            return self._list_live(fields, domids=[domid], deadline=deadline)
        key = Field.UUID if uuid is not None else Field.NAME
        rows = self._list_live({*fields, key}, deadline=deadline)
        return [row for row in rows if row.values.get(key) == (uuid or name)]

    def _list_defined(self, fields: Collection[Field], *, deadline: float) -> Sequence[GuestRow]:
        host = self._channel.host()
        host._deadline(0)
        out: dict[str, str] = {}
        found, _ = host._reader.all_definitions(fields, deadline, out)
        assert not out, out
        return [each.row for each in found]

    def _find_defined(
        self,
        fields: Collection[Field],
        *,
        uuid: str | None = None,
        name: str | None = None,
        deadline: float,
    ) -> Sequence[GuestRow]:
        key = Field.UUID if uuid is not None else Field.NAME
        rows = self._list_defined({*fields, key}, deadline=deadline)
        return [row for row in rows if row.values.get(key) == (uuid or name)]

    def _subscribe(self, callback: Callable[[GuestEvent], None], *, deadline: float) -> _Told:
        host = self._channel.host()
        return _Told(host.events(timeout=deadline - time.monotonic()), callback)


def _row(guest: GuestInfo, fields: Collection[Field]) -> GuestRow:
    values = {f: value for f in fields if (value := getattr(guest, f.value)) is not None}
    if Field.REASON in fields and Field.REASON not in guest.missing:
        values.setdefault(Field.REASON, None)  # it is not shut down
    return GuestRow(guest.domid, guest.uuid, values, dict(guest.missing))


class _Told:
    """A stream that is read by a thread of its own."""

    def __init__(self, stream: Any, callback: Callable[[GuestEvent], None]) -> None:
        self._stream = stream
        self._callback = callback
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for event in self._stream:
            if not self._open:
                return
            try:
                self._callback(event)
            except Exception as exc:  # as of a channel: told, and called again
                print(f"{EventKind(event.kind).value}: {exc!r}")

    def close(self) -> None:
        self._open = False
        self._stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(20)
