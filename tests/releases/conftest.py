"""Nothing over the releases is left out but what a channel does not declare."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

#: What a skip may say: the kit's word for what is not declared, and parts of the machine that are
#: missing, which fail where XENPARLEY_REQUIRE lists them.
_EXCUSES = ("is not offered", "xenstored: ", "oxenstored: ")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn every other skip into a failure."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not any(excuse in reason for excuse in _EXCUSES):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} is left out: {reason}"
    return report
