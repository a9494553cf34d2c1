"""Where the lab keeps what it builds and runs, and the one error that it raises."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HERE", "PROJECT", "LabError", "Missing", "Places"]

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


class LabError(Exception):
    """The lab could not do what was asked; the message says what and why."""


class Missing(LabError):
    """This machine lacks what the lab needs; the message names it."""


@dataclass(frozen=True)
class Places:
    """The cache folder: ``base/KEY``, ``image/KEY``, ``site/KEY`` and ``run/NAME``."""

    root: Path

    @classmethod
    def from_environment(cls) -> Places:
        """``XENLAB_DIR``, else ``xenlab`` in the user's cache folder."""
        named = os.environ.get("XENLAB_DIR")
        if named:
            return cls(Path(named).resolve())
        cache = os.environ.get("XDG_CACHE_HOME")
        return cls((Path(cache) if cache else Path.home() / ".cache") / "xenlab")

    def run(self, name: str) -> Path:
        """Return the folder of one machine."""
        return self.root / "run" / name
