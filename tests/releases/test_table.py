"""The page that tells what works where is made from the code, and whole."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from xenparley.negotiation.capability import Capability
from xenparley_sim.releases import RELEASES, release_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def table():
    sys.path.insert(0, str(DOCS))
    try:
        yield importlib.import_module("release_table")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def found(table):
    return [table.asked(*one) for one in table.worlds()]


def test_every_release_is_asked_with_every_toolstack(table):
    asked = table.worlds()
    assert {release for release, _ in asked} == set(RELEASES)
    for name in RELEASES:
        release = release_of(name)
        both = {("xend", release.has_xend), ("xl", release.has_xl)}
        assert {t for r, t in asked if r == name} == {t for t, has in both if has}


def test_who_is_asked_offers_it(found):
    for world in found:
        for capability, chosen in world.chosen.items():
            offered = world.offered[capability]
            if capability is Capability.START and not offered:
                # Whoever creates a guest is given the definition.
                offered = world.offered[Capability.CREATE]
            assert set(chosen) <= set(offered)
            if world.offered[capability]:
                assert chosen, (world.release, capability)


def test_every_capability_works_somewhere_and_is_in_both_tables(table, found):
    text = table.release_tables(found)
    for capability in Capability:
        assert any(world.chosen[capability] for world in found), capability
        assert text.count(f"| `{capability.value}` |") == 2
    first = text.partition("Who could be asked")[0].splitlines()
    (titles,) = [line for line in first if line.startswith("| capability")]
    assert "4.22 xl" in titles and "3.0.1 XenD" in titles
    assert len({line.count("|") for line in first if line.startswith("|")}) == 1


def test_the_docs_are_built_with_it(table, tmp_path):
    generate = importlib.import_module("generate")
    generate.write_all(tmp_path / "generated")
    written = (tmp_path / "generated" / "releases.md").read_text()
    assert written == table.release_tables()
    assert "generated/releases.md" in (DOCS / "releases.md").read_text()
    assert "releases" in (DOCS / "index.md").read_text().splitlines()
