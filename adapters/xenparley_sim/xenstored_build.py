"""The real xenstored of this machine, and what it needs to run where no hypervisor is.

``xen-utils-4.*`` (Debian, Ubuntu) brings ``xenstored``, in C, and ``oxenstored``, in OCaml. Both
run over a small library, preloaded, that stands in for libxenctrl, libxenevtchn and libxengnttab;
a C compiler builds it from the source that lies beside this module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from xenparley.domain.errors import InvalidInput, Unavailable

__all__ = ["CHOICES", "IN_PROCESS", "KINDS", "build_preload", "choose", "find"]

#: The daemons of Xen's sources, the one that is taken first.
KINDS: Final = ("xenstored", "oxenstored")
IN_PROCESS: Final = "in-process"
#: The words for which daemon keeps a simulated host's XenStore; a path of a program is one too.
CHOICES: Final = (IN_PROCESS, "auto", "real", *KINDS)

_SOURCE: Final = Path(__file__).with_name("xenstored_preload.c")
_FOLDERS: Final = ("/usr/lib", "/usr/libexec", "/usr/local/lib")
_DIRECT: Final = ("/usr/sbin", "/usr/local/sbin")
_PATIENCE_S: Final = 60.0


def find(kind: str) -> Path | None:
    """Return where the newest daemon of this name is installed; None: nowhere."""
    known = [each for folder in _FOLDERS for each in Path(folder).glob(f"xen-*/bin/{kind}")]
    known = [each for each in known if os.access(each, os.X_OK)]
    if known:
        return max(known, key=_release)
    for folder in _DIRECT:
        path = Path(folder) / kind
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


def _release(path: Path) -> tuple[int, ...]:
    words = path.parts[-3].removeprefix("xen-").split(".")
    return tuple(int(word) if word.isdigit() else 0 for word in words)


def choose(wanted: str) -> Path | None:
    """Return the daemon that a choice leads to; None: the in-process store.

    ``auto`` takes a real one where it and a C compiler are installed. Raises Unavailable when the
    one that was asked for is not there, InvalidInput for what is no choice.
    """
    if wanted == IN_PROCESS:
        return None
    found = _wanted(wanted)
    if found is not None and _compiler() is None:
        if wanted == "auto":
            return None
        raise Unavailable(
            f"{found} can't run without Xen here: no C compiler (cc) for its stand-in"
        )
    return found


def _wanted(wanted: str) -> Path | None:
    if wanted not in CHOICES:
        if "/" not in wanted:
            words = ", ".join(CHOICES)
            raise InvalidInput(f"no XenStore daemon {wanted!r}: {words}, or a program's path")
        path = Path(wanted)
        if not path.is_file() or not os.access(path, os.X_OK):
            raise Unavailable(f"{wanted}: no program that could be xenstored")
        return path.absolute()
    names = (wanted,) if wanted in KINDS else KINDS
    found = next((each for each in map(find, names) if each is not None), None)
    if found is None and wanted != "auto":
        raise Unavailable(f"no {names[0]} is installed here: Debian has it in xen-utils-4.17")
    return found


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def build_preload(folder: Path) -> Path:
    """Build the stand-in for Xen in a folder that is nobody else's; returns the library.

    Raises Unavailable when there is no compiler, or it fails.
    """
    compiler = _compiler()
    if compiler is None:
        raise Unavailable("no C compiler (cc) to build xenstored's stand-in for Xen with")
    library = folder / "preload.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    try:
        # Its own words only: a fixed command without a shell.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unavailable(f"{compiler} can't build xenstored's stand-in for Xen: {exc}") from exc
    if done.returncode:
        raise Unavailable(
            f"{compiler} can't build xenstored's stand-in for Xen: {done.stderr.strip()[:2000]}"
        )
    return library
