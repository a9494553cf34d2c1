"""Reading and writing the simulated host inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.identity import MAX_DOMID
from xenparley_sim.changes import Change
from xenparley_sim.domain import COLUMNS, Domain
from xenparley_sim.store_errors import damaged

if TYPE_CHECKING:
    from xenparley_sim.facts import Timing

__all__ = ["JOURNAL_LENGTH", "Definition", "Transaction"]

#: So many changes are kept for observers that come late.
JOURNAL_LENGTH = 10_000

_ALL = ", ".join(COLUMNS)
_INSERT = f"INSERT INTO domains ({_ALL}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
_UPDATE = f"UPDATE domains SET {', '.join(f'{c} = ?' for c in COLUMNS[1:])} WHERE domid = ?"  # noqa: S608
_SELECT = f"SELECT {_ALL} FROM domains"  # noqa: S608
_DEFINED = (
    "SELECT uuid, name, virt, memory_kib, max_kib, vcpus, max_vcpus, autostart FROM definitions"
)


def _storable(text: str) -> bool:
    """Lone surrogates can't be stored, so nothing that is stored has them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


#: Types of a row's values that were found to be right: a file may hold anything.
_DEFINITION_KINDS = (str, str, str, int, int, int, int, int)
_SEEN_KINDS: set[tuple[type, ...]] = set()
_TEXTS = frozenset({"handle", "name", "virt", "request", "actions", "after", "cause"})
_REALS = frozenset({"started", "since"})
_NULLABLE = frozenset({"reason", "request", "after", "cause"})


def _learn(kinds: tuple[type, ...]) -> None:
    for column, kind in zip(COLUMNS, kinds, strict=True):
        wanted = str if column in _TEXTS else float if column in _REALS else int
        if kind is not wanted and not (kind is type(None) and column in _NULLABLE):
            raise damaged("the simulated host's file", f"{column} of a domain is {kind.__name__}")
    _SEEN_KINDS.add(kinds)


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise damaged("the simulated host's file", f"{type(value).__name__} in place of a number")
    return value


class Definition(NamedTuple):
    """What a listing knows of a definition; its configuration is the document ``d:UUID``."""

    uuid: str
    name: str
    virt: str
    memory_kib: int
    max_kib: int
    vcpus: int
    max_vcpus: int
    autostart: int


def _definition(row: Sequence[object]) -> Definition:
    if tuple(map(type, row)) != _DEFINITION_KINDS:
        raise damaged("the simulated host's file", "a definition's values are of wrong kinds")
    return Definition(*row)  # type: ignore[arg-type]


class Transaction:
    """The records of the host at one moment, ``now``, in seconds since the epoch."""

    def __init__(self, connection: sqlite3.Connection, now: float, timing: Timing) -> None:
        self.sql = connection
        self.now = now
        self.timing = timing

    # Domains

    def domain(self, domid: int) -> Domain | None:
        """Return the domain, settled at this moment."""
        if not 0 <= domid <= MAX_DOMID:
            return None
        row = self.sql.execute(_SELECT + " WHERE domid = ?", (domid,)).fetchone()
        return None if row is None else self._made(row)

    def domains(self) -> Iterator[Domain]:
        """Yield every domain by id, settled at this moment."""
        return map(self._made, self.sql.execute(_SELECT + " ORDER BY domid").fetchall())

    def by_handle(self, handle: str) -> list[Domain]:
        """Return the holders of a handle, the dying ones too."""
        if not _storable(handle):
            return []
        rows = self.sql.execute(_SELECT + " WHERE handle = ? ORDER BY domid", (handle,))
        return [self._made(row) for row in rows.fetchall()]

    def by_name(self, name: str) -> list[Domain]:
        """Return the holders of a name; a dying domain has lost its own."""
        if not _storable(name):
            return []
        rows = self.sql.execute(_SELECT + " WHERE name = ? AND NOT dying ORDER BY domid", (name,))
        return [self._made(row) for row in rows.fetchall()]

    def insert(self, domain: Domain) -> None:
        """Add a domain and account for its memory."""
        domain.held_kib = max(domain.memory_kib, domain.target_kib)
        self.sql.execute(_INSERT, [getattr(domain, c) for c in COLUMNS])
        self._account(domain.held_kib)

    def put(self, domain: Domain) -> None:
        """Write a changed domain back."""
        held = max(domain.memory_kib, domain.target_kib)
        if held != domain.held_kib:
            self._account(held - domain.held_kib)
            domain.held_kib = held
        values = [getattr(domain, c) for c in COLUMNS[1:]]
        self.sql.execute(_UPDATE, [*values, domain.domid])

    def remove(self, domain: Domain) -> None:
        """Forget a domain, its documents and its timers."""
        self.sql.execute("DELETE FROM domains WHERE domid = ?", (domain.domid,))
        self.sql.execute("DELETE FROM timers WHERE domid = ?", (domain.domid,))
        self.drop_document(f"c:{domain.domid}")
        self.drop_document(f"h:{domain.domid}")
        self._account(-domain.held_kib)

    def next_domid(self) -> int:
        """Take the next id: ascending, wrapping at the largest, never one that is living."""
        (start,) = self.sql.execute("SELECT next_domid FROM host").fetchone()
        start = _int(start)
        candidate = start if 1 <= start <= MAX_DOMID else 1
        for _ in range(MAX_DOMID):
            taken = self.sql.execute("SELECT 1 FROM domains WHERE domid = ?", (candidate,))
            if taken.fetchone() is None:
                break
            candidate = candidate % MAX_DOMID + 1
        self.sql.execute("UPDATE host SET next_domid = ?", (candidate % MAX_DOMID + 1,))
        return candidate

    def held_kib(self) -> int:
        """Return the memory of all domains together, promised growth included, in KiB."""
        (held,) = self.sql.execute("SELECT held_kib FROM host").fetchone()
        return _int(held)

    def _account(self, kib: int) -> None:
        if kib:
            self.sql.execute("UPDATE host SET held_kib = held_kib + ?", (kib,))

    def _made(self, row: Sequence[object]) -> Domain:
        kinds = tuple(map(type, row))
        if kinds not in _SEEN_KINDS:
            _learn(kinds)
        domain = Domain(*row)  # type: ignore[arg-type]
        timing = self.timing
        domain.settle(self.now, load=timing.load, balloon_kib_s=timing.balloon_kib_s)
        return domain

    # Definitions

    def definition(self, *, uuid: str | None = None, name: str | None = None) -> Definition | None:
        """Return the definition with this UUID, else with this name."""
        column, value = ("uuid", uuid) if uuid is not None else ("name", name)
        if value is None or not _storable(value):
            return None
        row = self.sql.execute(f"{_DEFINED} WHERE {column} = ?", (value,)).fetchone()
        return None if row is None else _definition(row)

    def definitions(self) -> list[Definition]:
        """Return every definition by name."""
        return list(map(_definition, self.sql.execute(_DEFINED + " ORDER BY name")))

    def put_definition(self, definition: Definition) -> None:
        """Add a definition or replace the one with its UUID."""
        self.sql.execute(
            "INSERT OR REPLACE INTO definitions (uuid, name, virt, memory_kib, max_kib, vcpus,"
            " max_vcpus, autostart) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            definition,
        )

    def drop_definition(self, uuid: str) -> None:
        """Forget a definition and its document."""
        self.sql.execute("DELETE FROM definitions WHERE uuid = ?", (uuid,))
        self.drop_document(f"d:{uuid}")

    # Documents: c:DOMID and d:UUID are configurations, h:DOMID is a domain's hardware.

    def document(self, key: str) -> str | None:
        """Return a document's text."""
        row = self.sql.execute("SELECT text FROM documents WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put_document(self, key: str, text: str) -> None:
        """Write a document."""
        self.sql.execute("INSERT OR REPLACE INTO documents (key, text) VALUES (?, ?)", (key, text))

    def drop_document(self, key: str) -> None:
        """Forget a document."""
        self.sql.execute("DELETE FROM documents WHERE key = ?", (key,))

    # Files of the simulated host: saved guests and core dumps.

    def file(self, path: str) -> tuple[str, str] | None:
        """Return kind and text of a file of the simulated host."""
        row = self.sql.execute("SELECT kind, text FROM files WHERE path = ?", (path,)).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def put_file(self, path: str, kind: str, text: str) -> None:
        """Write a file of the simulated host."""
        self.sql.execute(
            "INSERT OR REPLACE INTO files (path, kind, at, text) VALUES (?, ?, ?, ?)",
            (path, kind, self.now, text),
        )

    # Timers

    def arm(self, domid: int, kind: str, delay: float) -> None:
        """Have something happen to a domain after so many seconds."""
        self.sql.execute(
            "INSERT OR REPLACE INTO timers (domid, kind, due) VALUES (?, ?, ?)",
            (domid, kind, self.now + delay),
        )

    def disarm(self, domid: int, *kinds: str) -> None:
        """Take these timers back."""
        for kind in kinds:
            self.sql.execute("DELETE FROM timers WHERE domid = ? AND kind = ?", (domid, kind))

    def due(self, now: float) -> tuple[int, str, float] | None:
        """Return (domid, kind, due) of the first timer that has run out."""
        row = self.sql.execute(
            "SELECT domid, kind, due FROM timers WHERE due <= ? ORDER BY due, domid LIMIT 1", (now,)
        ).fetchone()
        return None if row is None else (_int(row[0]), str(row[1]), float(row[2]))

    # Journal

    def record(
        self,
        kind: str,
        *,
        domid: int | None,
        uuid: str | None,
        name: str | None,
        detail: str | None = None,
    ) -> None:
        """Note a change for observers, in this process and others."""
        cursor = self.sql.execute(
            "INSERT INTO journal (at, kind, domid, uuid, name, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (self.now, kind, domid, uuid, name, detail),
        )
        self.sql.execute(
            "DELETE FROM journal WHERE seq <= ?", ((cursor.lastrowid or 0) - JOURNAL_LENGTH,)
        )

    def note(self, kind: str, domain: Domain, detail: str | None = None) -> None:
        """Note a change of a domain."""
        self.record(kind, domid=domain.domid, uuid=domain.handle, name=domain.name, detail=detail)

    def last_change(self) -> int:
        """Return the number of the last change noted; 0 when there was none."""
        (last,) = self.sql.execute("SELECT max(seq) FROM journal").fetchone()
        return _int(last or 0)

    def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Return changes noted after that number, oldest first."""
        rows = self.sql.execute(
            "SELECT seq, at, kind, domid, uuid, name, detail FROM journal WHERE seq > ?"
            " ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [Change(*row) for row in rows]
