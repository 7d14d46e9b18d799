"""A throw-away PostgreSQL server on the loopback address, with what this machine has installed."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

USER = "postgres"  # who may run it where root may not
NUMBERS = itertools.count(1)


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where there are none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in folders), default=None, key=lambda p: int(p.parent.name))


# What a migration makes has to be as it was.
_SCHEMA = """
SELECT (SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT COUNT(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped),
    (SELECT COUNT(*) FROM pg_trigger), (SELECT COUNT(*) FROM pg_proc), (SELECT COUNT(*) FROM
     pg_constraint), (SELECT string_agg(name, ' ' ORDER BY name) FROM schema_migration)
"""
_EMPTY = """
DO $$
DECLARE name TEXT;
BEGIN
    -- Triggers and references are not asked: all goes.
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        CONTINUE WHEN name = 'schema_migration';
        IF name = 'category' THEN
            DELETE FROM category WHERE id <> 2;
            UPDATE category SET name = 'Default', name_key = 'default', name_plain = 'default',
                type = 'client', visibility = 'everyone', description = NULL, icon = NULL,
                system_default = 'yes', slug = 'default', updated = created;
        ELSE
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        CONTINUE WHEN name LIKE 'schema_migration%';
        PERFORM setval(quote_ident(name), CASE name WHEN 'category_id_seq' THEN 2 ELSE 1 END,
            name = 'category_id_seq');
    END LOOP;
END $$
"""


class Cluster:
    """A server with a data folder of its own. Who is GUARDED needs a password.

    In: settings of its postgresql.conf; `clone`, another one whose standby this is to be.
    """

    GUARDED = "guarded"

    def __init__(self, clone: Cluster | None = None, locale: str = "C.UTF-8", **settings: Any):
        self.bin = programs()
        assert self.bin is not None, "PostgreSQL is not installed"
        self.folder = Path(tempfile.mkdtemp(prefix="clients-api-pg-"))
        self.port = _free_port()
        self._as = {"user": USER} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, USER, USER)
        self.data = self.folder / "data"
        if clone is None:
            options = ("-A", "trust", "-U", USER, "-E", "UTF8", f"--locale={locale}", "-N")
            self._run("initdb", "-D", str(self.data), *options)
            rules = self.data / "pg_hba.conf"
            rule = f"host all {self.GUARDED} 127.0.0.1/32 scram-sha-256\n"
            rules.write_text(rule + rules.read_text())
        else:
            address = ("-h", "127.0.0.1", "-p", str(clone.port), "-U", USER)
            self._run("pg_basebackup", *address, "-D", str(self.data), "-R", "-c", "fast")
        lines = {
            "port": self.port,
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self.folder}'",
            "max_connections": 200,
            **settings,
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            **self._as,
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        """Start the server and wait until it answers."""
        # Not through pg_ctl: what it starts keeps its output open, and a caller would wait for it.
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data)],
                **self._as,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the server, by default at once and in good order (fast shutdown)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)

    def kill(self) -> None:
        """Kill the server with all its children, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)

    def configure(self, **settings: Any) -> None:
        """Change settings that need no restart."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make a standby the primary."""
        self.execute("SELECT pg_promote()")

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements as the superuser, each by itself; return the rows of the last one."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0", name: str | None = None) -> str:
        """Make a database and return its name."""
        name = name or f"t{os.getpid()}_{next(NUMBERS)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def empty(self, name: str) -> bool:
        """Make a database what it was when it was migrated; tell whether that was possible."""
        try:
            self.execute("SET lock_timeout = '1s'", _EMPTY, database=name)
            (found,) = self.execute(_SCHEMA, database=name)
        except psycopg.Error:
            return False
        expected = self._schema = getattr(self, "_schema", None) or found
        return found == expected

    def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Running(Cluster):
    """A server that another process of the tests has started. In: its port."""

    def __init__(self, port: int) -> None:
        self.port = port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
