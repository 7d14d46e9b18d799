"""Copies of the database: made while it is served, examined, and put back."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from clients_api.models import Client
from clients_api.models.engines import disk, files, migrating
from clients_api.models.engines.current import using
from clients_api.models.engines.engine import Engine
from clients_api.models.engines.errors import DatabaseUnusable

from . import since

Progress = Callable[[int, int], None]


class Restored(NamedTuple):
    """What a restore did.

    How many clients there are now; where the replaced database is, if there was one; and what
    came back, or None where it could not be told, since that database can't be read.
    """

    clients: int
    kept: Path | None
    undone: since.Undone | None


def backup(path: Path, target: Path, progress: Progress) -> int:
    """Copy the database at `path` to `target` as it is now; return how many clients it has.

    In: `progress`, which is told the pages done and to do. The copy has its name only when it is
    complete and found sound. Raises DatabaseUnusable, and OSError, among them FileExistsError.
    """
    if os.path.lexists(target):
        raise _taken(target)
    if not files.check_place(path):
        raise DatabaseUnusable(f"There is no database {path} yet.")
    files.check_place(target)
    with _beside(target) as copy:
        _copy(path, "mode=rw", copy, progress)
        clients = examine(copy, path)
        disk.sync(copy)
        _name(copy, target)
    disk.sync(target.parent)
    return clients


def restore(path: Path, file: Path, progress: Progress, *, as_it_was: bool = False) -> Restored:
    """Put a copy of the database `file` in the place of the one at `path`, which is kept.

    An older one is migrated. Keys that were revoked since, and mail that was sent since, stay so,
    unless `as_it_was`. Owner, group and mode are those of the replaced file, and where `path` is
    a link it goes on being one. Raises DatabaseUnusable, with nothing changed, if `file` is not
    sound, not ours or of a later version, and if another process has the database open.
    """
    path = path.resolve()
    there = files.check_place(path)
    if there and path.samefile(file):
        raise DatabaseUnusable(f"{file} is the database itself.")
    with _beside(path) as copy:
        _copy(file, _access(file), copy, progress)
        clients = examine(copy, file)
        _migrate(copy)
        if there:
            _make_alike(copy, path)
        else:
            disk.give(copy, path.parent)
        with files.alone_with(path) as replaced:
            undone = _compare(replaced, copy, as_it_was) if there else since.Undone([], [])
            disk.sync(copy)
            kept = _set_aside(path)
            os.replace(copy, path)
    disk.sync(path.parent)
    return Restored(clients, kept, undone)


def _compare(replaced: Engine, copy: Path, as_it_was: bool) -> since.Undone | None:
    """Find out what comes back with the copy, and withhold it unless it is wanted so."""
    db = files.Database(copy)
    try:
        try:
            undone = since.undone(replaced, db)
        except files.ERRORS:
            return None  # a damaged database, or one of long ago
        if not as_it_was:
            since.withhold(db, undone)
        return undone
    finally:
        db.close_all()


def _make_alike(copy: Path, path: Path) -> None:
    """Give a copy the owner, group and mode of the file that it replaces."""
    now, then = copy.stat(), path.stat()
    try:
        if (now.st_uid, now.st_gid) != (then.st_uid, then.st_gid):
            os.chown(copy, then.st_uid, then.st_gid)
        os.chmod(copy, stat.S_IMODE(then.st_mode))
    except PermissionError as error:
        raise DatabaseUnusable(
            f"The database {path} belongs to user {then.st_uid} and group {then.st_gid}, to whom "
            "you can't give the restored one. Restore as that user, or as root."
        ) from error


def examine(path: Path, name: Path) -> int:
    """Return the number of clients in the database at `path`, which errors call `name`.

    Raises DatabaseUnusable for one that is damaged, empty, not ours or of a later version.
    """
    with files.as_it_is(path) as db, using(db):
        _, is_new = migrating.inspect(db, str(name))
        if is_new:
            raise DatabaseUnusable(f"The database {name} is empty.")
        for question in db.structure():
            if faults := question.faults():
                raise DatabaseUnusable(
                    f"The database {name} is damaged: {faults[0].splitlines()[-1]}."
                )
        return Client.select().count()


def _copy(source: Path, access: str, copy: Path, progress: Progress) -> None:
    try:
        with files.as_it_is(source, access) as db:
            files.copy(db, copy, progress)
            files.check_whole(db, source)
    except files.ERRORS as error:
        raise DatabaseUnusable(files.reason(error, source)) from error


def _access(file: Path) -> str:
    # Alone, a file may lie where nothing can be written, as SQLite otherwise would beside it.
    is_alone = not any(companion.exists() for companion in files.companions(file))
    return "immutable=1" if is_alone else "mode=ro"


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Make an empty file in the folder of `target`; what is left of it in the end is removed."""
    handle, name = tempfile.mkstemp(prefix=".clients-api-", suffix=".tmp", dir=target.parent)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        for left in (path, *files.companions(path)):
            left.unlink(missing_ok=True)


def _name(copy: Path, target: Path) -> None:
    """Give a copy its name. Raises FileExistsError if a file has got it meanwhile."""
    try:
        os.link(copy, target)
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError:  # a file system without links
        os.rename(copy, target)


def _taken(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def _migrate(copy: Path) -> None:
    db = files.Database(copy)
    try:
        migrating.migrate(db)
    finally:
        db.close_all()


def _set_aside(path: Path) -> Path | None:
    """Give the database a second name, and its log, which is not the new one's, another."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = path.with_name(f"{path.name}.before-restore-{moment}")
    there = path.exists()
    if there:
        try:
            os.link(path, kept)
        except OSError:  # a file system without links
            shutil.copy2(path, kept)
    for old, new in zip(files.companions(path), files.companions(kept), strict=True):
        if old.exists():
            os.replace(old, new)
    disk.sync(path.parent)
    return kept if there else None
