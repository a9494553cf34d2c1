"""Where the corpus of real input lies; it is not a part of the project."""

from __future__ import annotations

import os
from pathlib import Path

from support.require import missing

__all__ = ["corpus_dir", "find_corpus"]

ROOT = Path(__file__).resolve().parents[2]


def find_corpus() -> Path | None:
    """Return the corpus folder (``XENPARLEY_CORPUS``, else beside the project), or None."""
    named = os.environ.get("XENPARLEY_CORPUS")
    folder = Path(named) if named else ROOT.parent / "shared" / "corpus"
    return folder if (folder / "README.md").is_file() else None


def corpus_dir() -> Path:
    """Return the corpus folder, or end the test with a reason."""
    folder = find_corpus()
    if folder is None:
        missing("corpus", "no ../shared/corpus beside the project and no XENPARLEY_CORPUS")
    return folder
