"""The transition table: total, honest about refusals, and closed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from xenparley.domain.errors import InvalidState
from xenparley.domain.lifecycle import (
    COMMANDS,
    LIVING,
    OBSERVED,
    Command,
    Phase,
    allowed,
    check,
    derive_phase,
    observable,
)
from xenparley.domain.runstate import RunFlags, ShutdownReason, reason_name, state_letters

phases = st.sampled_from(list(Phase))
commands = st.sampled_from(list(Command))
flags = st.sets(st.sampled_from(list(RunFlags)[0:])).map(
    lambda chosen: RunFlags(sum(int(f) for f in chosen))
)


@given(phases, commands, st.booleans())
def test_each_pair_leads_somewhere_or_is_refused_with_what_is_allowed(phase, command, defined):
    names = {c.value for c in allowed(phase, defined=defined)}
    try:
        after = check(phase, command, defined=defined, guest="g")
    except InvalidState as error:
        assert command.value not in names
        assert set(error.allowed) == names
        assert error.phase == phase.value
        assert error.guest == "g"
        assert error.operation == command.value
        assert error.retry_safe
        assert all(name in str(error) for name in names)
    else:
        assert command.value in names
        assert isinstance(after, Phase)


@given(flags, st.one_of(st.none(), st.integers(0, 300)), st.booleans())
def test_every_observation_has_a_phase(found, reason, defined):
    phase = derive_phase(found, reason, defined)
    assert phase in LIVING
    assert derive_phase(None, reason, defined) is (Phase.SHUT_OFF if defined else Phase.ABSENT)


def test_no_flag_at_all_is_a_runnable_guest():
    assert derive_phase(RunFlags.NONE, None, False) is Phase.ACTIVE
    assert state_letters(RunFlags.NONE) == "------"


def test_combinations_are_legal():
    dying = RunFlags.PAUSED | RunFlags.SHUTDOWN | RunFlags.DYING
    assert derive_phase(dying, ShutdownReason.CRASH, True) is Phase.DYING
    held = RunFlags.PAUSED | RunFlags.SHUTDOWN
    assert derive_phase(held, ShutdownReason.CRASH, True) is Phase.CRASHED
    assert state_letters(held, ShutdownReason.SUSPEND) == "--pss-"
    assert state_letters(held, ShutdownReason.CRASH) == "--psc-"


@pytest.mark.parametrize(
    ("reason", "phase", "letter", "word"),
    [
        (0, Phase.SHUTDOWN, "-", "poweroff"),
        (1, Phase.SHUTDOWN, "r", "reboot"),
        (2, Phase.SHUTDOWN, "s", "suspend"),
        (3, Phase.CRASHED, "c", "crash"),
        (4, Phase.CRASHED, "w", "watchdog"),
        (5, Phase.SHUTDOWN, "S", "soft-reset"),
        (99, Phase.SHUTDOWN, "?", "reason-99"),
    ],
)
def test_reasons(reason, phase, letter, word):
    assert derive_phase(RunFlags.SHUTDOWN, reason, True) is phase
    assert state_letters(RunFlags.SHUTDOWN, reason)[4] == letter
    assert reason_name(reason) == word


def test_destroy_is_allowed_in_every_living_phase():
    for phase in LIVING:
        assert check(phase, Command.DESTROY, defined=True) is Phase.SHUT_OFF
        assert check(phase, Command.DESTROY, defined=False) is Phase.ABSENT


def test_undefine_needs_a_definition():
    with pytest.raises(InvalidState, match="not defined"):
        check(Phase.ACTIVE, Command.UNDEFINE, defined=False)


def test_the_table_is_closed():
    reachable = {Phase.ABSENT}
    while True:
        more = {after for (before, _), after in COMMANDS.items() if before in reachable}
        more |= {after for before, after in OBSERVED if before in reachable}
        if more <= reachable:
            break
        reachable |= more
    assert reachable == set(Phase)


def test_observed_changes_never_bring_back_the_dead():
    for before, after in OBSERVED:
        assert before is not Phase.DYING or after not in LIVING
    assert not observable(Phase.DYING, Phase.ACTIVE)
    assert observable(Phase.ACTIVE, Phase.ACTIVE)


class Life(RuleBasedStateMachine):
    """A guest lived by commands and by chance; a model with two facts beside the table."""

    def __init__(self):
        super().__init__()
        self.phase = Phase.ABSENT
        self.defined = False

    @rule(command=commands)
    def commanded(self, command):
        before = self.phase
        try:
            after = check(before, command, defined=self.defined)
        except InvalidState:
            return
        if command is Command.DEFINE:
            self.defined = True
        elif command is Command.UNDEFINE:
            self.defined = False
        self.phase = after

    @precondition(lambda self: any(b is self.phase for b, _ in OBSERVED))
    @rule(data=st.data())
    def by_itself(self, data):
        after = data.draw(st.sampled_from([a for b, a in OBSERVED if b is self.phase]))
        if after in (Phase.SHUT_OFF, Phase.ABSENT):
            self.defined = after is Phase.SHUT_OFF
        self.phase = after

    @invariant()
    def shut_off_means_defined_and_absent_means_not(self):
        if self.phase is Phase.SHUT_OFF:
            assert self.defined
        if self.phase is Phase.ABSENT:
            assert not self.defined

    @invariant()
    def something_is_always_possible(self):
        assert allowed(self.phase, defined=self.defined)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40)
