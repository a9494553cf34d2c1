"""One connection of libvirt's: opened when needed, every call within its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import libvirt

from xenparley.domain import errors
from xenparley.domain.identity import GuestRef, canonical_uuid, check_domid
from xenparley.negotiation.capability import SPECS, Capability

__all__ = ["Session", "defined", "living"]

T = TypeVar("T")

_KINDS: dict[int, type[errors.XenparleyError]] = {
    libvirt.VIR_ERR_NO_DOMAIN: errors.NotFound,
    libvirt.VIR_ERR_DOM_EXIST: errors.AlreadyExists,
    libvirt.VIR_ERR_INVALID_ARG: errors.InvalidInput,
    libvirt.VIR_ERR_XML_ERROR: errors.InvalidInput,
    libvirt.VIR_ERR_XML_DETAIL: errors.InvalidInput,
    libvirt.VIR_ERR_OPERATION_INVALID: errors.InvalidState,
    libvirt.VIR_ERR_NO_SUPPORT: errors.Unsupported,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: errors.Unsupported,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: errors.Unsupported,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: errors.Unsupported,
    libvirt.VIR_ERR_OPERATION_DENIED: errors.AccessRefused,
    libvirt.VIR_ERR_ACCESS_DENIED: errors.AccessRefused,
    libvirt.VIR_ERR_AUTH_FAILED: errors.AccessRefused,
    libvirt.VIR_ERR_AUTH_CANCELLED: errors.AccessRefused,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: errors.AccessRefused,
}
#: Errors of the way to libvirt's daemon: the daemon itself may have got the command.
_ON_THE_WAY = frozenset({libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_STREAMS})


def _silent(*_: object) -> None:
    """Take libvirt's messages: it would print them, and each is an exception too."""


libvirt.registerErrorHandler(_silent, None)


class Session:
    """A connection. Safe for several threads, as libvirt's connections are."""

    def __init__(self, uri: str, channel: str) -> None:
        self.uri = uri
        self._channel = channel
        self._lock = threading.Lock()
        self._connection: Any = None
        self._closed = False
        self._stuck: str | None = None

    def call(
        self,
        capability: Capability | None,
        guest: GuestRef | None,
        deadline: float,
        work: Callable[[Any], T],
    ) -> T:
        """Do ``work(connection)`` by the deadline; every error leaves as xenparley's.

        libvirt knows no deadlines, so that the work is done by a thread which is left alone when
        it is late: of a command nobody knows then whether it was carried out.
        """
        operation = "probe" if capability is None else capability.value
        command = capability is not None and SPECS[capability].command
        try:
            return self._within(deadline, work, command)
        except libvirt.libvirtError as exc:
            error = self._translated(exc, command)
            raise self._about(error, operation, guest) from exc
        except errors.XenparleyError as exc:
            self._about(exc, operation, guest)
            raise

    def _within(self, deadline: float, work: Callable[[Any], T], command: bool) -> T:
        left = deadline - time.monotonic()
        if left <= 0:
            raise errors.DeadlineExceeded("the deadline had passed before libvirt was asked")
        if self._stuck is not None:
            raise errors.Unavailable(f"libvirt did not answer before: {self._stuck}")
        done: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                done.append(work(self._opened()))
            except BaseException as exc:  # noqa: BLE001 - it is raised by the caller's thread
                failed.append(exc)

        thread = threading.Thread(target=run, name="xenparley-libvirt", daemon=True)
        thread.start()
        thread.join(left)
        if failed:
            raise failed[0]
        if done:
            return done[0]
        self._stuck = "a call did not come back by its deadline"
        kind = errors.OutcomeUnknown if command else errors.DeadlineExceeded
        raise kind("libvirt did not answer by the deadline")

    def _opened(self) -> Any:
        with self._lock:
            if self._closed:
                raise errors.ChannelLost("the channel is closed")
            if self._connection is not None and not self._connection.isAlive():
                self._connection.close()
                self._connection = None
            if self._connection is None:
                try:
                    self._connection = libvirt.open(self.uri)
                except libvirt.libvirtError as exc:
                    # Nothing was asked yet, whatever the command.
                    kind = _KINDS.get(exc.get_error_code())
                    refused = kind is errors.AccessRefused
                    raise (errors.AccessRefused if refused else errors.Unavailable)(
                        f"{self.uri}: {exc}"
                    ) from exc
            return self._connection

    def close(self) -> None:
        """Close the connection; a call that hangs is left alone. Idempotent."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection is not None and self._stuck is None:
            connection.close()

    def _translated(self, exc: Any, command: bool) -> errors.XenparleyError:
        kind = _KINDS.get(exc.get_error_code())
        if kind is None and exc.get_error_domain() in _ON_THE_WAY:
            kind = errors.OutcomeUnknown if command else errors.ChannelLost
        return (kind or errors.OperationFailed)(f"libvirt: {exc}")

    def _about(
        self, error: errors.XenparleyError, operation: str, guest: GuestRef | None
    ) -> errors.XenparleyError:
        error.channel = error.channel or self._channel
        error.operation = error.operation or operation
        error.guest = error.guest or (None if guest is None else str(guest))
        return error


def living(connection: Any, guest: GuestRef) -> Any:
    """Return libvirt's domain for a living guest. NotFound: gone, or the id is another's by now."""
    if guest.domid is None:
        raise errors.NotFound(f"{guest} is not living")
    domain = connection.lookupByID(check_domid(guest.domid))
    if guest.uuid is not None and domain.UUIDString() != guest.uuid:
        raise errors.NotFound(f"{guest}: the domain id is {domain.UUIDString()}'s by now")
    return domain


def defined(connection: Any, guest: GuestRef) -> Any:
    """Return libvirt's domain for a definition, by UUID; by name only when there is none."""
    if guest.uuid is not None:
        domain = connection.lookupByUUIDString(canonical_uuid(guest.uuid))
    else:
        domain = connection.lookupByName(lookable(guest.name))
    if not domain.isPersistent():
        raise errors.NotFound(f"{guest} is not defined")
    return domain


def lookable(name: str | None) -> str:
    """Return a name that C can hold. NotFound: nobody has another."""
    try:
        if not name or "\0" in name or not name.encode():
            raise errors.NotFound("no such name")
    except UnicodeEncodeError as exc:
        raise errors.NotFound("no such name") from exc
    return name
