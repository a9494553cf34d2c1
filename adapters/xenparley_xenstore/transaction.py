"""Transactions: several reads and writes that happen together or not at all."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import ProtocolError, XenparleyError
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType

from .errors import CHANNEL
from .operations import Operations

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Transaction"]

_log = logging.getLogger("xenparley.xenstore")

#: How long the throwing away of a transaction may take; the daemon does it with the connection.
_ABORT = 1.0


class Transaction(Operations):
    """The store as it was when the transaction began, with the changes made in it.

    It lives on one connection and ends with it. Nothing is visible to others, and nothing that
    goes wrong changes anything, until :meth:`commit`.
    """

    def __init__(self, connection: Connection, deadline: float) -> None:
        """Begin. Raises StoreQuota where too many are open."""
        self._connection = connection
        self._changed = False
        self.open = False
        payload = self._ask(MessageType.TRANSACTION_START, requests.EMPTY, "", deadline)
        transaction_id = replies.number(payload)
        if not 0 < transaction_id <= 0xFFFFFFFF:
            raise ProtocolError(f"not a transaction id: {transaction_id}", channel=CHANNEL)
        self.transaction_id = transaction_id
        self.open = True

    def _connect(self, deadline: float) -> Connection:
        return self._connection

    def _note_change(self) -> bool:
        """A change within a transaction that is not committed did not happen."""
        self._changed = True
        return False

    def commit(self, *, deadline: float) -> None:
        """Make the changes happen.

        Raises:
            StoreConflict: somebody else changed what this transaction saw; nothing was written.
            OutcomeUnknown: no answer, and there were changes.
        """
        self.open = False
        changed, self._changed = self._changed, False
        payload = self._end(True, deadline, changed)
        replies.acknowledged(payload)

    def abort(self) -> None:
        """Throw the changes away. Idempotent; a lost connection has done it already."""
        if not self.open:
            return
        self.open = False
        try:
            self._end(False, time.monotonic() + _ABORT, False)
        except XenparleyError as exc:
            _log.debug("throwing away a XenStore transaction: %s", exc)

    def _end(self, commit: bool, deadline: float, changed: bool) -> bytes:
        # Operations._ask asks _note_change only where a change is told.
        if not changed:
            return self._ask(
                MessageType.TRANSACTION_END, requests.transaction_end(commit), "", deadline
            )
        return _Commit(self._connection, self.transaction_id).end(deadline)


class _Commit(Operations):
    """The one request of a transaction whose outcome can be unknown."""

    def __init__(self, connection: Connection, transaction_id: int) -> None:
        self._connection = connection
        self.transaction_id = transaction_id

    def _connect(self, deadline: float) -> Connection:
        return self._connection

    def end(self, deadline: float) -> bytes:
        """Commit."""
        return self._ask(
            MessageType.TRANSACTION_END,
            requests.transaction_end(True),
            "of changes",
            deadline,
            changes=True,
        )
