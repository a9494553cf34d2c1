"""What every call of a port does: its deadline, its errors, and which file is meant."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    AmbiguousGuest,
    DeadlineExceeded,
    NotFound,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley_xm.errors import CHANNEL, UnreadableFile, os_error
from xenparley_xm.folder import Entry, Folder, Scan
from xenparley_xm.reading import Reading, read_file
from xenparley_xm.writing import Writer, holds_secret, writing

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley.negotiation.capability import Capability
    from xenparley_formats.text_document import TextDocument

__all__ = ["Calls", "Opened", "located", "need_definition", "save"]


class Opened(NamedTuple):
    """A guest's file, read just now."""

    entry: Entry
    reading: Reading
    document: TextDocument
    path: str


class Calls:
    """The folder, and what the ports share."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def call(
        self, capability: Capability, deadline: float, guest: GuestRef | None = None
    ) -> Iterator[Folder]:
        """Run one call of a port: errors leave with guest, operation and channel."""
        try:
            if self.folder.closed:
                raise Unavailable("the channel of XM files is closed", retry_safe=True)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded("no time left to look at the files")
            try:
                yield self.folder
            except OSError as exc:
                raise os_error(exc, self.folder.path) from exc
        except XenparleyError as exc:
            exc.operation = capability.value
            exc.channel = CHANNEL
            if guest is not None:
                exc.guest = str(guest)
            raise

    @contextlib.contextmanager
    def change(
        self, capability: Capability, deadline: float, guest: GuestRef
    ) -> Iterator[tuple[Writer, Scan]]:
        """Run one command: with the lock held, and the folder looked at under it."""
        with (
            self.call(capability, deadline, guest) as folder,
            writing(folder, deadline) as writer,
        ):
            yield writer, folder.scan(deadline)

    def open(self, scan: Scan, guest: GuestRef) -> Opened:
        """Find a guest's file and read it.

        Raises NotFound, AmbiguousGuest; ParseError, UnreadableFile, AccessRefused for the file.
        """
        entry = located(scan, guest)
        folder = self.folder
        path = folder.where(entry.file)
        opened = folder.open()
        try:
            reading = read_file(entry.file, opened, path)
        except Unavailable as exc:
            raise NotFound(f"{guest}: {printable(path)} is gone") from exc
        finally:
            os.close(opened)
        document = folder.grammar.parse(reading.data, path)
        return Opened(entry, reading, document, printable(path))

    @contextlib.contextmanager
    def edit(self, capability: Capability, deadline: float, guest: GuestRef) -> Iterator[Opened]:
        """Change a guest's document; what is left of it at the end is written."""
        need_definition(capability, guest)
        with self.change(capability, deadline, guest) as (writer, scan):
            opened = self.open(scan, guest)
            writer.refuse_link(opened.entry.file)
            yield opened
            save(writer, opened)


def need_definition(capability: Capability, guest: GuestRef) -> None:
    """Raise Unsupported for a living guest: a file can't do anything to it."""
    if guest.domid is not None:
        raise Unsupported(
            f"{guest} is living: a file says only how it starts the next time",
            operation=capability.value,
            channel=CHANNEL,
            guest=str(guest),
        )


def located(scan: Scan, guest: GuestRef) -> Entry:
    """Return the one file of a guest: by UUID, by name only without one."""
    if guest.uuid is not None:
        found = scan.by_uuid(guest.uuid.lower())
    else:
        found = scan.by_name(guest.name) if guest.name is not None else []
    if not found:
        raise NotFound(f"{guest} is defined by no file")
    if len(found) > 1:
        files = [printable(entry.file) for entry in found]
        raise AmbiguousGuest(
            f"{guest} is defined by {len(files)} files: {', '.join(files[:10])}", candidates=files
        )
    return found[0]


def save(writer: Writer, opened: Opened) -> None:
    """Write a changed document in place of the file that it was read from."""
    data = opened.document.render_bytes()
    if data == opened.reading.data:
        return
    # What was written must be read again, or the guest would be lost.
    again = writer.folder.grammar.parse(data, opened.path)
    if again.get("name") != opened.document.get("name"):
        raise UnreadableFile(f"{opened.path}: the changed file would not be read as it was meant")
    writer.replace(opened.entry.file, data, opened.reading, secret=holds_secret(opened.document))
