"""One connection to PostgreSQL: how it is opened, and what all of its sessions have in common."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

# What a URL does not say otherwise: an answer within seconds, also when a server is cut off.
DEFAULTS = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "clients-api",
}
SESSION = {
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",  # who vanishes lets go of the lock
    "jit": "off",  # which takes longer than any of our queries
    "default_transaction_isolation": "read\\ committed",
    "client_encoding": "UTF8",
}
PREPARED_MOST = 300  # statements that the server keeps planned, of one connection


class Connection(psycopg.Connection[Any]):
    """A connection that sends some statements together with the next one: see `before`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before: list[str] = []  # whose results nobody needs, and that cost no way of their own


class Cursor(psycopg.Cursor[Any]):
    """A cursor as Peewee uses it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement; without values, a per cent sign in it is one.

        One with LIKE is planned for its needle each time: once prepared it may get one plan for
        all, the rare and those that are everywhere.
        """
        prepare = False if not params or " LIKE " in query else None
        before = self.connection.before  # type: ignore[attr-defined] # of ours
        if not before:
            return super().execute(query, params or None, prepare=prepare)
        with self.connection.pipeline():
            for statement in before:
                psycopg.Cursor(self.connection).execute(statement, prepare=False)
            before.clear()
            return super().execute(query, params or None, prepare=prepare)


def parameters(url: str) -> dict[str, Any]:
    """Return what libpq is told. Raises ValueError for a URL that it does not understand."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Of no cause: what libpq says quotes the URL, and there may be a password in it.
        raise ValueError("a URL as PostgreSQL's own programs take it") from None
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    return {**DEFAULTS, **given, "options": f"{options} {given.get('options') or ''}".strip()}


def shown(given: dict[str, Any]) -> str:
    """Return where a database is, without a password."""
    user = f"{given['user']}@" if given.get("user") else ""
    hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
    ports = str(given.get("port") or "").split(",")
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    places = [f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)]
    return f"postgresql://{user}{','.join(places)}/{given.get('dbname') or ''}"


def opened(given: dict[str, Any]) -> Connection:
    """Open a connection. Raises psycopg.OperationalError."""
    connection = Connection.connect(**given, autocommit=True, cursor_factory=Cursor)
    connection.prepared_max = PREPARED_MOST
    # Of one type whatever their size: else each size would be a statement of its own.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(str, StrDumper)
    return connection
