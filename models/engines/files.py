"""A database that is one file, for whoever copies it or puts one in its place.

Only some are: `Engine.file` says which, and of the others what to do instead.
"""

from .sqlite import Database
from .sqlite.codes import ERRORS, is_busy, reason
from .sqlite.files import (
    alone_with,
    as_it_is,
    check_place,
    check_whole,
    companions,
    copy,
    identity,
    make_file,
)

__all__ = [
    "ERRORS",
    "Database",
    "alone_with",
    "as_it_is",
    "check_place",
    "check_whole",
    "companions",
    "copy",
    "identity",
    "is_busy",
    "make_file",
    "reason",
]
