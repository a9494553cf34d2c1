"""What can be asked of the daemon itself: domains, features, quotas."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from xenparley.domain.errors import DeadlineExceeded
from xenparley_wire import xenstore_replies as replies
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import Feature, Message, MessageType

from .bulk import wrong_type
from .errors import store_error
from .operations import Operations

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["DaemonOperations"]

#: How long the device's daemon may take for a request that it may not know, in seconds.
_PATIENCE = 3.0


class DaemonOperations(Operations):
    """Requests that are not about nodes."""

    def _ask_young(self, kind: MessageType, payload: bytes, subject: str, deadline: float) -> bytes:
        """Send a request that the daemon may not know.

        The C daemon answers ENOSYS then; oxenstored answers nothing at all. So a request that
        every daemon knows goes right behind it: answers come in the order of the requests, and if
        its answer is the first, then the other one was not understood, and nothing was done.
        """
        connection = self._connect(deadline)
        if connection.serial:
            return self._ask_serial(connection, kind, payload, subject, deadline)
        exchange = connection.exchange(deadline)
        ids = exchange.send([(kind, payload), (MessageType.GET_DOMAIN_PATH, requests.domain(0))])
        answer = exchange.take(leave=1)[0]
        if answer.request_id != ids[0]:
            connection.abandon(exchange)
            raise store_error("ENOSYS", kind.name, subject)
        exchange.take()
        return _answered(connection, kind, subject, answer)

    def _ask_serial(
        self,
        connection: Connection,
        kind: MessageType,
        payload: bytes,
        subject: str,
        deadline: float,
    ) -> bytes:
        """Do the same where nothing passes an unanswered request: by the clock.

        A connection with a request that is never answered is of no more use: it is ended.
        """
        patience = time.monotonic() + _PATIENCE
        try:
            answer = connection.call(kind, payload, min(deadline, patience))
        except DeadlineExceeded:
            connection.end()
            if deadline < patience:
                raise
            raise store_error("ENOSYS", kind.name, subject) from None
        return _answered(connection, kind, subject, answer)

    # Domains

    def domain_path(self, domain_id: int, *, deadline: float) -> str:
        """Return a domain's own folder, ``/local/domain/N``; it need not exist."""
        payload = requests.domain(domain_id)
        return replies.text(
            self._ask(MessageType.GET_DOMAIN_PATH, payload, str(domain_id), deadline)
        )

    def is_introduced(self, domain_id: int, *, deadline: float) -> bool:
        """Say whether the daemon serves this domain's ring."""
        payload = requests.domain(domain_id)
        return replies.truth(
            self._ask(MessageType.IS_DOMAIN_INTRODUCED, payload, str(domain_id), deadline)
        )

    def introduce(self, domain_id: int, frame: int, event_channel: int, *, deadline: float) -> None:
        """Tell the daemon of a new domain: the domain builder's business, not a manager's."""
        payload = requests.introduce(domain_id, frame, event_channel)
        self._change(MessageType.INTRODUCE, payload, str(domain_id), deadline)

    def release(self, domain_id: int, *, deadline: float) -> None:
        """Have the daemon let go of a domain's ring; watchers see ``@releaseDomain``."""
        self._change(MessageType.RELEASE, requests.domain(domain_id), str(domain_id), deadline)

    def resume(self, domain_id: int, *, deadline: float) -> None:
        """Have the daemon forget that a domain shut down (3.1), after a suspend undone."""
        self._change(MessageType.RESUME, requests.domain(domain_id), str(domain_id), deadline)

    def set_target(self, domain_id: int, target: int, *, deadline: float) -> None:
        """Give a device model's domain its target's rights (3.3)."""
        payload = requests.set_target(domain_id, target)
        self._change(MessageType.SET_TARGET, payload, f"{domain_id} {target}", deadline)

    # The daemon

    def control(self, command: str, *arguments: str, deadline: float) -> str:
        """Send a command to the daemon itself (DEBUG up to 4.8), and return its text."""
        payload = requests.control(command, *arguments)
        answer = self._ask(MessageType.CONTROL, payload, command, deadline, changes=True)
        return answer.rstrip(b"\0").decode("utf-8", "replace")

    def reset_watches(self, *, deadline: float) -> None:
        """Have the daemon forget the watches of this connection (4.2)."""
        self._change(MessageType.RESET_WATCHES, requests.EMPTY, "", deadline)

    def features(self, domain_id: int | None = None, *, deadline: float) -> Feature:
        """Return the daemon's features, or those of one domain (4.21)."""
        payload = requests.features(domain_id)
        return Feature(
            replies.number(self._ask_young(MessageType.GET_FEATURE, payload, "", deadline))
        )

    def set_features(self, domain_id: int, value: Feature, *, deadline: float) -> None:
        """Say which features a domain gets, before it is introduced (4.21)."""
        payload = requests.features(domain_id, value)
        replies.acknowledged(
            self._ask_young(MessageType.SET_FEATURE, payload, str(domain_id), deadline)
        )

    def quota_names(self, *, deadline: float) -> list[str]:
        """Return the names of the daemon's quotas (4.22)."""
        payload = self._ask_young(MessageType.GET_QUOTA, requests.quota(), "", deadline)
        return replies.text(payload, "names of quotas").split()

    def quota(self, name: str, domain_id: int | None = None, *, deadline: float) -> int:
        """Return a quota, of one domain or the one for new domains (4.22). 0 is unlimited."""
        payload = requests.quota(name, domain_id)
        return replies.number(self._ask_young(MessageType.GET_QUOTA, payload, name, deadline))

    def set_quota(
        self, name: str, value: int, domain_id: int | None = None, *, deadline: float
    ) -> None:
        """Set a quota, of one domain or the one for new domains (4.22). 0 is unlimited."""
        payload = requests.quota(name, domain_id, value)
        replies.acknowledged(self._ask_young(MessageType.SET_QUOTA, payload, name, deadline))


def _answered(connection: Connection, kind: MessageType, subject: str, answer: Message) -> bytes:
    if answer.type == MessageType.ERROR:
        raise store_error(replies.error_name(answer.payload), kind.name, subject)
    if answer.type != kind:
        raise wrong_type(connection, kind, answer.type)
    return answer.payload
