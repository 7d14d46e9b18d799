"""How long a mail server may take, and whom the files of mail belong to."""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import heeding_modes
from postbox import Inbox, deliver_due, mails, make_deliverer, queue, wait_for

from clients_api.commands.cli import cli
from clients_api.mail import transports
from clients_api.mail.delivery import MAIL
from clients_api.models import Mail
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.models.engines.locks import alone
from clients_api.service import Service

# How long a server may take


def test_a_slow_server_takes_a_mail_once(make_app, listen, monkeypatch):
    """After ten seconds it used to be tried again, and each time the server took it."""
    monkeypatch.setattr(transports, "GREETING_SECONDS", 0.3)
    taken = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.example\r\n")
        with connection.makefile("rb") as lines:
            for line in lines:
                if line.upper().startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    taken.append(list(iter(lines.readline, b".\r\n")))
                    time.sleep(1)  # longer than any other answer may take
                connection.sendall(b"250 OK\r\n")

    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{listen(talk)}")
    queue(app)
    assert deliver_due(app) == [None]
    assert len(taken) == 1


def test_each_answer_is_waited_for_as_the_standard_says(make_app, serve_smtp, monkeypatch):
    """RFC 5321, section 4.5.3.2; the time before each command is what its answer may take."""
    waits: list[float] = []

    class Watched(transports._SMTP):
        def putcmd(self, cmd: str, args: str = "") -> None:
            super().putcmd(cmd, args)
            waits.append((cmd.lower(), self.sock.gettimeout()))

        def send(self, s: str | bytes) -> None:
            super().send(s)
            if not isinstance(s, str):
                waits.append(("content", self.sock.gettimeout()))

    monkeypatch.setattr(transports, "_SMTP", Watched)
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Inbox())}")
    queue(app)
    assert deliver_due(app) == [None]
    assert dict(waits) == {
        "ehlo": 300,
        "mail": 300,
        "rcpt": 300,
        "data": 120,
        "content": 600,
        "quit": 300,
    }


def test_a_stop_does_not_wait_for_a_slow_server(make_app, listen, monkeypatch):
    monkeypatch.setattr("clients_api.mail.deliverer.STOP_SECONDS", 0.2)
    monkeypatch.setattr(transports, "GREETING_SECONDS", 5)
    connected = threading.Event()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{listen(lambda connection: connected.set())}")
    queue(app)
    deliverer = make_deliverer(app)
    deliverer.start()
    assert connected.wait(5)
    started = time.monotonic()
    deliverer.stop()
    assert time.monotonic() - started < 2
    wait_for(lambda: mails(app)[0]["error"])  # the thread has ended before the test does


def test_the_pause_after_a_failure_begins_with_its_end(make_app, listen, monkeypatch):
    """A mail whose attempt had taken longer than the pause was due again at once."""
    monkeypatch.setattr("clients_api.models.mail.FIRST_PAUSE", timedelta(seconds=0.5))
    monkeypatch.setattr("clients_api.mail.transports.GREETING_SECONDS", 1)
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{listen()}")
    queue(app)
    deliver_due(app)
    with using(app.database):
        assert Mail.due_ids() == []
    assert len(mails(app)) == 1


# Whom files belong to


def owned_by_service(app: Service) -> None:
    """Give a service's folder and database to another user, as where root installs a service."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (Path(app.instance_path), Path(app.instance_path) / "clients.sqlite3"):
        os.chown(path, 4321, 4322)


def owners(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_uid, path.stat().st_gid)
        for path in (folder, *folder.rglob("*"))
    }


def test_what_root_makes_belongs_to_the_owner_of_the_database(app):
    """A lock that root had made by `outbox deliver` ended the mail of the service for good."""
    owned_by_service(app)
    queue(app)
    result = CliRunner().invoke(cli, ["outbox", "deliver"], obj=app)  # the database stays open
    assert result.output == "Delivered 1 of 1.\n"
    found = owners(Path(app.instance_path))
    assert {"clients.sqlite3-mail.lock", "clients.sqlite3-wal", "mail"} <= found.keys()
    assert len([name for name in found if name.endswith(".eml")]) == 1
    assert set(found.values()) == {(4321, 4322)}


def test_a_database_that_root_makes_belongs_to_the_owner_of_its_folder(make_app):
    app = make_app()
    (Path(app.instance_path) / "clients.sqlite3").unlink()
    owned = Path(app.instance_path)
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(owned, 4321, 4322)
    migrating.migrate(app.database)
    assert set(owners(owned).values()) == {(4321, 4322)}


def test_root_gives_away_no_file_that_was_not_its_own_or_has_other_names(app, tmp_path):
    owned_by_service(app)
    other = tmp_path / "secret"
    other.touch()
    lock = Path(f"{app.database.database}-mail.lock")
    os.link(other, lock)
    with alone(app.database, MAIL):
        assert other.stat().st_uid == 0
    lock.unlink()
    lock.symlink_to(other)
    with pytest.raises(OSError, match="delete the file"), alone(app.database, MAIL):
        pass
    assert other.stat().st_uid == 0


def test_a_lock_of_another_user_is_made_anew(app, caplog):
    queue(app)
    lock = Path(f"{app.database.database}-mail.lock")
    lock.touch(mode=0)

    def deliver() -> bool:
        with alone(app.database, MAIL) as is_alone:
            return is_alone

    assert heeding_modes(deliver)
    assert "another user's" in caplog.text


def test_a_lock_that_can_not_be_had_is_said_in_one_line(app, caplog):
    """The log had a traceback every minute, and no word of what to do."""
    queue(app)
    Path(f"{app.database.database}-mail.lock").mkdir()
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: "Mail can't be delivered" in caplog.text)
    finally:
        deliverer.stop()
    (record,) = [r for r in caplog.records if "can't be delivered" in r.getMessage()]
    assert record.exc_info is None
    assert "-mail.lock: Is a directory. Without this lock no mail" in record.getMessage()
    assert "\n" not in record.getMessage()
