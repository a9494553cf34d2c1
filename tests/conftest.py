"""What holds for all tests: the long runs are asked for, and nothing depends on the machine.

``XENPARLEY_TESTS`` says how much is run. ``quick``: without the contract kit over every adapter
(other Pythons do that in CI). ``default``: all but the tests marked heavy. ``heavy``: those too,
the full property, matrix and fuzz runs.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

LEVEL = os.environ.get("XENPARLEY_TESTS", "default")
if LEVEL not in ("quick", "default", "heavy"):
    raise SystemExit(f"XENPARLEY_TESTS is quick, default or heavy, not {LEVEL!r}")

# Machines are noisy: a slow example is no failure.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, **_common)
settings.register_profile("heavy", max_examples=200, **_common)
settings.load_profile("heavy" if LEVEL == "heavy" else "quick")

#: The contract kit over an adapter: the same few hundred checks for each of its releases.
_CONTRACTS = ("test_contract.py", "test_sim.py")


def _left_out(item: pytest.Item) -> bool:
    if LEVEL == "heavy":
        return False
    if item.get_closest_marker("heavy"):
        return True
    return LEVEL == "quick" and item.path.name in _CONTRACTS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run was not asked for."""
    left_out = [item for item in items if _left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _left_out(item)]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests decide themselves which host and plugins they use."""
    for name in (
        "XENPARLEY_URI",
        "XENPARLEY_CHANNELS",
        "XENPARLEY_DISABLE_CHANNELS",
        "XENPARLEY_PLUGINS",
        "XENPARLEY_DISABLE_PLUGINS",
        "XENPARLEY_STRICT",
        "XENSTORED_PATH",
        "XENSTORED_RUNDIR",
    ):
        monkeypatch.delenv(name, raising=False)
