"""The database as a file: whether one can be where it should, what is wrong in it, copies of it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from peewee import sqlite3

from clients_api.models.engines.disk import give
from clients_api.models.engines.errors import DatabaseUnusable

from . import codes
from .base import SqliteEngine

log = logging.getLogger("clients_api")

LOOK_SECONDS = 2  # for a lock, where a person waits to be told
COPY_PAGES = 1000  # between two reports of progress
SMALLEST_BYTES = 512  # SQLite takes a file of a single byte for an empty database


@contextmanager
def as_it_is(path: Path, access: str = "mode=rw") -> Iterator[SqliteEngine]:
    """Open the file at `path` without changing its kind, as our own connections would.

    In: how, in the words of SQLite's URIs (https://sqlite.org/uri.html). A missing file is not
    made. What SQLite can't read raises peewee.DatabaseError with the first query.
    """
    address = f"{path.absolute().as_uri()}?{access}"
    db = SqliteEngine(path, address, uri=True, timeout=LOOK_SECONDS)
    try:
        yield db
    finally:
        db.close()


def check_place(path: Path) -> bool:
    """Tell whether there is a file at `path`. Raises DatabaseUnusable where none can be used.

    The file is not opened: to close it again would drop the locks that SQLite holds on it in this
    process (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled).
    """
    try:
        if not path.parent.is_dir():
            raise DatabaseUnusable(f"The folder of the database, {path.parent}, does not exist.")
        if not path.exists():
            return False
        size = path.stat().st_size
    except OSError as error:
        raise DatabaseUnusable(f"The database {path} can't be opened: {error.strerror}.") from error
    if not path.is_file() or 0 < size < SMALLEST_BYTES:
        raise DatabaseUnusable(f"The file {path} is not a SQLite database.")
    if not os.access(path, os.R_OK | os.W_OK):
        is_mounted_so = os.statvfs(path).f_flag & os.ST_RDONLY
        why = os.strerror(errno.EROFS if is_mounted_so else errno.EACCES)
        raise DatabaseUnusable(f"The database {path} can't be opened: {why}.")
    return True


def identity(path: str | Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from all others, device and inode; None for no file."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def check_whole(db: SqliteEngine, path: Path) -> None:
    """Raise DatabaseUnusable if the open file at `path` ends within a page.

    SQLite notices where whole pages are missing; the rest of one it takes for zeros.
    """
    wal = companions(path)[0]
    has_log = wal.exists() and wal.stat().st_size > 0  # which may hold what is missing here
    if not has_log and path.stat().st_size % db.pragma("page_size"):
        raise DatabaseUnusable(
            f"The database {path} can't be read: its end is missing. Restore a backup."
        )


def make_file(path: Path) -> None:
    """Make a new, empty file that we alone can read; SQLite gives its mode to those beside it.

    Raises DatabaseUnusable. A file that is there is left alone.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            give(handle, path.parent)
        finally:
            os.close(handle)
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseUnusable(f"The database {path} can't be made: {error.strerror}.") from error


def copy(
    source: SqliteEngine,
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Copy a database as it is at this moment into the empty file `target`, and sync that.

    In: `progress` is told the pages that are done, and how many there are. Others can write to
    the source meanwhile. Raises peewee.DatabaseError for the source, and DatabaseUnusable.
    """
    with source.reading(), closing(sqlite3.connect(target)) as copied:
        # This opens the snapshot; without one, what others write would start the copy anew.
        source.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchone()
        try:
            source.connection().backup(
                copied,
                pages=COPY_PAGES,
                progress=lambda _, left, total: progress(total - left, total),
            )
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"The copy {target} can't be written: {error}.") from error


def companions(path: Path) -> list[Path]:
    """Return the paths of the files that SQLite keeps beside the database at `path`."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


@contextmanager
def alone_with(path: Path) -> Iterator[SqliteEngine]:
    """Keep all others from the database, its log written back, as far as it can be opened.

    Yields it, open. Raises DatabaseUnusable where others use it.
    """
    with as_it_is(path) as db:
        try:
            db.pragma("journal_mode", "delete")  # only who is alone may leave WAL mode
            db.begin("EXCLUSIVE")
        except codes.ERRORS as error:
            # A damaged database, or none, can't be held; it must be possible to replace it.
            if codes.is_busy(error):
                raise DatabaseUnusable(
                    f"The database {path} is in use. Stop the server first."
                ) from error
        yield db


@contextmanager
def lock(path: Path, beside: Path, what: str, wait: bool) -> Iterator[bool]:
    """Keep all other processes from `what` by the lock file `path`; tell whether that succeeded.

    In: whom the file is given to, like the one `beside`. The lock is the kernel's, so that it goes
    with the process that holds it. Raises OSError, which says what to do.
    """
    descriptor = _open(path, beside, what)
    try:
        yield _lock(descriptor, wait)
    finally:
        os.close(descriptor)


def _open(path: Path, beside: Path, what: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(path, flags, 0o600)
        except PermissionError:
            # Of another user, such as root, who once did it by hand. In a folder of ours it can be
            # made anew; should that user be at it now, some of it may be done twice.
            path.unlink()
            log.warning("The lock %s was another user's, and is made anew", path)
            descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}. Without this lock no {what} is delivered: "
            "delete the file, or give it to the owner of the database.",
            str(path),
        ) from error
    give(descriptor, beside)
    return descriptor


def _lock(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
