"""What holds for all tests: the heavy runs are asked for, and nothing depends on the machine."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Machines are noisy: a slow example is no failure.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, **_common)
settings.register_profile("heavy", max_examples=200, **_common)

HEAVY = os.environ.get("XENPARLEY_HEAVY") == "1"
settings.load_profile("heavy" if HEAVY else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the heavy tests out unless XENPARLEY_HEAVY=1: one Python runs them."""
    if HEAVY:
        return
    left_out = [item for item in items if item.get_closest_marker("heavy")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


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
