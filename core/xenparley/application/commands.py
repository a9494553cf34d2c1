"""libvirt's verbs: each tells *accepted* from *reached*."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xenparley.application.finding import Guest
from xenparley.application.outcome import Outcome
from xenparley.application.waiting import Ended, Waiting, is_gone, is_living
from xenparley.domain import lifecycle
from xenparley.domain.errors import AlreadyExists, InvalidInput, NotFound, Unsupported
from xenparley.domain.guest import Field, GuestInfo
from xenparley.domain.identity import GuestRef, check_name, printable
from xenparley.domain.lifecycle import Command, Phase
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.ports.lifecycle import Receipt

__all__ = ["Commands"]

Reached = Callable[[GuestInfo], bool]


class Commands(Waiting):
    """Commands on the life of guests.

    With ``wait`` (the default) a call returns when the state is reached and was seen, and raises
    DeadlineExceeded with the state last seen when it isn't by ``timeout`` seconds: the command
    was accepted then. Without, it returns when the host has accepted it. Being in the target
    state already is success; nothing is sent.

    Where a channel leaves guests of others alone (libvirt's, by xl), a :class:`GuestRef` with
    ``force`` changes them all the same.
    """

    # -- birth -------------------------------------------------------------------------------

    def create(
        self,
        config: GuestConfig,
        *,
        paused: bool = False,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Outcome:
        """Make and start a guest that is not defined. AlreadyExists when its name or UUID lives."""
        from xenparley.domain.config.validate import check

        deadline = self._deadline(timeout)
        check(config)
        self._refuse_living(GuestRef(uuid=config.uuid, name=config.name), deadline)
        receipt, channel = self._dispatcher.send(
            Capability.CREATE,
            GuestRef(uuid=config.uuid, name=config.name),
            lambda port, until: port.create(config, paused=paused, deadline=until),
            deadline,
        )
        ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        return self._born(ref, receipt, channel, paused, wait, deadline, "create")

    def start(
        self,
        guest: Guest,
        *,
        paused: bool = False,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Outcome:
        """Start a defined guest; with ``paused`` it is left paused. A living one is success."""
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        if info.phase in (Phase.ACTIVE, Phase.PAUSED):
            return Outcome.was_there(info)
        self._check(info, Command.START)
        receipt, channel = self._start(info, paused, deadline)
        ref = GuestRef(domid=receipt.domid, uuid=info.uuid, name=info.name)
        return self._born(ref, receipt, channel, paused, wait, deadline, "start")

    def _start(self, info: GuestInfo, paused: bool, deadline: float) -> tuple[Receipt, str]:
        """Start it where it is defined, or carry its configuration to who can create guests."""
        from attrs import evolve

        keeper = info.sources.get(Field.DEFINED)
        starters = self._dispatcher._plan(Capability.START, False, keeper).candidates
        if starters or keeper is None:
            return self._dispatcher.send(
                Capability.START,
                info.ref,
                lambda port, until: port.start(info.ref, paused=paused, deadline=until),
                deadline,
                only=keeper,
            )
        config, _ = self._dispatcher.ask(
            Capability.READ_DEFINED,
            info.ref,
            lambda port, until: port.read_defined(info.ref, deadline=until),
            deadline,
            only=keeper,
        )
        # Whether the host's boot starts it is the definition's affair, and stays with its keeper.
        config = evolve(config, autostart=None)
        return self._dispatcher.send(
            Capability.CREATE,
            info.ref,
            lambda port, until: port.create(config, paused=paused, deadline=until),
            deadline,
        )

    def restore(
        self,
        path: str,
        *,
        paused: bool = False,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Outcome:
        """Bring a saved guest back from a file on the Xen host; the file stays."""
        deadline = self._deadline(timeout)
        _check_path(path)
        receipt, channel = self._dispatcher.send(
            Capability.RESTORE,
            None,
            lambda port, until: port.restore(path, paused=paused, deadline=until),
            deadline,
        )
        ref = GuestRef(domid=receipt.domid)
        return self._born(ref, receipt, channel, paused, wait, deadline, "restore")

    def _born(
        self,
        ref: GuestRef,
        receipt: Receipt,
        channel: str,
        paused: bool,
        wait: bool,
        deadline: float,
        operation: str,
    ) -> Outcome:
        if not wait:
            return _accepted(ref, receipt, channel)
        goals = {Phase.PAUSED} if paused else {Phase.ACTIVE, Phase.SHUTDOWN, Phase.CRASHED}
        seen = self._wait(
            ref,
            lambda s: s.phase in goals,
            deadline,
            operation,
            "paused" if paused else "running",
            accepted=True,
        )
        return _reached(seen, receipt, channel)

    def _refuse_living(self, ref: GuestRef, deadline: float) -> None:
        """Refuse a second living holder of a name or UUID: hosts would let it happen."""
        for key in (GuestRef(uuid=ref.uuid), GuestRef(name=ref.name)):
            if key.uuid is None and key.name is None:
                continue
            try:
                other = self._finder.one(key, (Field.STATE,), deadline, definitions=False)
            except NotFound:
                continue
            raise AlreadyExists(
                f"{other.ref} is living already", guest=str(other.ref), operation="create"
            )

    # -- steering ----------------------------------------------------------------------------

    def pause(self, guest: Guest, *, wait: bool = True, timeout: float | None = None) -> Outcome:
        """Take a guest off its CPUs; it keeps its memory and devices."""
        return self._steer(
            Capability.PAUSE,
            Command.PAUSE,
            guest,
            lambda port, ref, until: port.pause(ref, deadline=until),
            wait,
            timeout,
            already={Phase.PAUSED},
            goal="paused",
        )

    def unpause(self, guest: Guest, *, wait: bool = True, timeout: float | None = None) -> Outcome:
        """Let a paused guest run again."""
        return self._steer(
            Capability.UNPAUSE,
            Command.UNPAUSE,
            guest,
            lambda port, ref, until: port.unpause(ref, deadline=until),
            wait,
            timeout,
            already={Phase.ACTIVE},
            goal="running",
        )

    def shutdown(self, guest: Guest, *, wait: bool = True, timeout: float | None = None) -> Outcome:
        """Ask a guest to power off. It may take its time, or ignore that."""
        return self._steer(
            Capability.SHUTDOWN,
            Command.SHUTDOWN,
            guest,
            lambda port, ref, until: port.shutdown(ref, deadline=until),
            wait,
            timeout,
            already={Phase.SHUT_OFF, Phase.SHUTDOWN},
            goal="shut off",
            reached=Ended,
        )

    def reboot(self, guest: Guest, *, wait: bool = True, timeout: float | None = None) -> Outcome:
        """Ask a guest to reboot: reached when it lives again under a new domain id."""
        return self._steer(
            Capability.REBOOT,
            Command.REBOOT,
            guest,
            lambda port, ref, until: port.reboot(ref, deadline=until),
            wait,
            timeout,
            goal="running again",
            reached=lambda ref, _: lambda seen: is_gone(ref, seen) and is_living(seen),
        )

    def destroy(
        self,
        guest: Guest,
        *,
        force: bool = False,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Outcome:
        """End a guest at once.

        ``force`` allows channels that leave something behind, and guests that somebody else owns.
        """
        return self._steer(
            Capability.DESTROY,
            Command.DESTROY,
            guest,
            lambda port, ref, until: port.destroy(ref, deadline=until),
            wait,
            timeout,
            already={Phase.SHUT_OFF},
            goal="gone",
            reached=_gone,
            force=force,
        )

    def save(
        self, guest: Guest, path: str, *, wait: bool = True, timeout: float | None = None
    ) -> Outcome:
        """Save a guest to a file on the Xen host and end it."""
        _check_path(path)
        return self._steer(
            Capability.SAVE,
            Command.SAVE,
            guest,
            lambda port, ref, until: port.save(ref, path, deadline=until),
            wait,
            timeout,
            goal="saved",
            reached=_gone,
        )

    def dump(
        self,
        guest: Guest,
        path: str,
        *,
        live: bool = False,
        timeout: float | None = None,
    ) -> Outcome:
        """Write a guest's core dump to a file on the Xen host."""
        _check_path(path)
        return self._steer(
            Capability.DUMP,
            Command.DUMP,
            guest,
            lambda port, ref, until: port.dump(ref, path, live=live, deadline=until),
            False,
            timeout,
        )

    def migrate(
        self,
        guest: Guest,
        destination: str,
        *,
        live: bool = True,
        options: Mapping[str, str] | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Outcome:
        """Move a living guest to another host."""
        return self._steer(
            Capability.MIGRATE,
            Command.MIGRATE,
            guest,
            lambda port, ref, until: port.migrate(
                ref, destination, live=live, options=dict(options or {}), deadline=until
            ),
            wait,
            timeout,
            goal="moved",
            reached=_gone,
        )

    def rename(self, guest: Guest, name: str, *, timeout: float | None = None) -> Outcome:
        """Give a guest another name."""
        check_name(name)
        return self._steer(
            Capability.RENAME,
            None,
            guest,
            lambda port, ref, until: port.rename(ref, name, deadline=until),
            False,
            timeout,
        )

    def trigger(self, guest: Guest, event: str, *, timeout: float | None = None) -> Outcome:
        """Press a guest's button (``power``, ``sleep``, ``nmi``, ...) or ``sysrq-X``."""
        return self._steer(
            Capability.TRIGGER,
            None,
            guest,
            lambda port, ref, until: port.trigger(ref, event, deadline=until),
            False,
            timeout,
        )

    # -- shared ------------------------------------------------------------------------------

    def _steer(
        self,
        capability: Capability,
        command: Command | None,
        guest: Guest,
        call: Callable[[Any, GuestRef, float], Receipt],
        wait: bool,
        timeout: float | None,
        *,
        already: set[Phase] | frozenset[Phase] = frozenset(),
        goal: str = "",
        reached: Callable[[GuestRef, float], Reached] | None = None,
        force: bool = False,
    ) -> Outcome:
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        if info.phase in already:
            return Outcome.was_there(info)
        if command is not None:
            self._check(info, command)
        ref = self._aim(guest, info, force=force)
        receipt, channel = self._dispatcher.send(
            capability, ref, lambda port, until: call(port, ref, until), deadline, force=force
        )
        if not wait or not goal:
            return _accepted(ref, receipt, channel)
        done = reached(ref, deadline) if reached else lambda seen: seen.phase in already
        seen = self._wait(ref, done, deadline, capability.value, goal, accepted=True)
        return _reached(seen, receipt, channel)

    def _check(self, info: GuestInfo, command: Command) -> None:
        """Refuse what the guest's phase does not allow; Domain 0 can't be ended or held."""
        if info.domid == 0:
            raise Unsupported(
                f"{command.value} is not for Domain 0", guest="Domain-0", operation=command.value
            )
        phase = info.phase
        if phase is None:
            return  # nobody could tell: the host decides
        unsure = info.defined is None
        lifecycle.check(phase, command, defined=unsure or bool(info.defined), guest=str(info.ref))


def _gone(ref: GuestRef, _: float) -> Reached:
    return lambda seen: is_gone(ref, seen)


def _check_path(path: str) -> None:
    if not path.startswith("/") or "\0" in path or "\n" in path:
        raise InvalidInput(f"not an absolute path on the host: {printable(path, limit=200)!r}")


def _accepted(ref: GuestRef, receipt: Receipt, channel: str) -> Outcome:
    return Outcome(guest=ref, channel=channel, how=receipt.how, warnings=receipt.warnings)


def _reached(seen: GuestInfo, receipt: Receipt, channel: str) -> Outcome:
    return Outcome(
        guest=seen.ref,
        reached=True,
        phase=seen.phase,
        channel=channel,
        how=receipt.how,
        warnings=receipt.warnings,
    )
