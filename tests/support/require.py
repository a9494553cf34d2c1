"""Skips that name what is missing, and that turn into failures where it is required.

``XENPARLEY_REQUIRE`` is a comma-separated list of names (``xenstored,lab,corpus``). A test whose
part is missing calls :func:`missing`; where the list names that part the test fails instead.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["missing", "required"]


def required(name: str) -> bool:
    """Say whether ``XENPARLEY_REQUIRE`` lists this part."""
    listed = os.environ.get("XENPARLEY_REQUIRE", "")
    return name in {part.strip() for part in listed.split(",")}


def missing(name: str, reason: str) -> NoReturn:
    """End the test: skipped with the reason, or failed where this part is required."""
    if required(name):
        pytest.fail(f"XENPARLEY_REQUIRE lists {name!r}, but: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")
