"""One channel as the application holds it: made, probed, called, lost and found again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from xenparley.application.calls import Caller, Overdue
from xenparley.domain.errors import (
    DeadlineExceeded,
    InvalidInput,
    OutcomeUnknown,
    PluginError,
    Unavailable,
    XenparleyError,
)
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.health import Health
from xenparley.negotiation.offer import Available, Offer, ProbeResult, Refused, Withheld
from xenparley.negotiation.offer import Unavailable as NotThere
from xenparley.negotiation.plan import ChannelView
from xenparley.plugin.log import logger
from xenparley.plugin.spi import AdapterSpec, Channel

__all__ = ["ChannelHandle", "ChannelStatus"]

T = TypeVar("T")


class ChannelStatus(NamedTuple):
    """A channel as told to people.

    ``state``: available, unavailable, refused, lost, quarantined.
    """

    name: str
    state: str
    summary: str
    version: str | None = None
    reason: str | None = None
    offers: tuple[Offer, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    facts: Mapping[str, str] = MappingProxyType({})
    #: Seconds until it is probed again, when it isn't available.
    retry_in_s: float | None = None


class ChannelHandle:
    """Owns one adapter's channel. Safe for several threads."""

    def __init__(
        self,
        spec: AdapterSpec,
        make: Callable[[], Channel],
        refusal: str | None = None,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self._make = make
        self._channel: Channel | None = None
        self._caller = Caller(spec.name, serial=not spec.thread_safe)
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._health = Health()
        self._probing = False
        self._closed = False
        self._quarantined: str | None = None
        self._lost = False
        #: What the factory raised about its settings.
        self.misconfigured: InvalidInput | None = None
        self._result: ProbeResult = (
            Refused(refusal) if refusal is not None else NotThere("not probed yet")
        )

    # -- what it is now ----------------------------------------------------------------------

    @property
    def view(self) -> ChannelView:
        """What the planner sees."""
        return ChannelView(name=self.name, result=self._result)

    def status(self) -> ChannelStatus:
        """Return what people are told."""
        with self._lock:
            result = self._result
            retry = self._health.retry_in(time.monotonic())
        if isinstance(result, Available):
            return ChannelStatus(
                name=self.name,
                summary=self.spec.summary,
                state="available",
                version=result.version,
                offers=result.offers,
                withheld=result.withheld,
                facts=dict(result.facts),
            )
        reason = result.reason
        if self._quarantined is not None:
            state, reason, retry = "quarantined", self._quarantined, None
        elif isinstance(result, Refused):
            state, retry = "refused", None
        else:
            state = "lost" if self._lost else "unavailable"
        return ChannelStatus(
            name=self.name, summary=self.spec.summary, state=state, reason=reason, retry_in_s=retry
        )

    # -- probing -----------------------------------------------------------------------------

    def prepare(self, deadline: float) -> bool:
        """Import and make the adapter; say whether there is something to probe. Never raises."""
        if self._channel is not None:
            return True
        self._step("making it", self._made, deadline)
        return self._channel is not None

    def probe(self, deadline: float) -> None:
        """Probe once; the result shows in :attr:`view`. Never raises, except KeyboardInterrupt."""
        self._step("its probe", lambda: self._made().probe(deadline=deadline), deadline)

    def refuse(self, reason: str) -> None:
        """Policy says no, whatever the probe said."""
        with self._lock:
            self._result = Refused(reason)

    def due(self, now: float) -> bool:
        """Say whether it is lost or missing, and time for another probe."""
        with self._lock:
            return (
                not self._probing
                and not self._closed
                and self._quarantined is None
                and self._health.due(now)
            )

    def _refused(self) -> bool:
        return isinstance(self._result, Refused)

    def _step(self, what: str, function: Callable[[], object], deadline: float) -> None:
        """Do a step once none is under way; a probe's result or a failure shows in the view.

        Nothing is left to do when the one that was waited for made the channel available.
        """
        with self._settled:
            waited = self._probing
            while self._probing:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._settled.wait(left)
            if self._closed or self._quarantined or self._refused():
                return
            if waited and isinstance(self._result, Available):
                return
            self._probing = True
        try:
            result = self._attempt(what, function, deadline)
            if result is not self._channel:
                self._take(result)
        finally:
            with self._settled:
                self._probing = False
                self._settled.notify_all()

    def _attempt(self, what: str, function: Callable[[], object], deadline: float) -> object:
        try:
            return self._caller.call(function, deadline)
        except Overdue:
            reason = f"{what} did not come back by the deadline; it is not asked again"
            self._quarantine(reason)
            return NotThere(reason)
        except XenparleyError as exc:
            return NotThere(str(exc))
        except Exception as exc:  # noqa: BLE001 - an adapter's own failure
            logger("channels").warning("%s: %s raised", self.name, what, exc_info=exc)
            return NotThere(f"{what} raised {type(exc).__name__}: {exc}")

    def _made(self) -> Channel:
        # The factory is imported and called on the worker too: it may hang or raise.
        if self._channel is None:
            try:
                self._channel = self._make()
            except InvalidInput as exc:
                self.misconfigured = exc
                raise
        return self._channel

    def _take(self, result: object) -> None:
        now = time.monotonic()
        with self._lock:
            if self._quarantined is not None:
                return
            if isinstance(result, Available):
                declared = {o.capability for o in self.spec.offers}
                extra = [o.capability.value for o in result.offers if o.capability not in declared]
                if extra:
                    result = NotThere(f"offers what it did not declare: {', '.join(extra)}")
            elif not isinstance(result, (NotThere, Refused)):
                result = NotThere(f"its probe returned {type(result).__name__}")
            if isinstance(result, Available):
                if self._lost:
                    logger("channels").info("channel %s is back", self.name)
                self._lost = False
                self._health.recovered()
            else:
                self._health.failed(now)
            self._result = result

    # -- calling -----------------------------------------------------------------------------

    def call(
        self,
        capability: Capability,
        function: Callable[[Any], T],
        *,
        deadline: float,
        guest: str | None = None,
    ) -> T:
        """Call ``function(port)`` on a worker and translate what goes wrong.

        A read that does not come back is DeadlineExceeded, a command OutcomeUnknown; an error
        that is not ours is PluginError for a read, OutcomeUnknown for a command. A channel that
        says it is lost is demoted.
        """
        spec = SPECS[capability]
        operation = capability.value
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(
                f"{operation}: no time left, nothing was sent to {self.name}",
                guest=guest,
                operation=operation,
                channel=self.name,
            )
        try:
            result = self._caller.call(lambda: function(self._made().port(spec.role)), deadline)
        except Overdue as exc:
            reason = f"{operation} did not come back by its deadline"
            self._quarantine(f"{reason}; it is not asked again")
            kind = OutcomeUnknown if spec.command else DeadlineExceeded
            raise kind(
                f"{self.name}: {reason}", guest=guest, operation=operation, channel=self.name
            ) from exc
        except XenparleyError as exc:
            exc.channel = exc.channel or self.name
            exc.operation = exc.operation or operation
            exc.guest = exc.guest or guest
            if isinstance(exc, Unavailable):
                self._note_loss(str(exc))
            raise
        except Exception as exc:
            logger("channels").warning("%s of %s raised", operation, self.name, exc_info=exc)
            text = f"{self.name}: the adapter raised {type(exc).__name__}: {exc}"
            failure = OutcomeUnknown if spec.command else PluginError
            raise failure(text, guest=guest, operation=operation, channel=self.name) from exc
        return result

    def _note_loss(self, reason: str) -> None:
        with self._lock:
            if isinstance(self._result, Available):
                logger("channels").warning("channel %s is lost: %s", self.name, reason)
                self._lost = True
                self._health.failed(time.monotonic())
                self._result = NotThere(f"lost: {reason}")

    def _quarantine(self, reason: str) -> None:
        logger("channels").error("channel %s is quarantined: %s", self.name, reason)
        with self._lock:
            self._quarantined = reason
            self._result = NotThere(reason)

    def close(self, deadline: float) -> None:
        """Close the channel, once; an adapter that hangs or raises in it is logged."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._result = NotThere("closed")
            channel = self._channel
        if channel is not None and self._quarantined is None:
            closer = Caller(self.name)
            try:
                closer.call(channel.close, deadline)
            except Overdue:
                logger("channels").warning("closing %s did not end in time", self.name)
            except Exception as exc:  # noqa: BLE001 - nobody could do more
                logger("channels").warning("closing %s raised", self.name, exc_info=exc)
            closer.close()
        self._caller.close()
