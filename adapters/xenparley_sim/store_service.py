"""The daemon that keeps a simulated host's XenStore: its own in this process, or a real one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from xenparley_sim.gate import Gate, Through
from xenparley_sim.xenstore_server import XenStoreServer
from xenparley_sim.xenstored_build import choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from xenparley_sim.host_store import HostStore

__all__ = ["StoreService"]


class StoreService:
    """Starts the chosen daemon in a host's directory; ``closing`` ends it.

    ``store`` is the host's inside, ``toolstack`` what the toolstack writes by: a change through
    the first has acted on the guests when the call returns. ``program`` is the real daemon; None:
    the store of this process.
    """

    store: HostStore
    toolstack: HostStore

    def __init__(self, directory: Path, wanted: str, closing: ExitStack) -> None:
        self._directory = directory
        self._closing = closing
        self._readers: Callable[[], Path]
        self._through: Callable[[], Through] = Through
        # The in-process store tells whoever watches before it answers.
        self._settle: Callable[[], None] = lambda: None
        self.program = choose(wanted)
        if self.program is None:
            self._start_own()
        else:
            self._start_real(self.program)

    def _start_own(self) -> None:
        server = XenStoreServer(self._directory / "xenstored-behind.sock")
        self.socket = server.path
        self.store = self.toolstack = store = server.store
        server.start()
        self._closing.callback(server.close)

        def readers() -> Path:
            second = XenStoreServer(self._directory / "readers-behind.sock", store, read_only=True)
            second.start()
            self._closing.callback(second.close)
            return second.path

        self._readers = readers

    def _start_real(self, program: Path) -> None:
        from xenparley_sim.xenstore_readers import Readers
        from xenparley_sim.xenstored_daemon import RealXenstored
        from xenparley_sim.xenstored_store import RealStore

        daemon = RealXenstored(program, self._directory)
        daemon.start()
        self._closing.callback(daemon.close)
        toolstack = RealStore(daemon)
        self._closing.callback(toolstack.close)
        outside = RealStore(daemon, follow=toolstack.settle)
        self._closing.callback(outside.close)
        # What the boot scripts and the toolstack make on a real host.
        for path in ("/tool", "/local", "/local/domain", "/vm"):
            toolstack.mkdir(path)
        self.socket, self.store, self.toolstack = daemon.socket, outside, toolstack
        self._readers, self._through = (lambda: daemon.socket), Readers
        self._settle = toolstack.settle

    def settle(self) -> None:
        """Wait until those who play the guests have seen all that was written."""
        self._settle()

    def readers_gate(self, denial: Callable[[bytes], tuple[bytes, int]], path: Path) -> Gate:
        """Return the way in for those who may only read."""
        return Gate(self._readers(), denial, path=path, through=self._through)
