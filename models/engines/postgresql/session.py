"""The connections of a PostgreSQL database, one a thread, and its transactions."""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee
import psycopg
from psycopg.pq import TransactionStatus

from clients_api.models.engines import engine
from clients_api.models.engines.engine import Engine
from clients_api.models.engines.known import Known

from . import codes, connecting

WRITE_LOCK = 0x636C69656E7473  # the key of whoever writes, of all processes
REPEATED = ("SELECT", "(SELECT", "WITH", "BEGIN")  # with no harm, if nobody knows how it ended
_numbers = itertools.count()
_SYNCHRONOUS = "SyncRepWaitForLSN"  # the function of the server that waits for a standby


class Session(Engine, peewee.PostgresqlDatabase):
    """A PostgreSQL database, with one connection a thread, which is kept.

    A transaction that writes begins with a lock that only one in all processes has: so nothing is
    read in it that another one is about to change, and events come in the order of their ids.

    In: the URL, as libpq takes it; a folder of the service's own. Nothing is opened until the first
    query. Raises ValueError.
    """

    errors = codes.ERRORS
    snapshotting = "REPEATABLE READ READ ONLY"

    def __init__(self, url: str, folder: Path) -> None:
        self._open: weakref.WeakSet[connecting.Connection] = weakref.WeakSet()
        self._open_lock = threading.Lock()
        self._url = url
        self._given = connecting.parameters(url)
        self.shown = connecting.shown(self._given)
        self.owner = folder
        Engine.__init__(self)
        peewee.PostgresqlDatabase.__init__(self, self.shown, prefer_psycopg3=True)

    def _connect(self) -> connecting.Connection:
        connection = connecting.opened(self._given)
        connection.add_notice_handler(self._noted)
        with self._open_lock:
            self._open.add(connection)
        self._of_thread.closing = _Closing(connection)
        self._of_thread.known = Known()
        self._of_thread.is_uncertain = False
        return connection

    def _noted(self, notice: psycopg.errors.Diagnostic) -> None:
        # Then a commit succeeds, and yet may be lost.
        if notice.source_function == _SYNCHRONOUS:
            self._of_thread.is_uncertain = True

    @property
    def known(self) -> Known:
        if self.in_transaction():
            return Known()
        self.connection()
        return self._of_thread.known

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Execute a statement; one that only reads once more, if its connection was lost before."""
        try:
            return super().execute_sql(sql, params)
        except self.errors:
            if self.is_closed() or not self.connection().closed or self.in_transaction():
                raise
            self.close()
            if not sql.startswith(REPEATED):
                raise
        return super().execute_sql(sql, params)

    def begin(
        self,
        isolation: str | None = None,
        deadline: float | None = None,
        patiently: bool = False,
    ) -> None:
        """Begin a transaction: one that writes, as soon as it is its turn, or of an isolation.

        Raises what is busy after the time that a lock is waited for, or past the deadline, a time
        of the monotonic clock.
        """
        if isolation:
            self.execute_sql(f"BEGIN ISOLATION LEVEL {isolation}")
            return
        steps = ["BEGIN ISOLATION LEVEL READ COMMITTED"]
        left = (deadline or time.monotonic() + engine.BUSY_SECONDS) - time.monotonic()
        if left < engine.BUSY_SECONDS - 1:
            steps.append(f"SET LOCAL lock_timeout = {max(1, int(left * 1000))}")
        if patiently:
            steps.append("SET LOCAL idle_in_transaction_session_timeout = 0")
        # All in one message, and the snapshot of each statement after it is of later.
        steps.append(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        try:
            self.execute_sql("; ".join(steps))
        except self.errors:
            self.rollback()
            raise

    def commit(self) -> None:
        """Commit. Raises what is gone where nobody knows whether that has lasted."""
        self.connection().before.clear()
        super().commit()
        if self._of_thread.is_uncertain:
            self._of_thread.is_uncertain = False
            raise peewee.OperationalError(
                psycopg.OperationalError("no standby has confirmed the commit")
            )

    def rollback(self) -> None:
        """Undo the transaction, unless it is gone with its connection, or never began."""
        if self.written is not None:
            self.written.forget()
        if self.is_closed() or self.connection().closed:
            return
        self.connection().before.clear()
        if self.connection().info.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def renew_if_stale(self, error: Exception) -> None:
        # The server that was written to is a standby by now; another one may be written.
        if codes.state(error) == codes.READ_ONLY and not self.in_transaction():
            self.close()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        if not self.in_transaction():
            yield
            return
        # On its way it goes along with what comes next, and costs none of its own.
        before = self.connection().before
        depth = self._of_thread.attempts = getattr(self._of_thread, "attempts", 0) + 1
        begin, end = (f"{word} attempt{depth}" for word in ("SAVEPOINT", "RELEASE SAVEPOINT"))
        before.append(begin)
        try:
            yield
        except BaseException:  # whatever it was, the transaction is to be used again, or ended
            if begin not in before and not self.connection().closed:
                before.clear()
                self.execute_sql(f"ROLLBACK TO SAVEPOINT attempt{depth}")
                before.append(end)
            raise
        else:
            before.append(end)
        finally:
            self._of_thread.attempts -= 1
            if begin in before:
                del before[before.index(begin) :]

    def stream(self, sql: str, values: Sequence[Any]) -> Any:
        # A plain cursor has all rows in memory; this one is closed with its transaction.
        if not self.in_transaction():
            return self.execute_sql(sql, values)
        self._send()
        cursor = _Stream(self.connection(), name=f"stream_{next(_numbers)}")
        cursor.execute(sql, values or None)
        return cursor

    def _send(self) -> None:
        """Send what waits for the next statement, before one of another kind."""
        if self.connection().before:
            self.execute_sql("SELECT 1")

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        self.execute_sql("SET lock_timeout = 1")
        try:
            yield
        finally:
            if not self.connection().closed:
                self.execute_sql("RESET lock_timeout")

    def close_inherited(self) -> None:
        self._open.clear()  # libpq closes nothing that another process has opened

    def dispose(self) -> None:
        """Forget the connections, which are another process's."""
        with self._open_lock:
            self._open.clear()
        super().dispose()

    def close_all(self) -> None:
        with self._open_lock:
            for connection in list(self._open):
                connection.close()
            self._open.clear()
        super().dispose()


class _Stream(psycopg.ServerCursor[Any]):
    """A cursor of the server, which ends with its transaction; to tell so is of no use."""

    def __del__(self, *args: Any) -> None:
        pass


class _Closing:
    """Closes a thread's connection as the thread ends, in the process that has opened it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._pid = os.getpid()

    def __del__(self) -> None:
        if os.getpid() == self._pid:
            self._connection.close()
