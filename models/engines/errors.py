"""What can be wrong with a database as a whole, whichever engine it is."""

from __future__ import annotations

import enum


class DatabaseUnusable(Exception):
    """The database can't be served from; the message is one line: why, and what to do."""


class NotMigrated(DatabaseUnusable):
    """The database is older than this program."""


class Busy(Exception):
    """Others have written for longer than we wait."""


class Trouble(enum.Enum):
    """What an error of the database means for whoever asked."""

    BUSY = "others hold it for longer than we wait"
    FULL = "it can't be written"
    GONE = "it does not answer"
