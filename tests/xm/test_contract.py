"""The contract kit over folders of files, in both languages and with both ways to notice."""

from __future__ import annotations

import pytest

from support.xm_subject import xm_subject
from xenparley_testing import AdapterContract


class TestXm(AdapterContract):
    @pytest.fixture
    def subject(self, tmp_path):
        with xm_subject(tmp_path / "xen", toolstack="xm") as subject:
            yield subject


class TestXl(AdapterContract):
    @pytest.fixture
    def subject(self, tmp_path):
        with xm_subject(tmp_path / "xen", toolstack="xl", notify="poll") as subject:
            yield subject
