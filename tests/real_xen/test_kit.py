"""The contract kit over the simulated host, on the Python and kernel of a real dom0.

The capabilities' own checks; the laws run everywhere else and would take long under emulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sim_subject import sim_subject
from xenparley_testing import Subject, all_checks
from xenparley_testing.contract import perform
from xenparley_testing.registry import Check

pytestmark = pytest.mark.real_xen
CHECKS = [check for check in all_checks() if not check.is_law]


@pytest.fixture
def subject(tmp_path: Path) -> Iterator[Subject]:
    with sim_subject(tmp_path) as made:
        yield made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.label)
def test_the_simulated_host_keeps_the_contract(check: Check, subject: Subject) -> None:
    perform(check, subject)
