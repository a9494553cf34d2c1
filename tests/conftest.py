"""What holds for all tests: the long runs are asked for, and nothing depends on the machine.

``XENPARLEY_TESTS`` says how much is run. ``quick``: without the contract kit over every adapter
and what goes over all releases or mutants (other Pythons do that in CI). ``default``: all but the
tests marked heavy. ``heavy``: only those, with as many examples as fit into some minutes, and of
the contract kit over every release a part that is spread over checks and releases. ``all``:
everything, the whole product, with ten times the examples: hours.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.level import LEVEL, LEVELS, spread

if LEVEL not in LEVELS:
    raise SystemExit(f"XENPARLEY_TESTS is one of {', '.join(LEVELS)}, not {LEVEL!r}")

# Machines are noisy: a slow example is no failure.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, **_common)
settings.register_profile("heavy", max_examples=200, **_common)
settings.load_profile("heavy" if LEVEL in ("heavy", "all") else "quick")

#: The contract kit over an adapter: the same few hundred checks for each of its releases.
_CONTRACTS = ("test_contract.py", "test_matrix.py", "test_sim.py")
#: Products of adapters, releases, faults and mutants, and pages that make environments of their
#: own: one Python goes over them.
_PRODUCTS = (
    "releases/test_one_host.py",
    "releases/test_faults.py",
    "releases/test_lifecycle.py",
    "releases/test_negotiated_contract.py",
    "releases/test_table.py",
    "kit/test_mutants_of_adapters.py",
    "xend/test_transcripts.py",
    "docs/test_pages.py",
)

#: Of the kit over all releases check by check, a heavy run takes every so manieth: prime, so that
#: it meets each check, and each release, whatever the number of releases.
_EVERY = 23
#: Seconds that a heavy test may take where everything is run. A property that is cut off in the
#: midst of drawing an example is reported by hypothesis as flaky, which says nothing.
_LONG = 3600


def _elsewhere(path: Path) -> bool:
    """Say whether a file's tests are another Python's."""
    place = f"{path.parent.name}/{path.name}"
    return LEVEL == "quick" and (path.name in _CONTRACTS or place in _PRODUCTS)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Don't even collect them: they are two thirds of all tests."""
    return True if _elsewhere(collection_path) else None


def _left_out(item: pytest.Item) -> bool:
    heavy = item.get_closest_marker("heavy") is not None
    if LEVEL in ("heavy", "all"):
        return LEVEL == "heavy" and not heavy
    return heavy or _elsewhere(item.path)


def _chosen(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return what this run was asked for, in its order."""
    left = [item for item in items if not _left_out(item)]
    if LEVEL != "heavy":
        return left
    kit = [item for item in left if item.path.name in _CONTRACTS and item.cls is not None]
    beside = set(kit).difference(spread(kit, 0, _EVERY))
    return [item for item in left if item not in beside]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run was not asked for."""
    chosen = _chosen(items)
    if len(chosen) < len(items):
        left_out = set(items).difference(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = chosen
    for item in items if LEVEL == "all" else ():
        if item.get_closest_marker("heavy") is not None:
            item.add_marker(pytest.mark.timeout(_LONG))


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
