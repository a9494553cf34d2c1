"""A fake `xl`: an executable that answers as each generation did, from a simulated host's file.

For tests of what drives xl. It is a real process with xl's words, tables and exit codes; what it
steers is the host of ``sim:PATH``. It writes down how it was called, and misbehaves on request:

=========== =========================================================================
hang        takes the command and sleeps (until the fault is taken back; then it acts)
stubborn    the same, deaf to SIGTERM, with children that hold its output open
hang-after  acts, then sleeps
slow        waits for ``seconds`` before it acts (only where a process serves the runs)
crash       dies by a signal before it acts; ``crash-after`` after it acted
half        prints the first half of its answer and dies
garble      acts, and prints what makes no sense
refuse      may not open the hypervisor's device
silent      does nothing, says that it worked
flood       prints without end
=========== =========================================================================
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xenparley_sim.facts import HostFacts
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.xl_server import CLIENT, XlServer

__all__ = ["FAULTS", "RELEASES", "FakeXl"]

FAULTS = (
    "hang",
    "stubborn",
    "hang-after",
    "slow",
    "crash",
    "crash-after",
    "half",
    "garble",
    "refuse",
    "silent",
    "flood",
)
#: The generations whose answers differ.
RELEASES = ((4, 1), (4, 2), (4, 5), (4, 11), (4, 17), (4, 22))


class FakeXl:
    """A fake xl in a folder of its own: ``path`` is the executable, ``hypervisor`` the host.

    ``root`` has the files by which a control domain and its Xen are known. ``release`` is
    (major, minor); ``facts`` replaces the host's facts. As long as this object lives its
    processes ask it, which makes them quick; with ``alone`` each does its work itself, on the
    host's file ``host.db``, which may then be any ``sim:PATH``. ``hypervisor`` is the host to steer
    instead of one of its own.
    """

    def __init__(
        self,
        folder: Path,
        release: tuple[int, int] = (4, 17),
        *,
        facts: HostFacts | None = None,
        alone: bool = False,
        hypervisor: Hypervisor | None = None,
    ) -> None:

        self.folder = folder
        self.release = release
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "xl"
        self.root = folder / "root"
        scheduler = "credit" if release < (4, 12) else "credit2"
        self._owned = hypervisor is None
        self.hypervisor = hypervisor or Hypervisor(
            str(folder / "host.db") if alone else None,
            facts=facts or HostFacts(version=(*release, ".0"), scheduler=scheduler),
        )
        self.hypervisor.settle()
        (self.root / "proc/xen").mkdir(parents=True, exist_ok=True)
        (self.root / "proc/xen/capabilities").write_text("control_d\n")
        version = self.root / "sys/hypervisor/version"
        version.mkdir(parents=True, exist_ok=True)
        (version / "major").write_text(f"{release[0]}\n")
        (version / "minor").write_text(f"{release[1]}\n")
        (version / "extra").write_text(f"{self.hypervisor.facts.version[2]}\n")
        self._lock = threading.Lock()
        self._control: dict[str, Any] = {}
        self._calls: list[list[str]] = []
        self._refused: list[list[str]] = []
        (folder / "log").touch()
        self.tell()
        self.path.write_text(
            CLIENT.format(python=sys.executable, path=_search_path(), folder=str(folder))
        )
        self.path.chmod(0o755)
        self._server = None
        if not alone:
            self._server = XlServer(
                str(folder / "server"), self.hypervisor, lambda: self._control, self._note
            )

    def close(self) -> None:
        """End what hangs, and give the host's file back."""
        self._control = {}
        (self.folder / "control").unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        if self._owned:
            self.hypervisor.close()

    def _note(self, argv: list[str], refused: bool) -> None:
        with self._lock:
            (self._refused if refused else self._calls).append(argv)

    def tell(self, **control: Any) -> None:
        """Tell it how to behave.

        ``fault`` and ``on`` (subcommands; every one without it); ``xend``: it runs;
        ``null_names``: domain ids without a name; ``raw_names``: names in hexadecimal by domain
        id; ``no_config``: domain ids that `list -l` leaves out; ``no_pv``: ones without drivers;
        ``pool_scheduler``: the scheduler of the guests' CPU pool, when it isn't Pool-0's;
        ``no_start``: domain ids whose start nobody noted;
        ``claims``: MiB that guests claim and don't hold yet, by domain id;
        ``usb_stays_out``: no USB device of the host can be given to a guest.
        """
        self._control = {"release": list(self.release), **control}
        fresh = self.folder / "control.new"
        fresh.write_text(json.dumps(self._control))
        os.replace(fresh, self.folder / "control")  # noqa: PTH105  readers see the one or the other

    @contextmanager
    def fault(self, kind: str, *on: str) -> Iterator[None]:
        """Misbehave at these subcommands (every one, when none is named) for a while."""
        self.tell(fault=kind, on=list(on))
        try:
            yield
        finally:
            self.tell()

    def calls(self) -> list[list[str]]:
        """Return the arguments of every run so far that was let in (see ``refuse``)."""
        with self._lock:
            served = list(self._calls)
        lines = (self.folder / "log").read_text().splitlines()
        return served + [json.loads(line) for line in lines]

    def carried_out(self, *words: str) -> int:
        """Count the runs that began with these words."""
        return sum(call[: len(words)] == list(words) for call in self.calls())


def _search_path() -> list[str]:
    """Return the folders that the script needs, as this process has them."""
    import attrs

    import xenparley_formats
    from xenparley.plugin import spi

    # lxml lies where attrs does, the adapters where the formats do.
    places = [
        (spi.__file__, 2),
        (xenparley_formats.__file__, 1),
        (__file__, 1),
        (attrs.__file__, 1),
    ]
    return list(dict.fromkeys(str(Path(file or "").resolve().parents[up]) for file, up in places))
