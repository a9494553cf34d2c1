"""Definitions: files read and written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve

from xenparley.domain.errors import (
    AccessRefused,
    AlreadyExists,
    AmbiguousGuest,
    Conflict,
    InvalidInput,
    OperationFailed,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import (
    DOM0_HANDLE,
    GuestRef,
    canonical_uuid,
    check_name,
    printable,
)
from xenparley.negotiation.capability import Capability
from xenparley_xm import autostart
from xenparley_xm.calls import Calls, located, save
from xenparley_xm.errors import CHANNEL, UnreadableFile
from xenparley_xm.names import file_names, new_uuid
from xenparley_xm.reading import key_of
from xenparley_xm.summary import summarise
from xenparley_xm.writing import Writer, holds_secret

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley_xm.folder import Entry, Scan

__all__ = ["DefinitionsPort"]


class DefinitionsPort:
    """Reads and writes guests' files."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read_defined(self, guest: GuestRef, *, deadline: float) -> GuestConfig:
        """Return what a guest's file says; one without a UUID gets the one made from its path."""
        with self._calls.call(Capability.READ_DEFINED, deadline, guest) as folder:
            opened = self._calls.open(folder.scan(deadline), guest)
            config = folder.grammar.config(opened.document, opened.path)
            key = opened.reading.key
            fd = folder.open()
            try:
                auto = (key.device, key.inode) in autostart.started(fd, folder.path)
            except AccessRefused:
                auto = None  # not said, since auto/ may not be read
            finally:
                os.close(fd)
            return evolve(config, uuid=opened.entry.uuid, autostart=auto)

    def read_live(self, guest: GuestRef, *, deadline: float) -> NoReturn:
        """Raise Unsupported."""
        raise Unsupported(
            "files know no living guests",
            operation=Capability.READ_LIVE.value,
            channel=CHANNEL,
            guest=str(guest),
        )

    def define(self, config: GuestConfig, *, deadline: float) -> GuestRef:
        """Write a new file, or change the one of this UUID, and in it only what changed.

        A file keeps its name when its guest gets another. Without a UUID the one file with the
        guest's name is changed.
        """
        check_name(config.name)
        if config.uuid is not None:
            config = evolve(config, uuid=canonical_uuid(config.uuid))
            if config.uuid == DOM0_HANDLE:
                raise InvalidInput("the UUID of zeros is Domain 0's")
        if not 0 < config.memory_kib <= config.maximum_kib:
            raise InvalidInput(
                f"a guest needs memory: {config.memory_kib} KiB, at most {config.maximum_kib} KiB"
            )
        guest = GuestRef(uuid=config.uuid, name=config.name)
        with self._calls.change(Capability.DEFINE, deadline, guest) as (writer, scan):
            entry = _replaced(scan, config)
            if entry is None:
                uuid = config.uuid or new_uuid()
                file = self._add(writer, evolve(config, uuid=uuid))
            else:
                uuid, file = entry.uuid, entry.file
                self._change(writer, scan, entry, evolve(config, uuid=uuid))
            if config.autostart is not None:
                with _after(f"{printable(file)} is written, but not what it starts with"):
                    _autostart(writer, file, config.autostart)
        return GuestRef(uuid=uuid, name=config.name)

    def _add(self, writer: Writer, config: GuestConfig) -> str:
        grammar = writer.folder.grammar
        document = grammar.empty()
        # Links in auto/ say it, not XenD's on_xend_start.
        grammar.apply(document, evolve(config, domid=None, autostart=None))
        assert config.uuid is not None
        files = file_names(config.name, config.uuid)
        file = next((each for each in files if not writer.exists(each)), None)
        if file is None:
            raise Conflict(
                f"{printable(writer.folder.where(files[1]))} is there already, "
                "and does not define this guest"
            )
        data = document.render_bytes()
        path = printable(writer.folder.where(file))
        again = summarise(grammar.parse(data, path), grammar.toolstack, path)
        if again is None or again.name != config.name or again.uuid != config.uuid:
            raise UnreadableFile(f"{path}: the new file would not be read as it was meant")
        writer.create(file, data, secret=holds_secret(document))
        return file

    def _change(self, writer: Writer, scan: Scan, entry: Entry, config: GuestConfig) -> None:
        opened = self._calls.open(scan, GuestRef(uuid=entry.uuid))
        writer.refuse_link(entry.file)
        grammar = writer.folder.grammar
        before = grammar.config(opened.document, opened.path)
        # A UUID made from the path is not written: nobody asked for that.
        uuid = None if before.uuid is None and config.uuid == entry.uuid else config.uuid
        wanted = evolve(config, domid=None, uuid=uuid, autostart=before.autostart)
        grammar.apply(opened.document, wanted)
        save(writer, opened)

    def undefine(self, guest: GuestRef, *, deadline: float) -> None:
        """Remove the file and its links in auto/. Of a symbolic link only the link goes."""
        with self._calls.change(Capability.UNDEFINE, deadline, guest) as (writer, scan):
            entry = located(scan, guest)
            folder, fd = writer.folder, writer.opened
            found = os.stat(entry.file, dir_fd=fd)
            key = key_of(found)
            if entry.digest and entry.key != key:
                raise Conflict(f"{printable(folder.where(entry.file))} was changed meanwhile")
            links = autostart.links_of(fd, folder.path, (found.st_dev, found.st_ino))
            writer.remove(entry.file, key)
            with _after(f"{printable(entry.file)} is removed, but not its links"):
                autostart.unlink(fd, folder.path, links)

    def set_autostart(self, guest: GuestRef, enabled: bool, *, deadline: float) -> None:
        """Link to the file in auto/, or remove every link to it there."""
        with self._calls.change(Capability.SET_AUTOSTART, deadline, guest) as (writer, scan):
            _autostart(writer, located(scan, guest).file, bool(enabled))


@contextlib.contextmanager
def _after(done: str) -> Iterator[None]:
    """Say of what fails now that something was done: no other channel may be tried."""
    try:
        yield
    except (XenparleyError, OSError) as exc:
        raise OperationFailed(f"{done}: {exc}") from exc


def _autostart(writer: Writer, file: str, enabled: bool) -> None:
    found = os.stat(file, dir_fd=writer.opened)
    identity = (found.st_dev, found.st_ino)
    path = writer.folder.path
    if enabled:
        autostart.link(writer.opened, path, file, identity)
    else:
        autostart.unlink(writer.opened, path, autostart.links_of(writer.opened, path, identity))


def _replaced(scan: Scan, config: GuestConfig) -> Entry | None:
    """Return the file that a definition replaces. Raises AlreadyExists, AmbiguousGuest."""
    same_name = scan.by_name(config.name)
    if config.uuid is None:
        if len(same_name) > 1:
            files = [printable(entry.file) for entry in same_name]
            raise AmbiguousGuest(
                f"the name {printable(config.name)} is defined by {', '.join(files[:10])}",
                candidates=files,
            )
        return same_name[0] if same_name else None
    for entry in same_name:
        if entry.uuid != config.uuid:
            raise AlreadyExists(
                f"the name {printable(config.name)} is defined by "
                f"{printable(entry.file)} for {entry.uuid} already"
            )
    if not scan.by_uuid(config.uuid):
        return None
    return located(scan, GuestRef(uuid=config.uuid, name=config.name))
