"""What PostgreSQL's errors say: its SQLSTATEs, and a sentence for whoever has to act on one."""

from __future__ import annotations

import re

import peewee
import psycopg

from clients_api.models.engines.errors import Busy, Trouble

# What Peewee raises, and what escapes it while rows are fetched
ERRORS = (peewee.PeeweeException, psycopg.Error, Busy)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
READ_ONLY = "25006"  # a server that is a standby by now
_BUSY = {
    "25P03",  # a transaction was idle for too long
    "40001",
    "40P01",  # a deadlock
    "53300",  # too many connections
    "55P03",  # lock_timeout
    "57014",  # cancelled
}
_FULL = {"53100", "53200", "58030"}  # no disk, no memory, no luck
_GONE = {"57P01", "57P02", "57P03", READ_ONLY}  # it ends, has crashed, begins


def trouble(error: BaseException) -> Trouble | None:
    """Return what an error means, if the database is not to be used as it is."""
    if isinstance(error, Busy):
        return Trouble.BUSY
    cause = _cause(error)
    if cause is None:
        return None
    state = cause.sqlstate
    if state is None:
        # No server has said it: there is none, or no longer.
        is_lost = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        too_many = is_lost and "too many" in str(cause)
        return Trouble.BUSY if too_many else Trouble.GONE if is_lost else None
    if state in _BUSY:
        return Trouble.BUSY
    if state in _FULL:
        return Trouble.FULL
    return Trouble.GONE if state in _GONE or state.startswith("08") else None


def state(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, if a server has said it."""
    cause = _cause(error)
    return None if cause is None else cause.sqlstate


def _cause(error: BaseException | None) -> psycopg.Error | None:
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__ or error.__context__
    return error


def reason(error: BaseException, shown: str) -> str:
    """Say in one line why the database can't be used. No message of libpq has a password in it."""
    if isinstance(error, Busy):
        return f"The database {shown} is busy: others are writing."
    said = " ".join(str(_cause(error) or error).split())
    # Of the many hosts and addresses that were tried, the last one tells.
    said = re.sub(
        r"^(?:connection failed: )?(?:Multiple connection attempts failed.*- )?", "", said
    )
    return f"The database {shown} can't be used: {said.rstrip('.')}."
