"""Guests for the tests, made by xl and always taken away again."""

from __future__ import annotations

import itertools
import json
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from real_xen.looks import Row, command, xl_list
from xenparley.domain.config import GuestConfig

__all__ = ["KERNELS", "Guest", "Guests", "now", "until"]

KERNELS = Path("/lab/guest")
LOGS = Path("/var/log/xen")
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Guest:
    """A guest as it was made; memory in MiB. A reboot changes the domain id, not the UUID."""

    name: str
    uuid: str
    domid: int
    kind: str
    memory: int
    vcpus: int

    def console(self) -> str:
        """Return what the guest wrote to its console since it was made."""
        try:
            return (LOGS / f"guest-{self.name}.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""


def until(what: str, check: Callable[[], bool], limit: float = 120.0) -> None:
    """Wait for a condition; fail with its name when it does not come true in time."""
    end = time.monotonic() + limit
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:.0f} s: {what}")
        time.sleep(0.1)


def now(identity: str) -> Row:
    """Return what xl says of the guest with this UUID, whatever its domain id has become."""
    found: list[Row] = []

    def listed() -> bool:
        found[:] = [row for row in xl_list().values() if row.uuid == identity]
        return bool(found)

    # between two lives of a guest that reboots it is not listed
    until(f"xl lists {identity}", listed)
    return found[0]


def _setting(value: object) -> str:
    # xl's lists and strings read like JSON's, but for escapes of characters
    return json.dumps(value, ensure_ascii=False)


class Guests:
    """Makes guests, and destroys on leaving all that bear the UUIDs it gave out."""

    def __init__(self) -> None:
        self._made: set[str] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="guests-")

    def __enter__(self) -> Guests:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Destroy the guests, renamed and rebooted ones too, and wait until Xen forgot them.

        xl's monitors go first: of a guest in the middle of a reboot nothing is listed for a
        moment, then its monitor makes it anew.
        """
        end = time.monotonic() + 60
        until("the monitors of xl are gone", lambda: not self._stop_monitors())
        while left := [row for row in xl_list().values() if row.uuid in self._made]:
            if time.monotonic() > end:
                raise AssertionError(f"guests that do not go: {left}")
            for row in left:
                # one may have gone by itself meanwhile: the table is asked again
                command("xl", "destroy", str(row.domid), check=False)
        self._made.clear()
        self._folder.cleanup()

    def _stop_monitors(self) -> bool:
        """Kill the processes of ``xl create`` that watch the guests; say whether there were any."""
        found = False
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if not any(word.startswith(os.fsencode(self._folder.name)) for word in words):
                    continue
                os.kill(int(entry.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            found = True
        return found

    def create(
        self, kind: str, *, memory: int, vcpus: int = 1, paused: bool = False, **settings: Any
    ) -> Guest:
        """Make a guest by ``xl create``; further settings go into its configuration as they are."""
        number = next(_NUMBERS)
        identity = str(settings.pop("uuid", None) or uuid.uuid4())
        name = str(settings.pop("name", f"{kind}{number}"))
        words = {"name": name, "uuid": identity, "type": kind, "memory": memory, "vcpus": vcpus}
        words.update(settings)
        config = Path(self._folder.name) / f"{number}.cfg"
        config.write_text("".join(f"{key}={_setting(value)}\n" for key, value in words.items()))
        self._made.add(identity)
        # what a guest of this name said in an earlier run
        (LOGS / f"guest-{name}.log").unlink(missing_ok=True)
        command("xl", "create", *(["-p"] if paused else []), str(config))
        domid = now(identity).domid
        return Guest(name, identity, domid, kind, memory, vcpus)

    def adopt(self, config: GuestConfig) -> GuestConfig:
        """Take guests of this configuration away too, whoever makes them; returns it."""
        assert config.uuid is not None
        self._made.add(config.uuid)
        return config

    def tiny(self, words: str = "", *, paused: bool = False, **settings: Any) -> Guest:
        """Make a tiny PV guest of 4 MiB, which obeys poweroff and reboot.

        :param words: of its command line: spin, crash, poweroff, reboot.
        """
        kernel = str(KERNELS / "tiny.elf")
        return self.create(
            "pv", memory=4, paused=paused, kernel=kernel, extra=words or "idle", **settings
        )

    def linux(
        self, kind: str = "pvh", words: str = "", *, paused: bool = False, **settings: Any
    ) -> Guest:
        """Make a Linux guest (pv or pvh) of 128 MiB and two vcpus, and wait for its user space.

        :param words: of its command line: lab.reboot, lab.off, lab.crash.
        """
        guest = self.create(
            kind,
            memory=128,
            vcpus=2,
            paused=paused,
            kernel=str(KERNELS / "vmlinux"),
            ramdisk=str(KERNELS / "initrd.img"),
            extra=f"console=hvc0 quiet {words}",
            **settings,
        )
        if not paused:
            until(f"{guest.name} is up", lambda: "GUEST-UP" in guest.console(), limit=400)
            # Emulated SVM lets a PVH guest's kernel die now and then as it boots (a triple fault,
            # told as a reboot): then xl has made it anew.
            guest = replace(guest, domid=now(guest.uuid).domid)
        return guest

    def paused_hvm(self, **settings: Any) -> Guest:
        """Make an HVM guest that never runs: running it would take a minute under emulation."""
        return self.create("hvm", memory=64, paused=True, vnc=0, sdl=0, **settings)
