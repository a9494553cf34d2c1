"""Saved guests and core dumps: files of the simulated host, which keeps them in its own store.

They are no files of this machine: a path names one on the simulated host, so no name can reach
anything here, and a save is one transaction with the end of the guest.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    OperationFailed,
    Unavailable,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import ShutdownReason
from xenparley_sim import life
from xenparley_sim.domain import COLUMNS, Domain
from xenparley_sim.transaction import Transaction

__all__ = ["accept", "check_image_path", "dump", "leave", "pack", "restore", "save"]

MAX_PATH = 4096


def check_image_path(path: str) -> str:
    """Return the path; InvalidInput unless it is absolute and names a file."""
    shown = printable(path, limit=200)
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise InvalidInput(f"not an absolute path of a file on the Xen host: {shown!r}")
    if len(path) > MAX_PATH or any(part in (".", "..") for part in path.split("/")):
        raise InvalidInput(f"not a plain path on the Xen host: {shown!r}")
    return path


def pack(tx: Transaction, domain: Domain) -> str:
    """Return the state of a guest, from which :func:`accept` makes it again."""
    return json.dumps(
        {
            "domain": {name: getattr(domain, name) for name in COLUMNS},
            "config": tx.document(f"c:{domain.domid}"),
            "hardware": tx.document(f"h:{domain.domid}"),
        }
    )


def accept(
    tx: Transaction, text: str, *, paused: bool, free_kib: Callable[[Transaction], int]
) -> Domain:
    """Make a guest from its packed state: a new domain id, the same handle and CPU time."""
    try:
        held: dict[str, Any] = json.loads(text)
        record = Domain(**held["domain"])
        config, hardware = held["config"], held["hardware"]
        needed = int(record.memory_kib)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise Unavailable("the image is damaged") from exc
    if tx.by_name(record.name):
        raise AlreadyExists(f"a guest named {printable(record.name)} is living already")
    if free_kib(tx) < needed:
        raise OperationFailed(f"not enough free memory: {needed} KiB, {free_kib(tx)} KiB free")
    record.domid = tx.next_domid()
    record.pauses = int(paused)
    record.reason = record.request = record.after = record.cause = None
    record.dying = record.held_kib = 0
    record.target_kib = record.memory_kib
    record.started = record.since = tx.now
    tx.insert(record)
    if isinstance(config, str):
        tx.put_document(f"c:{record.domid}", config)
    if isinstance(hardware, str):
        tx.put_document(f"h:{record.domid}", hardware)
    return record


def save(tx: Transaction, domain: Domain, path: str) -> None:
    """Write a guest's state to a file and end it."""
    life.check_unprivileged(domain, "be saved")
    check_image_path(path)
    if tx.file(path) is not None:
        raise AlreadyExists(f"{printable(path)} exists on the simulated host")
    tx.put_file(path, "image", pack(tx, domain))
    leave(tx, domain)


def leave(tx: Transaction, domain: Domain) -> None:
    """Suspend a guest whose state is elsewhere by now; the toolstack removes it at once."""
    life.end(tx, domain, ShutdownReason.SUSPEND)
    life.begin_dying(tx, domain, "suspend")


def restore(
    tx: Transaction, path: str, *, paused: bool, free_kib: Callable[[Transaction], int]
) -> Domain:
    """Bring a saved guest back; the file stays."""
    check_image_path(path)
    found = tx.file(path)
    if found is None:
        raise NotFound(f"{printable(path)} is not on the simulated host")
    if found[0] != "image":
        raise OperationFailed(f"{printable(path)} is not a saved guest but a {found[0]} file")
    domain = accept(tx, found[1], paused=paused, free_kib=free_kib)
    life.announce(tx, domain, "restored")
    return domain


def dump(tx: Transaction, domain: Domain, path: str) -> None:
    """Write a core dump; the guest goes on. One that exists is written over, as xl does."""
    life.check_unprivileged(domain, "be dumped")
    check_image_path(path)
    found = tx.file(path)
    if found is not None and found[0] != "core":
        raise AlreadyExists(f"{printable(path)} is a saved guest: it is not written over")
    tx.put_file(path, "core", pack(tx, domain))
