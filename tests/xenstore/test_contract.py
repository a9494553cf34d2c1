"""The contract kit over the XenStore adapter."""

from __future__ import annotations

import pytest

from support.xenstore_subject import xenstore_subject
from xenparley_testing import AdapterContract


class TestXenStore(AdapterContract):
    @pytest.fixture
    def subject(self, tmp_path):
        with xenstore_subject(tmp_path) as subject:
            yield subject
