"""The kit catches adapters with one thing wrong; the unchanged one passes the same checks."""

import pytest

from support import mutants_core, mutants_host, reference_adapter
from support.sim_subject import sim_subject
from xenparley_testing import Limits, Verdict, all_checks, judge

CHECKS = {check.label: check for check in all_checks()}
#: A mutant that hangs is found out after this slack; one that does nothing, after settling.
LIMITS = Limits(stall=0.02, slack=0.2, settle=0.1, call=2.0)
#: No mutant breaks these alone: the declaration is no channel's, a factory's I/O shows as a
#: failing test of its own (below).
TRIED_BELOW = {"declaration", "factory"}


@pytest.fixture(autouse=True)
def _clean():
    yield
    mutants_core.clean()


@pytest.mark.parametrize("mutant", mutants_core.MUTANTS, ids=str)
def test_mutant_of_the_reference_is_caught(mutant):
    check = CHECKS[mutant.caught_by]
    plain = judge(check, reference_adapter.subject(limits=LIMITS))
    assert plain.verdict is Verdict.PASSED, str(plain)
    result = judge(check, reference_adapter.subject(mutant.wrap, limits=LIMITS))
    assert result.verdict is Verdict.FAILED, f"{mutant} survives: {result}"


@pytest.mark.parametrize("mutant", mutants_host.MUTANTS, ids=str)
def test_mutant_of_the_simulated_host_is_caught(mutant, tmp_path):
    check = CHECKS[mutant.caught_by]
    with sim_subject(tmp_path) as subject:
        plain = judge(check, subject)
        assert plain.verdict is Verdict.PASSED, str(plain)
    with sim_subject(tmp_path, wrap=mutant.wrap, limits=LIMITS) as subject:
        result = judge(check, subject)
        assert result.verdict is Verdict.FAILED, f"{mutant} survives: {result}"


def test_every_kind_of_check_has_a_mutant():
    mutants = (*mutants_core.MUTANTS, *mutants_host.MUTANTS)
    tried = {mutant.caught_by.partition("[")[0] for mutant in mutants}
    assert {check.name for check in all_checks()} == tried | TRIED_BELOW


def test_a_declaration_without_words_is_caught():
    from attrs import evolve

    for change in ({"summary": ""}, {"offers": reference_adapter.OFFERS * 2}, {"fork": ""}):
        subject = reference_adapter.subject(spec=evolve(reference_adapter.SPEC, **change))
        assert judge(CHECKS["declaration"], subject).verdict is Verdict.FAILED, change


def test_a_factory_that_connects_is_caught():
    from attrs import evolve

    from xenparley.domain.errors import Unavailable

    peer = reference_adapter.Peer()

    def connecting():
        if peer.fault == "absent":
            raise Unavailable("connection refused")
        return reference_adapter.Reference(peer)

    subject = evolve(reference_adapter.subject(), make_channel=connecting, faults=peer.faults())
    assert judge(CHECKS["factory"], subject).verdict is Verdict.FAILED
