"""What one process alone may do with a database: locks beside its file, which are the kernel's."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from . import files
from .sqlite import Database

log = logging.getLogger("clients_api")


@contextlib.contextmanager
def alone(db: Database, what: str, *, wait: bool = False) -> Iterator[bool]:
    """Keep all other processes from `what`; tell whether that succeeded.

    In: the database that they would do it for; `what` in a word, such as mail; `wait`, whether to
    wait until no other does it. Ends with the process that does. Raises OSError, which says what
    to do.
    """
    descriptor = _open(Path(f"{db.database}-{what}.lock"), Path(db.database), what)
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
    files.give(descriptor, beside)
    return descriptor


def _lock(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
