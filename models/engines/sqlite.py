"""All that only SQLite can speak: the connection, its pragmas, its errors, and the search index.

Everything else is composed by Peewee, so that another database takes another module like this.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee
from peewee import sqlite3  # Python's, or that of the package pysqlite3 where it is newer

from . import indexing
from .known import Known
from .turns import Turns
from .written import Written

BUSY_SECONDS = 10
TRY_AGAIN_SECONDS = 0.0005
LOG_SECONDS = 3  # for which the log's readers are waited for, before it is emptied
_TEXT_INDEXES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5 %'"
)
WAL_LIMIT_BYTES = 64 * 1024 * 1024

# What Peewee raises, and what escapes it while rows are fetched
ERRORS = (peewee.PeeweeException, sqlite3.Error)


class DatabaseUnusable(Exception):
    """The file can't be served from; the message is one line that says why, and what to do."""


class Busy(Exception):
    """Others have written for longer than we wait."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY


class Database(peewee.SqliteDatabase):
    """A SQLite file, with one connection a thread that is kept until the thread or process ends.

    In: the file's path, and how surely a commit is on the disk (`full` or `normal`, SQLite's
    synchronous pragma). Nothing is opened until the first query.
    """

    def __init__(self, path: str | Path, synchronous: str = "full") -> None:
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._open_lock = threading.Lock()
        self._of_thread = threading.local()
        self.turns = Turns()
        # A connection that was opened while the file could not be written never writes, and SQLite
        # lets those of a process share some of that: only a new process is sure to write again.
        self.is_stale = False
        self.has_log_to_empty = False  # after something was erased while others read
        self.on_stale: Callable[[], None] | None = None  # called once, where somebody can renew it
        self.trash_days = 30  # for which deletions can be undone
        self.events_days = 90  # for which events are kept; 0: for ever
        self.on_commit: list[Callable[[Any], None]] = []  # told what events were written
        super().__init__(
            str(path),
            timeout=BUSY_SECONDS,
            lock_type="IMMEDIATE",
            pragmas={
                "journal_mode": "wal",
                "synchronous": synchronous,
                "foreign_keys": 1,
                # What is deleted is overwritten, so that nobody finds it in the file.
                "secure_delete": 1,
                "journal_size_limit": WAL_LIMIT_BYTES,
                "temp_store": "memory",
                # Of each thread's connection, in kibibytes; the system's cache lies behind it.
                "cache_size": -4000,
            },
            cached_statements=512,
            # A connection is used by its own thread only, but closed by whoever ends the process.
            check_same_thread=False,
            factory=_Connection,
        )

    def _connect(self) -> sqlite3.Connection:
        conn = super()._connect()
        with self._open_lock:
            self._open.add(conn)
        self._of_thread.closing = _Closing(conn)
        self._of_thread.known = Known()
        return conn

    @property
    def known(self) -> Known:
        """What this thread's connection knows of the database.

        Nothing within a transaction: what is seen there may never come to be.
        """
        return Known() if self.connection().in_transaction else self._of_thread.known

    @property
    def written(self) -> Written | None:
        """Which events this thread's transaction has written; None where none is open."""
        return getattr(self._of_thread, "written", None)

    def begin(self, lock_type: str | None = None, deadline: float | None = None) -> None:
        """Begin a transaction; where another process writes, try again and again.

        SQLite would do so by itself, but ever more seldom, up to a tenth of a second apart, while
        others come and are let in: of many writers some would wait long. Raises what `is_busy`
        knows after BUSY_SECONDS, or past the deadline, a time of the monotonic clock.
        """
        deadline = deadline or time.monotonic() + BUSY_SECONDS
        with self.not_waiting():
            while True:
                try:
                    return super().begin(lock_type)
                except peewee.OperationalError as error:
                    if not is_busy(error) or time.monotonic() > deadline:
                        raise
                time.sleep(TRY_AGAIN_SECONDS)

    def reserve_for_readers(self, threads: int) -> None:
        """Let so few of a server's threads wait to write that two, if there are, go on to read."""
        self.turns.places = max(1, threads - 2)

    @contextmanager
    def writing(self, *, patiently: bool = False, kept: bool = True) -> Iterator[None]:
        """Run one transaction that writes; the threads of this process wait for each other.

        SQLite lets whoever waits try again after pauses, and takes the first that happens to try:
        of many that wait, some would not get their turn in time. Raises what `is_busy` knows; at
        once where so many wait in vain that none would be left to read, unless this is to be done
        `patiently`. What is not to be `kept` is tried, and undone as a whole.
        """
        if self.in_transaction():
            raise Busy("This thread has a transaction open already")
        deadline = time.monotonic() + BUSY_SECONDS  # for both locks
        if not self.turns.take(deadline, patiently):
            raise Busy("Others are writing")
        written = self._of_thread.written = Written()
        try:
            with self.atomic(deadline=deadline) as transaction:
                yield
                if kept:
                    indexing.keep_up(self)
                else:
                    transaction.rollback()
        except ERRORS as error:
            self._renew_if_stale(error)
            raise
        finally:
            self._of_thread.written = None
            self.turns.end()
        if kept and written.first is not None:
            for told in tuple(self.on_commit):  # not sooner: whoever hears of it may want to write
                told(written)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Run a part of a transaction that writes, which is undone alone where it fails."""
        written = self.written
        before = None if written is None else written.mark()
        try:
            with self.atomic():
                yield
        except BaseException:
            if written is not None and before is not None:
                written.go_back(before)
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a transaction that only reads: the database as it is with its first query."""
        with self.atomic("DEFERRED"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[Database]:
        """Open the file once more, to read it as it is at this moment, whatever others write."""
        db = Database(self.database)
        try:
            # What has to be sorted may be as long as the table.
            db.execute_sql("PRAGMA temp_store = file")
            db.begin("DEFERRED")
            # SQLite takes the snapshot with the first read.
            db.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchone()
            yield db
        finally:
            db.close_all()

    def forget(self) -> None:
        """See that what this transaction deletes is left nowhere, once it is committed.

        Indexes of text keep what was deleted until they are optimized, and the log what was there
        before until it is written back and emptied. Raises peewee.DatabaseError.
        """
        for (index,) in self.execute_sql(_TEXT_INDEXES).fetchall():
            _command(self, index, "optimize")
        self.after_commit(self.empty_log)

    def empty_log(self) -> bool:
        """Write the log back into the database and empty it; tell whether nobody was in the way."""
        self.execute_sql(f"PRAGMA busy_timeout = {LOG_SECONDS * 1000}")
        try:
            (busy, *_) = self.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self.execute_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        self.has_log_to_empty = bool(busy)
        return not busy

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        """Let this thread's statements fail at once while another connection holds the lock."""
        self.execute_sql("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            self.execute_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def _renew_if_stale(self, error: Exception) -> None:
        """Close this thread's connection if it is read-only, and its files are no longer."""
        if _code(error) != sqlite3.SQLITE_READONLY:
            return
        path = Path(self.database)
        places = (path.parent, path, *filter(Path.exists, companions(path)))
        if all(os.access(place, os.W_OK) for place in places):
            self.close()
            if self.on_stale is not None and not self.is_stale:
                self.on_stale()
            self.is_stale = True

    def rollback(self) -> None:
        """Undo the transaction, unless SQLite has: it does where a commit finds the disk full.

        To roll back what is gone would be an error, and hide the one that says why.
        """
        if self.written is not None:
            self.written.forget()
        if self.connection().in_transaction:
            super().rollback()

    def close_inherited(self) -> None:
        """Close, in a process that was forked, what it has copies of; it then opens its own.

        With the last of them SQLite forgets what it has noted of its locks, which are the parent's
        (https://sqlite.org/howtocorrupt.html, section 2.6). Of a transaction no child can end its
        copy: none may be open. Our lock is not taken, for a thread that is no more may have it.
        """
        for conn in list(self._open):
            conn.close()

    def close_all(self) -> None:
        """Close the connections of all threads; for the end of the process and of tests."""
        with self._open_lock:
            for conn in list(self._open):
                conn.close()
            self._open.clear()
        self.dispose()


class _Connection(sqlite3.Connection):
    """A connection that weak references can point to."""


class _Closing:
    """Closes a thread's connection as the thread ends.

    A connection refers to itself, by its cache of statements, and by itself would stay open until
    the garbage collector comes by: a server with a thread a request could run out of files.
    """

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._process = os.getpid()

    def __del__(self) -> None:
        if os.getpid() == self._process:
            with _closing:
                self._conn.close()
        else:  # the thread is of the parent, and may have been in the middle of a statement
            _inherited.append(self._conn)


# Nobody forks while a thread that ends closes its connection: the child would have half of that.
_closing = threading.RLock()
os.register_at_fork(
    before=_closing.acquire,
    after_in_parent=_closing.release,
    after_in_child=_closing.release,
)
_inherited: list[sqlite3.Connection] = []  # kept, since a connection that is let go of closes


def is_busy(error: Exception) -> bool:
    """Tell whether another connection held a lock for longer than we wait."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_full(error: Exception) -> bool:
    """Tell whether the disk is full, or refuses to be written."""
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    )


def _code(error: Exception) -> int | None:
    """Return SQLite's primary result code (https://sqlite.org/rescode.html), if there is one."""
    cause: BaseException | None = error
    while cause is not None:  # Peewee wraps errors, where it connects while it executes twice
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF
        cause = cause.__cause__ or cause.__context__
    return None


def path_of(url: str, folder: Path) -> Path:
    """Return the file that a `sqlite:///` URL names; a relative one lies in `folder`.

    Raises ValueError for a URL of another kind.
    """
    scheme, _, rest = url.partition(":///")
    if scheme != "sqlite" or not rest or "?" in rest:
        raise ValueError("sqlite:///relative/path or sqlite:////absolute/path")
    return folder / rest


def companions(path: Path) -> list[Path]:
    """Return the paths of the files that SQLite keeps beside the database at `path`."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


def reason(error: Exception, path: str | Path) -> str:
    """Say in one line why SQLite could not use the file at `path`."""
    if is_busy(error):
        return f"The database {path} is locked by another program."
    if is_full(error):
        return f"The database {path} can't be opened or written: {error}."
    if _code(error) == sqlite3.SQLITE_NOTADB:
        return f"The file {path} is not a SQLite database."
    return f"The database {path} can't be read: {error}. Restore a backup."


def search_index_is_sound(db: peewee.Database, index: str) -> bool:
    """Compare a search index with its table, row by row. Raises peewee.DatabaseError if busy.

    The rank of 1 is what makes FTS5 look at the table, and not only at the index itself.
    """
    try:
        _command(db, index, "integrity-check", rank=1)
    except peewee.DatabaseError as error:
        if _code(error) != sqlite3.SQLITE_CORRUPT:
            raise
        return False
    return True


def rebuild_search_index(db: peewee.Database, index: str) -> None:
    """Make a search index anew from its table. Raises peewee.DatabaseError."""
    _command(db, index, "rebuild")


def _command(db: peewee.Database, index: str, command: str, **values: int) -> None:
    # What FTS5 is told goes into the column that has the name of the table.
    table = peewee.Table(index)
    columns = {getattr(table.c, name): value for name, value in {index: command, **values}.items()}
    table.insert(columns).execute(db)
