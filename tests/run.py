"""Run the tests; what fails beside others is run once more alone, and then has to pass.

Two workers share two noisy processors: a test whose peer is a process of its own may be starved
there. Both runs are shown; more than a handful of failures is no noise, and ends it at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

#: So many failures may be tried again.
FEW = 8


def pytest(cache: str, *words: str) -> int:
    """Run pytest with a cache of its own; return its exit status."""
    return subprocess.call([sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *words])


def main(words: list[str]) -> int:
    """Return the exit status: that of the second run where there was one."""
    with tempfile.TemporaryDirectory() as cache:
        status = pytest(cache, *words)
        failed = Path(cache) / "v" / "cache" / "lastfailed"
        if status != 1 or not failed.is_file():
            return status
        names = list(json.loads(failed.read_text(encoding="utf-8")))
        if len(names) > FEW:
            return status
        print(f"once more, alone: {', '.join(names)}", flush=True)
        return pytest(cache, "-q", "-p", "no:xdist", *names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
