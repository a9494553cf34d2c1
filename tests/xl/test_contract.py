"""The contract kit over the xl adapter, on fake xl of several generations."""

from __future__ import annotations

import pytest

from support.level import spread
from support.xl_subject import xl_subject
from xenparley_testing import AdapterContract, Verdict, all_checks, run

RELEASES = [(4, 1), (4, 2), (4, 5), (4, 11), (4, 22)]
#: Each release runs one of so many parts of the kit, unless everything is asked for.
PARTS = 2 * len(RELEASES)


class TestCurrent(AdapterContract):
    """Xen 4.17, check by check."""

    @pytest.fixture
    def subject(self, tmp_path):
        with xl_subject(tmp_path) as subject:
            yield subject


@pytest.mark.heavy
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_contract_is_kept(release, tmp_path):
    with xl_subject(tmp_path, release) as subject:
        report = run(subject, spread(all_checks(), 2 * RELEASES.index(release), PARTS))
    assert report.ok, str(report)
    assert not report.of(Verdict.WARNED), str(report)
