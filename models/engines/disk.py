"""Files and folders: whose they are, and what is surely written."""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
