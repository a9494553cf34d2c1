"""What the tests of the xl adapter share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.xl_subject import fake_xl, settings_of
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_sim.xl_fake import FakeXl
from xenparley_xl.channel import XlChannel, make


@pytest.fixture
def soon() -> Callable[..., float]:
    """A deadline some seconds ahead, generous for a busy machine."""
    return lambda seconds=60.0: time.monotonic() + seconds


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeXl]:
    """A fake xl 4.17."""
    with fake_xl(tmp_path / "fake") as made:
        yield made


@pytest.fixture
def channel(fake: FakeXl) -> Iterator[XlChannel]:
    """The adapter on that fake."""
    made = make(
        ChannelContext(
            adapter="xl", uri=parse_uri("xen:///"), local=True, settings=settings_of(fake)
        )
    )
    yield made
    made.close()
