"""The database as a file: whether one can be where it should, what is wrong in it, copies of it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import peewee
from peewee import sqlite3

from . import sqlite

LOOK_SECONDS = 2  # for a lock, where a person waits to be told
COPY_PAGES = 1000  # between two reports of progress
SMALLEST_BYTES = 512  # SQLite takes a file of a single byte for an empty database
_OF_SEARCH_INDEX = re.compile(r"\bclient_search\b")


@contextmanager
def as_it_is(path: Path, access: str = "mode=rw") -> Iterator[peewee.SqliteDatabase]:
    """Open the file at `path` without changing its kind, as our own connections would.

    In: how, in the words of SQLite's URIs (https://sqlite.org/uri.html). A missing file is not
    made. What SQLite can't read raises peewee.DatabaseError with the first query.
    """
    address = f"{path.absolute().as_uri()}?{access}"
    db = peewee.SqliteDatabase(address, uri=True, timeout=LOOK_SECONDS)
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
            raise sqlite.DatabaseUnusable(
                f"The folder of the database, {path.parent}, does not exist."
            )
        if not path.exists():
            return False
        size = path.stat().st_size
    except OSError as error:
        raise sqlite.DatabaseUnusable(
            f"The database {path} can't be opened: {error.strerror}."
        ) from error
    if not path.is_file() or 0 < size < SMALLEST_BYTES:
        raise sqlite.DatabaseUnusable(f"The file {path} is not a SQLite database.")
    if not os.access(path, os.R_OK | os.W_OK):
        is_mounted_so = os.statvfs(path).f_flag & os.ST_RDONLY
        why = os.strerror(errno.EROFS if is_mounted_so else errno.EACCES)
        raise sqlite.DatabaseUnusable(f"The database {path} can't be opened: {why}.")
    return True


def identity(path: str | Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from all others, device and inode; None for no file."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def check_whole(db: peewee.SqliteDatabase, path: Path) -> None:
    """Raise DatabaseUnusable if the open file at `path` ends within a page.

    SQLite notices where whole pages are missing; the rest of one it takes for zeros.
    """
    log = sqlite.companions(path)[0]
    has_log = log.exists() and log.stat().st_size > 0  # which may hold what is missing here
    if not has_log and path.stat().st_size % db.pragma("page_size"):
        raise sqlite.DatabaseUnusable(
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
        raise sqlite.DatabaseUnusable(
            f"The database {path} can't be made: {error.strerror}."
        ) from error


def give(made: int | Path, like: Path) -> None:
    """Give what root has made to whom the file or folder `like` belongs; as others do nothing.

    In: an open file, or a path, of which a link is not followed. What is left to root would stop
    the service, which works as another user, when it needs it. A file that has other names
    (hard links) or was not root's is left alone: it is not ours to give. Raises OSError.
    """
    if os.geteuid() != 0:
        return
    owner = like.stat()
    now = os.fstat(made) if isinstance(made, int) else made.lstat()
    has_other_names = not stat.S_ISDIR(now.st_mode) and now.st_nlink > 1
    if now.st_uid == 0 and owner.st_uid != 0 and not has_other_names:
        if isinstance(made, int):
            os.fchown(made, owner.st_uid, owner.st_gid)
        else:
            os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync(path: Path) -> None:
    """Wait until a file, or what a folder says of its files, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy(
    source: peewee.SqliteDatabase,
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Copy a database as it is at this moment into the empty file `target`, and sync that.

    In: `progress` is told the pages that are done, and how many there are. Others can write to
    the source meanwhile. Raises peewee.DatabaseError for the source, and DatabaseUnusable.
    """
    with source.atomic("DEFERRED"), closing(sqlite3.connect(target)) as copied:
        # This opens the snapshot; without one, what others write would start the copy anew.
        source.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchone()
        try:
            source.connection().backup(
                copied,
                pages=COPY_PAGES,
                progress=lambda _, left, total: progress(total - left, total),
            )
        except sqlite3.Error as error:
            raise sqlite.DatabaseUnusable(
                f"The copy {target} can't be written: {error}."
            ) from error


def faults(db: peewee.SqliteDatabase) -> list[str]:
    """Return what SQLite finds wrong with the structure of a database, the first hundred.

    Newer versions of it look into search indexes as well. Ours is a question of its own, since it
    can be made anew: see `sqlite.search_index_is_sound`.
    """
    try:
        lines = [line for (line,) in db.execute_sql("PRAGMA integrity_check")]
    except sqlite.ERRORS as error:
        if sqlite.is_busy(error):
            raise
        return [str(error)]
    return [line for line in lines if line != "ok" and not _OF_SEARCH_INDEX.search(line)]


def orphans(db: peewee.SqliteDatabase) -> dict[tuple[str, str], int]:
    """Count the rows that refer to a row that is not there, by their table and the other one."""
    found = db.execute_sql("PRAGMA foreign_key_check")
    return Counter((table, parent) for table, _, parent, _ in found)
