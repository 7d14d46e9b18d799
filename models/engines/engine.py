"""What the service asks of a database, whichever engine it is: one small interface."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from .errors import Busy, Trouble
from .known import Known
from .searching import Searching
from .turns import Turns
from .written import Written

Row = TypeVar("Row")

BUSY_SECONDS = 10  # to wait for others who write


class Question(NamedTuple):
    """Something to ask of a database: what is wrong with a subject, a line for each fault.

    `repair`, where there is one, makes anew what is wrong and follows from the records.
    """

    subject: str
    faults: Callable[[], list[str]]
    repair: Callable[[], None] | None = None


class Engine:
    """A database, mixed into Peewee's own class of it: one connection a thread, which is kept.

    Connections are opened with a thread's first query, and closed by `close` and `close_all`.
    Besides what Peewee offers: `atomic()` is a transaction that writes, one at a time in all
    processes. `shown` says where the database is, never with a password in it; `owner` is a file
    or folder that belongs to whom the service does.
    """

    name: ClassVar[str]  # of the folder of its migrations
    landmark: ClassVar[str]  # a table that every version of ours has, and nobody else
    errors: ClassVar[tuple[type[Exception], ...]]  # what it raises, now and while rows are fetched
    snapshotting: ClassVar[str]  # how a transaction begins that sees one moment
    words: ClassVar[Any]  # what only it speaks: see words.py
    searching: ClassVar[Searching]
    bulk: ClassVar[Any]  # many rows at once: fill, last_ids, go_on_from, settle

    shown: str
    owner: Path
    # Peewee's
    atomic: Callable[..., AbstractContextManager[Any]]
    transaction: Callable[..., AbstractContextManager[Any]]
    close: Callable[[], bool]
    dispose: Callable[[], None]
    in_transaction: Callable[[], bool]

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self.turns = Turns()
        # A process that can never write again, though others can; then somebody may renew it.
        self.is_stale = False
        self.on_stale: Callable[[], None] | None = None
        self.has_log_to_empty = False  # after something was erased while others read
        self.trash_days = 30  # for which deletions can be undone
        self.events_days = 90  # for which events are kept; 0: for ever
        self.on_commit: list[Callable[[Written], None]] = []  # told what events were written

    @property
    def known(self) -> Known:
        """What this thread's connection knows of the database.

        Nothing within a transaction: what is seen there may never come to be.
        """
        raise NotImplementedError

    @property
    def written(self) -> Written | None:
        """Which events this thread's transaction has written; None where none is open."""
        return getattr(self._of_thread, "written", None)

    def reserve_for_readers(self, threads: int) -> None:
        """Let so few of a server's threads wait to write that two, if there are, go on to read."""
        self.turns.places = max(1, threads - 2)

    @contextmanager
    def writing(self, *, patiently: bool = False, kept: bool = True) -> Iterator[None]:
        """Run one transaction that writes; the threads of this process wait for each other.

        Then all wait for other processes. Raises what `trouble` knows as BUSY; at once where so
        many wait in vain that none would be left to read, unless this is to be done `patiently`.
        What is not to be `kept` is tried, and undone as a whole.
        """
        if self.in_transaction():
            raise Busy("This thread has a transaction open already")
        deadline = time.monotonic() + BUSY_SECONDS  # for both
        if not self.turns.take(deadline, patiently):
            raise Busy("Others are writing")
        written = self._of_thread.written = Written()
        try:
            with self.atomic(deadline=deadline, patiently=patiently) as transaction:
                yield
                if kept:
                    self.keep_up()
                else:
                    transaction.rollback()
        except self.errors as error:
            self.renew_if_stale(error)
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
        except BaseException:  # whatever it was, the rows are undone, and so must be what is noted
            if written is not None and before is not None:
                written.go_back(before)
            raise

    def renew_if_stale(self, error: Exception) -> None:
        """Close this thread's connection if by this error it is one that never writes again."""

    def keep_up(self) -> None:
        """Do at the end of a transaction that writes what its changes call for."""

    def in_bulk(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows, of which records are made as they come, in the transaction that is open."""
        yield from rows

    def forget(self) -> None:
        """See that what this transaction deletes is left nowhere, once it is committed.

        As far as that can be done at once. Raises what the errors are.
        """

    def empty_log(self) -> bool:
        """Forget what was deleted where a log still has it; tell whether that is done."""
        return True

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run one transaction that only reads, and sees one moment in all that it reads."""
        with self.atomic(self.snapshotting):
            yield

    def snapshot(self) -> AbstractContextManager[Engine]:
        """Open the database once more, to read it as it is at this moment, as long as it takes."""
        raise NotImplementedError

    def stream(self, sql: str, values: Sequence[Any]) -> Any:
        """Return a DB-API cursor on what may be many rows, of which few are in memory at once.

        To be used in a transaction.
        """
        raise NotImplementedError

    def attempt(self) -> AbstractContextManager[Any]:
        """Run what the database may refuse, in a transaction that goes on after that."""
        raise NotImplementedError

    def not_waiting(self) -> AbstractContextManager[None]:
        """Let this thread's statements fail at once where others hold what they need."""
        raise NotImplementedError

    def alone(self, what: str, *, wait: bool = False) -> AbstractContextManager[bool]:
        """Keep all other processes from `what`; tell whether that succeeded.

        In: `wait`, whether to wait until no other does it. Ends with the process. Raises OSError,
        which says what to do, and `errors`.
        """
        raise NotImplementedError

    def trouble(self, error: Exception) -> Trouble | None:
        """Return what an error means, if the database is not to be used as it is."""
        raise NotImplementedError

    def reason(self, error: Exception) -> str:
        """Say in one line why the database can't be used."""
        raise NotImplementedError

    def look(self) -> AbstractContextManager[Engine | None]:
        """Open the database to examine it, unchanged; None where there is none yet.

        Raises DatabaseUnusable where none can be used.
        """
        raise NotImplementedError

    def tables(self) -> set[str]:
        """Return the names of the tables, but for those that are the engine's own."""
        raise NotImplementedError

    def migrating(self) -> AbstractContextManager[None]:
        """Be who migrates, and make what the first migration needs. Raises DatabaseUnusable."""
        raise NotImplementedError

    def is_being_made(self) -> bool:
        """Tell whether another process is about to migrate a database that is not migrated yet."""
        raise NotImplementedError

    def identity(self) -> Any:
        """Return what tells this database from another one that takes its place."""
        raise NotImplementedError

    def inserted_id(self, cursor: Any) -> int | None:
        """Return the id of the row that a statement has inserted; None if it has inserted none."""
        raise NotImplementedError

    def stored(self, value: Any) -> Any:
        """Return what is stored of the value of a custom field: a text or a number."""
        raise NotImplementedError

    def loaded(self, stored: Any) -> Any:
        """Return the value of a custom field that was stored."""
        raise NotImplementedError

    def file(self, what: str) -> Path:
        """Return the file that the database is. Raises DatabaseUnusable: what to do instead.

        In: what a file is needed for.
        """
        raise NotImplementedError

    def described(self) -> str:
        """Return the name and version of the engine, and where the database is."""
        raise NotImplementedError

    def structure(self) -> Iterable[Question]:
        """Return what to ask of the structure of a database, whatever is in it."""
        raise NotImplementedError

    def derived(self) -> Iterable[Question]:
        """Return what to ask of what the engine keeps beside the records, to find them by."""
        raise NotImplementedError

    def close_inherited(self) -> None:
        """Let go, in a process that was forked, of the connections it has copies of."""
        raise NotImplementedError

    def close_all(self) -> None:
        """Close the connections of all threads; for the end of the process and of tests."""
        raise NotImplementedError
