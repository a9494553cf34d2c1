"""Where a simulated host lives: one SQLite database, in memory or in a file.

Every look and every change is one transaction, so a kill -9 at any moment leaves the file as it
was before the change or as it is after it. A file is kept in write-ahead mode: several processes
may read while one writes. Waiting for another process or thread ends at the deadline.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    OutcomeUnknown,
    Unavailable,
)
from xenparley.domain.identity import printable
from xenparley_sim.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, TABLES
from xenparley_sim.store_errors import damaged, is_busy, translate

__all__ = ["Store", "check_path"]

_FIRST_NAP_S = 0.001
_LONGEST_NAP_S = 0.02
# SQLite asks the progress handler every this many of its instructions.
_PROGRESS_STEPS = 50_000
_FOREIGN = (sqlite3.Error, UnicodeError, OverflowError)


def check_path(path: str) -> str:
    """Return the absolute path, or raise InvalidInput for one that can't be a file's."""
    if not path or "\0" in path:
        raise InvalidInput(f"not a file's path: {printable(path, limit=200)!r}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"not a file's path: {printable(path, limit=200)!r}") from exc
    return os.path.abspath(path)  # noqa: PTH100 - pathlib would drop ".." wrongly or follow links


class Store:
    """A database, its one connection, and the lock that orders the threads of this process.

    ``path`` None is a database in memory that lives as long as the object. ``create`` fills a new
    database inside its first transaction.
    """

    def __init__(self, path: str | None, create: Callable[[sqlite3.Connection], None]) -> None:
        self.path = None if path is None else check_path(path)
        self._create = create
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._deadline = float("inf")
        self._depth = 0
        self._closed = False
        self._orphaned = False
        # Connections that a fork left behind: closing one in the child would drop the parent's
        # locks on the file, so they are only kept from being collected.
        self._inherited: list[sqlite3.Connection] = []

    @property
    def where(self) -> str:
        """The store in words, safe for terminals."""
        return "memory" if self.path is None else printable(self.path, limit=300)

    @contextmanager
    def transaction(self, deadline: float, *, write: bool) -> Iterator[sqlite3.Connection]:
        """Hold the store for one transaction; what was changed is kept unless an error leaves.

        Inside another one of the same thread it is part of that one. Raises DeadlineExceeded,
        Unavailable, AccessRefused, OutcomeUnknown (the file system failed at the commit).
        """
        self._after_fork()
        if self._orphaned:
            raise ChannelLost("a simulated host in memory stays with the process that made it")
        wait = min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
        if not self._lock.acquire(timeout=wait):
            raise DeadlineExceeded(f"{self.where}: other threads kept it until the deadline")
        try:
            if self._depth:
                yield self._open(deadline)
                return
            self._deadline = deadline
            connection = self._open(deadline)
            self._begin(connection, deadline, write=write)
            self._depth = 1
            try:
                yield connection
            except _FOREIGN as exc:
                self._roll_back(connection)
                raise translate(exc, self.path) from exc
            except BaseException:
                self._roll_back(connection)
                raise
            else:
                self._commit(connection)
            finally:
                self._depth = 0
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection once nobody uses it. Idempotent."""
        self._after_fork()
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def exists(self) -> bool:
        """Say whether there is something to open; raises for what can't be a database."""
        if self.path is None or self._connection is not None:
            return True
        try:
            mode = os.stat(self.path).st_mode  # noqa: PTH116 - Path.stat is the same, slower
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise AccessRefused(f"{self.where}: {exc.strerror}") from exc
        # A pipe would block the open for ever, a device must not be written to.
        if not stat.S_ISREG(mode):
            raise Unavailable(f"{self.where} is not a regular file")
        return True

    def open(self, deadline: float) -> None:
        """Open and check the database; make it when there is none."""
        with self.transaction(deadline, write=False):
            pass

    def _open(self, deadline: float) -> sqlite3.Connection:
        if self._closed:
            raise ChannelLost("the simulated host's connection is closed")
        if self._connection is not None:
            return self._connection
        if self.path is not None and not self.exists():
            self._make_file(self.path)
        try:
            connection = sqlite3.connect(
                ":memory:" if self.path is None else self.path,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as exc:
            raise translate(exc, self.path) from exc
        try:
            connection.set_progress_handler(self._out_of_time, _PROGRESS_STEPS)
            self._prepare(connection, deadline)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _make_file(self, path: str) -> None:
        try:
            # Configurations hold passwords: nobody else may read them.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return
        except FileNotFoundError as exc:
            folder = printable(os.path.dirname(path), limit=300)  # noqa: PTH120
            raise Unavailable(f"the folder of {self.where} does not exist: {folder}") from exc
        except OSError as exc:
            raise AccessRefused(f"{self.where} can't be made: {exc.strerror}") from exc

    def _prepare(self, connection: sqlite3.Connection, deadline: float) -> None:
        try:
            # A file that others made could hold triggers that call functions.
            self._run(connection, "PRAGMA trusted_schema = OFF", deadline)
            if self._is_ours(connection, deadline):
                self._run(connection, "PRAGMA synchronous = NORMAL", deadline)
                return
            if self.path is not None:
                self._run(connection, "PRAGMA journal_mode = WAL", deadline)
                self._run(connection, "PRAGMA synchronous = NORMAL", deadline)
            self._run(connection, "BEGIN IMMEDIATE", deadline)
            try:
                # Another process may have made it meanwhile.
                if not self._is_ours(connection, deadline):
                    for statement in SCHEMA:
                        connection.execute(statement)
                    self._create(connection)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
        except _FOREIGN as exc:
            raise translate(exc, self.path) from exc

    def _is_ours(self, connection: sqlite3.Connection, deadline: float) -> bool:
        """True: a simulated host; False: empty, ours to fill. Raises for anything else."""
        (application,) = self._run(connection, "PRAGMA application_id", deadline).fetchone()
        (version,) = self._run(connection, "PRAGMA user_version", deadline).fetchone()
        held = self._run(connection, "SELECT type, name FROM sqlite_master", deadline).fetchall()
        if not held and not application and not version:
            return False
        if application != APPLICATION_ID:
            raise damaged(self.where, "it is another program's database")
        if version != SCHEMA_VERSION:
            raise Unavailable(
                f"{self.where} was written by another xenparley: its layout is {version}, "
                f"this one knows {SCHEMA_VERSION}"
            )
        tables = {name for kind, name in held if kind == "table"} - {"sqlite_sequence"}
        kinds = {kind for kind, _ in held}
        if tables != TABLES or not kinds <= {"table", "index"}:
            raise damaged(self.where, "its tables are not those of a simulated host")
        return True

    def _begin(self, connection: sqlite3.Connection, deadline: float, *, write: bool) -> None:
        try:
            self._run(connection, "BEGIN IMMEDIATE" if write else "BEGIN", deadline)
        except _FOREIGN as exc:
            raise translate(exc, self.path) from exc

    def _run(
        self, connection: sqlite3.Connection, statement: str, deadline: float
    ) -> sqlite3.Cursor:
        """Execute a statement, again while another process holds the file."""
        nap = _FIRST_NAP_S
        while True:
            try:
                return connection.execute(statement)
            except sqlite3.OperationalError as exc:
                left = deadline - time.monotonic()
                if not is_busy(exc) or left <= 0:
                    raise
                time.sleep(min(nap, left))
                nap = min(nap * 2, _LONGEST_NAP_S)

    def _commit(self, connection: sqlite3.Connection) -> None:
        # What is done is kept, however late it is: the handler must not interrupt a commit.
        self._deadline = float("inf")
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as exc:
            if not connection.in_transaction:
                raise OutcomeUnknown(f"{self.where}: the file failed at the commit: {exc}") from exc
            self._roll_back(connection)
            raise translate(exc, self.path) from exc

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        self._deadline = float("inf")
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def _out_of_time(self) -> bool:
        return time.monotonic() > self._deadline

    def _after_fork(self) -> None:
        if self._pid == os.getpid():
            return
        # The parent's threads, and with them the holder of the lock, are not here.
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._depth = 0
        if self._connection is not None:
            self._inherited.append(self._connection)
            self._connection = None
            self._orphaned = self.path is None
