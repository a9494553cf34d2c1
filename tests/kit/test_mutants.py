"""The kit catches adapters with one thing wrong; the unchanged one passes the same checks."""

import pytest

from support import mutants_core, reference_adapter
from xenparley_testing import Limits, Verdict, all_checks, judge

CHECKS = {check.label: check for check in all_checks()}
#: A mutant that hangs is found out after this slack.
LIMITS = Limits(stall=0.02, slack=0.2, settle=0.1, call=2.0)


@pytest.fixture(autouse=True)
def _clean():
    yield
    mutants_core.clean()


@pytest.mark.parametrize("mutant", mutants_core.MUTANTS, ids=str)
def test_mutant_is_caught(mutant):
    check = CHECKS[mutant.caught_by]
    plain = judge(check, reference_adapter.subject(limits=LIMITS))
    assert plain.verdict is Verdict.PASSED, str(plain)
    result = judge(check, reference_adapter.subject(mutant.wrap, limits=LIMITS))
    assert result.verdict is Verdict.FAILED, f"{mutant} survives: {result}"
