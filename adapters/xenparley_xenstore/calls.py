"""What every call of a port does: its deadline, its errors, and whose domain id this is."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    DeadlineExceeded,
    NotFound,
    ProtocolError,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.identity import DOM0_HANDLE, MAX_DOMID
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.bulk import ask_many
from xenparley_xenstore.errors import CHANNEL, store_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xenparley.domain.identity import GuestRef
    from xenparley.negotiation.capability import Capability
    from xenparley_xenstore.client import XenStore
    from xenparley_xenstore.operations import Operations

__all__ = ["Calls", "Living", "living", "text", "texts", "uuid_of"]

# A second domain with the UUID gets the suffix -1 (XenD 3.2 and later).
_VM = re.compile(r"/vm/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:-\d+)?/?\Z")


class Living(NamedTuple):
    """A domain that was there when we looked. ``vm`` is its /vm path, suffix and all."""

    domid: int
    uuid: str | None
    vm: str | None

    @property
    def path(self) -> str:
        """The domain's own folder."""
        return f"/local/domain/{self.domid}"


class Calls:
    """The client, and what the ports share."""

    def __init__(self, store: XenStore, sysfs: str) -> None:
        self.store = store
        self.sysfs = sysfs
        self.closed = False

    @contextlib.contextmanager
    def call(
        self, capability: Capability, deadline: float, guest: GuestRef | None = None
    ) -> Iterator[XenStore]:
        """Run one call of a port: errors leave with guest, operation and channel."""
        try:
            yield self._open(deadline)
        except XenparleyError as exc:
            exc.operation = capability.value
            exc.channel = CHANNEL
            if guest is not None:
                exc.guest = str(guest)
            raise

    @contextlib.contextmanager
    def probing(self, deadline: float) -> Iterator[XenStore]:
        """Run the probe."""
        yield self._open(deadline)

    def _open(self, deadline: float) -> XenStore:
        if self.closed:
            raise Unavailable("the XenStore channel is closed", retry_safe=True)
        if time.monotonic() >= deadline:
            raise DeadlineExceeded("no time left to ask XenStore")
        return self.store


def text(value: bytes | None) -> str | None:
    """Return a value as text; bytes that are no UTF-8 become escapes."""
    return None if value is None else value.decode("utf-8", "backslashreplace")


def texts(store: Operations, paths: Sequence[str], deadline: float) -> list[str | None]:
    """Read many values as text."""
    return [text(value) for value in store.read_many(paths, deadline=deadline)]


def uuid_of(vm: str | None) -> str | None:
    """Return the UUID in a domain's ``vm`` key; None where there is none to be read."""
    match = _VM.match(vm.lower()) if vm is not None else None
    return match[1] if match else None


def living(store: Operations, guest: GuestRef, deadline: float) -> Living:
    """Return the domain that is meant, if it is there and is the one that is meant.

    Raises:
        NotFound: no such domain; or its UUID is another's; or it can't be told whose it is.
    """
    domid = guest.domid
    if domid is None or not 0 <= domid <= MAX_DOMID:
        raise NotFound(f"{guest} is not living")
    introduced, vm = ask_many(
        store,
        [
            (MessageType.IS_DOMAIN_INTRODUCED, requests.domain(domid)),
            (MessageType.READ, requests.path(f"/local/domain/{domid}/vm")),
        ],
        deadline,
    )
    if not is_introduced(introduced):
        raise NotFound(f"{guest}: XenStore serves no such domain")
    path = text(vm[1]) if vm[0] == MessageType.READ else None
    uuid = DOM0_HANDLE if domid == 0 else uuid_of(path)
    if guest.uuid is not None and guest.uuid.lower() != uuid:
        whose = f"belongs to {uuid}" if uuid else "has no vm key"
        raise NotFound(f"{guest}: domain id {domid} {whose}, not to {guest.uuid}")
    return Living(domid, uuid, path)


def is_introduced(answer: tuple[int, bytes]) -> bool:
    """Read the answer to IS_DOMAIN_INTRODUCED."""
    kind, payload = answer
    if kind == MessageType.IS_DOMAIN_INTRODUCED:
        return replies.truth(payload)
    if kind == MessageType.ERROR:
        name = replies.error_name(payload)
        if name == "ENOENT":
            return False
        raise store_error(name, "IS_DOMAIN_INTRODUCED", "")
    raise ProtocolError(f"IS_DOMAIN_INTRODUCED was answered with type {kind}")
