"""What can be asked of the store, within a transaction or without one.

Paths are absolute (``/local/domain/0/name``) or relative to domain 0; values are bytes. Every
call takes ``deadline``, a point on ``time.monotonic()``, and raises

* :class:`~xenparley.domain.errors.InvalidInput` for what no daemon would take: nothing was sent;
* a subclass of :class:`~xenparley_xenstore.errors.StoreError` for the daemon's own error words;
* Unavailable (and NoChannel), ChannelLost, ProtocolError, DeadlineExceeded for the way there;
* OutcomeUnknown from a call that changes something, when it was sent and never answered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
)
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType, Permission

from .errors import CHANNEL, StoreNotFound, StoreTooBig, StoreUnsupported, store_error
from .transport import PartlySent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .connection import Connection
    from .walk import Node

__all__ = ["Operations"]


class Operations(ABC):
    """The store's operations over some connection."""

    #: The transaction that requests belong to; 0 is none.
    transaction_id = 0

    @abstractmethod
    def _connect(self, deadline: float) -> Connection:
        """Return the connection to use."""

    def _note_change(self) -> bool:
        """Say whether a change that is sent and not answered has an unknown outcome."""
        return True

    def _ask(
        self,
        kind: MessageType,
        payload: bytes,
        subject: str,
        deadline: float,
        *,
        changes: bool = False,
    ) -> bytes:
        """Send one request; return the payload of its answer."""
        connection = self._connect(deadline)
        if len(payload) > connection.request_max:
            raise InvalidInput(
                f"XenStore request of {len(payload)} bytes of payload, "
                f"{connection.name} carries {connection.request_max}"
            )
        ambiguous = changes and self._note_change()
        exchange = connection.exchange(deadline)
        try:
            exchange.send([(kind, payload)], self.transaction_id)
        except PartlySent as exc:
            # The daemon acts on whole requests only.
            raise ChannelLost(exc.message, channel=CHANNEL, retry_safe=True) from exc
        try:
            answer = exchange.take()[0]
        except (ChannelLost, ProtocolError, DeadlineExceeded, Unavailable) as exc:
            if not ambiguous:
                raise
            raise OutcomeUnknown(
                f"XenStore {kind.name} {subject} was sent and not answered: {exc.message}",
                operation=kind.name,
                channel=CHANNEL,
            ) from exc
        if answer.type == kind:
            return answer.payload
        if answer.type == MessageType.ERROR:
            raise store_error(replies.error_name(answer.payload), kind.name, subject)
        wrong = ProtocolError(
            f"{connection.name} answered {kind.name} with type {answer.type}", channel=CHANNEL
        )
        connection.end(wrong)
        raise wrong

    # Reading

    def read(self, path: str, *, deadline: float) -> bytes:
        """Return the value of a node."""
        return self._ask(MessageType.READ, requests.path(path), path, deadline)

    def exists(self, path: str, *, deadline: float) -> bool:
        """Say whether there is such a node."""
        try:
            self.read(path, deadline=deadline)
        except StoreNotFound:
            return False
        return True

    def directory(self, path: str, *, deadline: float) -> list[str]:
        """Return the names of a node's children, in the daemon's order.

        A listing that is too long for one answer is fetched in parts (DIRECTORY_PART, 4.9).

        Raises:
            StoreTooBig: it is too long and the daemon has no parts: oxenstored behind the
                kernel's device. Take the domain ids from the hypervisor instead.
        """
        try:
            payload = self._ask(MessageType.DIRECTORY, requests.path(path), path, deadline)
        except StoreTooBig:
            try:
                return self._directory_in_parts(path, deadline)
            except StoreUnsupported as exc:
                raise store_error("E2BIG", "DIRECTORY", path) from exc
        return replies.directory(payload)

    def _directory_in_parts(self, path: str, deadline: float) -> list[str]:
        """Fetch a listing part by part; begin anew when it changes meanwhile."""
        names: list[str] = []
        offset = 0
        generation = ""
        while True:
            payload = self._ask(
                MessageType.DIRECTORY_PART,
                requests.directory_part(path, offset),
                path,
                deadline,
            )
            current, part, length, last = replies.directory_part(payload)
            if offset and current != generation:
                names, offset, generation = [], 0, ""
                continue
            generation = current
            names += part
            offset += length
            if last:
                return names
            if not length:
                raise ProtocolError(f"a part of {path} that is empty and not the last one")

    def permissions(self, path: str, *, deadline: float) -> list[Permission]:
        """Return who may do what; the first entry is the owner's and the default."""
        return replies.permissions(
            self._ask(MessageType.GET_PERMS, requests.path(path), path, deadline)
        )

    def read_many(self, paths: Sequence[str], *, deadline: float) -> list[bytes | None]:
        """Return the values of many nodes, None where there is no such node.

        The requests are pipelined: 32 are in flight, however many there are.
        """
        from .bulk import read_many

        return read_many(self._connect(deadline), self.transaction_id, paths, deadline)

    def walk(self, path: str = "/", *, values: bool = True, deadline: float) -> Iterator[Node]:
        """Yield a node and all below it, a parent before its children, in the daemon's order.

        Pipelined, and with bounded memory: what is fetched ahead of the consumer is limited.
        A node that disappears meanwhile is left out. Without ``values`` they are not read.

        Raises:
            StoreNotFound: there is no node of that path.
        """
        from .walk import walk

        return walk(self, self._connect(deadline), path, values, deadline)

    # Changing

    def write(self, path: str, value: bytes, *, deadline: float) -> None:
        """Set a value; makes the node and its parents if need be.

        Writing below a domain that is gone makes a ghost of it: read its ``domid`` first, in the
        same transaction.
        """
        self._change(MessageType.WRITE, requests.write(path, value), path, deadline)

    def mkdir(self, path: str, *, deadline: float) -> None:
        """Make a node with an empty value; one that is there is left as it is."""
        self._change(MessageType.MKDIR, requests.path(path), path, deadline)

    def remove(self, path: str, *, deadline: float) -> None:
        """Remove a node and all below it; it is no error if it is not there but its parent is.

        A large tree keeps the C daemon busy for many seconds: see ``XenStore.remove_tree``.
        """
        self._change(MessageType.RM, requests.path(path), path, deadline)

    def set_permissions(self, path: str, entries: Sequence[Permission], *, deadline: float) -> None:
        """Replace the permissions of a node; the first entry names the owner."""
        self._change(MessageType.SET_PERMS, requests.permissions(path, entries), path, deadline)

    def _change(self, kind: MessageType, payload: bytes, subject: str, deadline: float) -> None:
        """Make a change; a nonsensical acknowledgement leaves the outcome unknown."""
        answer = self._ask(kind, payload, subject, deadline, changes=True)
        try:
            replies.acknowledged(answer)
        except ProtocolError as exc:
            raise OutcomeUnknown(
                f"XenStore {kind.name} {subject}: {exc.message}",
                operation=kind.name,
                channel=CHANNEL,
            ) from exc
