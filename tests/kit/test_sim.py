"""The contract kit over the simulated host: in memory, and in a file."""

from __future__ import annotations

import pytest

from support.sim_subject import sim_subject
from xenparley_testing import AdapterContract


class TestInMemory(AdapterContract):
    @pytest.fixture
    def subject(self, tmp_path):
        with sim_subject(tmp_path) as subject:
            yield subject


class TestInFile(AdapterContract):
    @pytest.fixture
    def subject(self, tmp_path):
        with sim_subject(tmp_path, "host.db") as subject:
            yield subject
