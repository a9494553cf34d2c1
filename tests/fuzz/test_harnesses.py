"""The fuzz harnesses without the fuzzer: what they start from, and a few damaged inputs."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.run import names, seeds


@pytest.mark.parametrize("name", names())
def test_what_they_start_from(name: str) -> None:
    harness = importlib.import_module(f"fuzz.fuzz_{name}")
    found = seeds(harness.SEEDS)
    assert len(set(found)) == 4
    for seed in found:
        harness.one_input(seed)


@pytest.mark.parametrize("name", names())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_documents(name: str, data: st.DataObject) -> None:
    harness = importlib.import_module(f"fuzz.fuzz_{name}")
    seed = data.draw(st.sampled_from(seeds(harness.SEEDS)))
    place = data.draw(st.integers(0, len(seed)))
    filling = data.draw(st.binary(max_size=3))
    harness.one_input(seed[:place] + filling + seed[place + data.draw(st.integers(0, 9)) :])


def test_all_formats_and_the_wire_are_fuzzed() -> None:
    seeded = {importlib.import_module(f"fuzz.fuzz_{name}").SEEDS for name in names()}
    assert seeded == {"xml", "json", "sxp", "xm", "xl", "xenstore"}
