"""The simulated host lives by the domain's table of transitions: every command, from any state."""

import itertools

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.level import examples
from support.sim_guests import config, soon
from xenparley.domain.errors import AlreadyExists, InvalidState, NotFound, XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.domain.lifecycle import COMMANDS, Command, Phase, derive_phase, observable
from xenparley.negotiation.capability import Role
from xenparley_sim import FrozenClock, Hypervisor, SimChannel

UUID = "11111111-2222-4333-8444-555555555555"
#: Carried out by the host without us, after this command was accepted.
ON_THE_WAY = {
    Command.SHUTDOWN: {Phase.ACTIVE, Phase.SHUTDOWN},
    Command.REBOOT: {Phase.ACTIVE},
    Command.DESTROY: {Phase.DYING},
    Command.SAVE: {Phase.DYING},
    Command.MIGRATE: {Phase.DYING},
}


class Life(RuleBasedStateMachine):
    """One guest, defined or not, steered through the channel while time passes."""

    actions = st.sampled_from(["destroy", "restart", "preserve"])

    @initialize(poweroff=actions, reboot=actions, crash=actions)
    def begin(self, poweroff, reboot, crash):
        self.clock = FrozenClock()
        self.host = Hypervisor(clock=self.clock)
        self.elsewhere = Hypervisor(clock=self.clock)
        self.host.peers["elsewhere"] = self.elsewhere
        self.channel = SimChannel(self.host)
        self.config = config(uuid=UUID, on_poweroff=poweroff, on_reboot=reboot, on_crash=crash)
        self.paths = (f"/images/{n}" for n in itertools.count())
        self.saved = None
        self.before = self.phase()

    def teardown(self):
        if hasattr(self, "host"):
            self.channel.close()
            self.host.close()
            self.elsewhere.close()

    def rows(self):
        port = self.channel.port(Role.INVENTORY)
        live = port.find_live(list(Field), uuid=UUID, deadline=soon())
        defined = port.find_defined(list(Field), uuid=UUID, deadline=soon())
        return live, defined

    def ref(self):
        live, _ = self.rows()
        if live:
            return GuestRef(domid=live[-1].domid, uuid=UUID)
        return GuestRef(uuid=UUID)

    def phase(self):
        live, defined = self.rows()
        if not live:
            return derive_phase(None, None, bool(defined))
        values = live[-1].values
        return derive_phase(values[Field.STATE], values[Field.REASON], bool(defined))

    def send(self, command, act):
        """Send a command; the table says whether it must be taken and where it leads."""
        before = self.phase()
        defined = bool(self.rows()[1])
        fits = (before, command) in COMMANDS and (command is not Command.UNDEFINE or defined)
        try:
            act(self.ref())
        except (InvalidState, AlreadyExists, NotFound) as exc:
            # What isn't living has no domain id: shutting it down again is the application's
            # success, the channel has nothing to send it to.
            gone = isinstance(exc, NotFound) and before in (Phase.SHUT_OFF, Phase.ABSENT)
            dying = before is Phase.DYING and command in (Command.CREATE, Command.START)
            assert not fits or gone or dying, (before, command, exc)
            assert self.phase() is before
            return False
        except XenparleyError as exc:
            raise AssertionError((before, command)) from exc
        after = self.phase()
        if before is Phase.DYING and command in (Command.CREATE, Command.START, Command.RESTORE):
            # The old domain is being torn down: for the host its name is free already.
            assert after in (Phase.ACTIVE, Phase.PAUSED)
        else:
            assert fits, (before, command)
            wanted = COMMANDS[before, command]
            if wanted is Phase.SHUT_OFF and not defined and command is not Command.DEFINE:
                wanted = Phase.ABSENT
            assert after is wanted or after in ON_THE_WAY.get(command, ()), (before, command, after)
        self.before = after
        return True

    def port(self, role):
        return self.channel.port(role)

    @rule()
    def define(self):
        port = self.port(Role.DEFINITIONS)
        assert self.send(Command.DEFINE, lambda ref: port.define(self.config, deadline=soon()))

    @rule()
    def undefine(self):
        port = self.port(Role.DEFINITIONS)
        self.send(Command.UNDEFINE, lambda ref: port.undefine(GuestRef(uuid=UUID), deadline=soon()))

    @rule()
    def create(self):
        port = self.port(Role.LIFECYCLE)
        self.send(
            Command.CREATE,
            lambda ref: port.create(self.config, paused=False, deadline=soon()),
        )

    @rule()
    def start(self):
        port = self.port(Role.LIFECYCLE)
        self.send(Command.START, lambda ref: port.start(ref, paused=False, deadline=soon()))

    @rule(command=st.sampled_from(["pause", "unpause", "shutdown", "reboot", "destroy"]))
    def steer(self, command):
        method = getattr(self.port(Role.LIFECYCLE), command)
        self.send(Command(command), lambda ref: method(ref, deadline=soon()))

    @rule()
    def save(self):
        path = next(self.paths)
        port = self.port(Role.IMAGES)
        if self.send(Command.SAVE, lambda ref: port.save(ref, path, deadline=soon())):
            self.saved = path

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self):
        port = self.port(Role.IMAGES)
        self.send(
            Command.RESTORE, lambda ref: port.restore(self.saved, paused=False, deadline=soon())
        )

    @rule()
    def dump(self):
        port = self.port(Role.IMAGES)
        path = next(self.paths)
        self.send(Command.DUMP, lambda ref: port.dump(ref, path, live=False, deadline=soon()))

    @rule()
    def migrate(self):
        # The copy of an earlier journey would be in the way there.
        for domain in self.elsewhere.domains():
            if domain.domid:
                self.elsewhere.destroy(domain.domid)
        port = self.port(Role.MIGRATION)
        self.send(
            Command.MIGRATE,
            lambda ref: port.migrate(ref, "elsewhere", live=True, options={}, deadline=soon()),
        )

    @rule()
    def crash(self):
        ref = self.ref()
        if ref.domid is None or self.phase() not in (Phase.ACTIVE, Phase.PAUSED):
            return
        self.host.crash(ref.domid)
        assert self.phase() is Phase.CRASHED
        self.before = Phase.CRASHED

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.1, 0.2]))
    def wait(self, seconds):
        # In steps shorter than any stage, so that each is seen; a restart is seen as two.
        for _ in range(round(seconds / 0.01)):
            before, old = self.phase(), self.ref().domid
            self.clock.advance(0.01)
            after, new = self.phase(), self.ref().domid
            if old == new or old is None or new is None:
                assert observable(before, after), (before, after)
            else:
                assert before is Phase.DYING
                assert after in (Phase.ACTIVE, Phase.PAUSED, Phase.DYING)
        self.before = self.phase()

    @invariant()
    def nothing_changes_while_time_stands_still(self):
        if hasattr(self, "host"):
            assert self.phase() is self.before
            assert self.host.domain(0) is not None

    @invariant()
    def memory_adds_up(self):
        if hasattr(self, "host"):
            with self.host.look() as tx:
                assert tx.held_kib() == sum(max(d.memory_kib, d.target_kib) for d in tx.domains())


QUICK = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLife = pytest.mark.filterwarnings("default")(Life.TestCase)
TestLife.settings = QUICK


@pytest.mark.heavy
def test_life_at_length():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Life, settings=settings(QUICK, max_examples=examples(200)))
