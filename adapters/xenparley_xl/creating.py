"""Making guests: `xl create` with the configuration in a private file."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid as uuids
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    OperationFailed,
    OutcomeUnknown,
    Unavailable,
    XenparleyError,
)
from xenparley.domain.identity import DOM0_HANDLE, canonical_uuid, check_name, printable
from xenparley.domain.runstate import RunFlags
from xenparley.ports.lifecycle import Receipt
from xenparley_xl import info
from xenparley_xl.failures import failure

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["create", "dry_run"]

_AUTOBALLOON = re.compile(r"""^\s*autoballoon\s*=\s*["']?(\w+)""", re.MULTILINE)


def create(stack: Toolstack, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
    """Make and start a guest.

    xl itself would take a UUID that is living, and a name that is dying: both are looked at first.
    When it fails, what it may have left is removed by its domain id. xl runs on when the deadline
    comes: 13 of 13 that were killed left a domain behind.
    """
    config = _checked(config)
    before = stack.guests(deadline=deadline)
    _check_free(config, before)
    _check_memory(stack, config, deadline=deadline)
    path, warnings = _written(config)
    arguments = ["create", "-q", *(["-p"] if paused else []), str(path)]
    try:
        result = stack.change(
            *arguments, deadline=deadline, afterwards=path_remover(path), checked=False
        )
    except OutcomeUnknown as exc:
        exc.last_seen = f"{exc.last_seen}; {_seen(stack, config, deadline + 2.0)}"
        raise
    if result.status != 0:
        _clean_up(stack, config, before, deadline)
        raise failure(result, "xl create", new=True)
    made = _made(stack, config, before, deadline)
    if made is None:
        raise OperationFailed(
            "xl create ended well, but no guest has the configuration's UUID: it ended at once, "
            f"or was made elsewhere; xl said: {result.said}"
        )
    return Receipt(domid=made.domid, warnings=warnings)


def dry_run(stack: Toolstack, config: GuestConfig, *, deadline: float) -> None:
    """Have xl read the configuration (`xl create -n`). Raises what create would for a bad one."""
    path, _ = _written(_checked(config))
    try:
        stack.read("create", "-q", "-n", str(path), deadline=deadline)
    finally:
        path_remover(path)()


def path_remover(path: Path) -> _Remover:
    """Return what removes the file."""
    return _Remover(path)


class _Remover:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def _checked(config: GuestConfig) -> GuestConfig:
    check_name(config.name)
    uuid = str(uuids.uuid4()) if config.uuid is None else canonical_uuid(config.uuid)
    if uuid == DOM0_HANDLE:
        raise InvalidInput("the UUID of zeros is Domain 0's")
    # That the host's boot does not start it is true of any guest without a definition.
    return evolve(config, uuid=uuid, domid=None, autostart=config.autostart or None)


def _check_free(config: GuestConfig, living: list[GuestLine]) -> None:
    for line in living:
        if line.flags & RunFlags.DYING:
            continue
        if line.name == config.name:
            raise AlreadyExists(f"a guest named {printable(config.name)} is living already")
        if line.uuid == config.uuid:
            raise AlreadyExists(f"a guest with UUID {config.uuid} is living already")


def _check_memory(stack: Toolstack, config: GuestConfig, *, deadline: float) -> None:
    """Raise OperationFailed when the host lacks the memory and xl would not take it from dom0.

    With autoballoon "auto", its default, xl takes none when Xen was booted with dom0_mem.
    """
    told = stack.info(deadline=deadline)
    free = info.number(told, "free_memory")
    needed = -(-config.memory_kib // 1024)
    if free is None or free >= needed:
        return
    try:
        said = _AUTOBALLOON.search((stack.root / "etc/xen/xl.conf").read_text("utf-8", "replace"))
    except OSError:
        said = None
    word = said[1] if said else "auto"
    balloons = word in ("on", "1") or (
        word == "auto" and "dom0_mem=" not in told.get("xen_commandline", "")
    )
    if not balloons:
        raise OperationFailed(
            f"not enough free memory: the guest needs {needed} MiB, {free} MiB are free"
        )


def _written(config: GuestConfig) -> tuple[Path, tuple[str, ...]]:
    """Write the configuration where only we can read it: it may hold passwords."""
    from xenparley_formats.xl_format import write

    writing = write(config, lossy=False, options={})
    try:
        fd, name = tempfile.mkstemp(prefix="xenparley-", suffix=".cfg")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(writing.text)
    except OSError as exc:
        raise Unavailable(f"no temporary file for the configuration: {exc}") from exc
    return Path(name), writing.warnings


def _made(
    stack: Toolstack, config: GuestConfig, before: list[GuestLine], deadline: float
) -> GuestLine | None:
    old = {line.domid for line in before}
    try:
        now = stack.guests(deadline=deadline)
    except XenparleyError as exc:
        raise OutcomeUnknown(
            f"xl create ended; which guest it made is not known: {exc.message}",
            last_seen="xl create has ended",
        ) from exc
    return next((g for g in now if g.uuid == config.uuid and g.domid not in old), None)


def _clean_up(
    stack: Toolstack, config: GuestConfig, before: list[GuestLine], deadline: float
) -> None:
    """Remove what a failed create left behind: a new domain with the configuration's UUID."""
    left = _made(stack, config, before, deadline)
    if left is not None and not left.flags & RunFlags.DYING:
        stack.change("destroy", str(left.domid), deadline=deadline, checked=False)


def _seen(stack: Toolstack, config: GuestConfig, deadline: float) -> str:
    from xenparley_xl.toolstack import worded

    try:
        lines = stack.guests(deadline=deadline)
    except XenparleyError as exc:
        return f"its guest is not known: {exc.message}"
    for line in lines:
        if line.uuid == config.uuid:
            return f"its guest is domain {line.domid}: {worded(line)}"
    return f"no guest has UUID {config.uuid} yet"
