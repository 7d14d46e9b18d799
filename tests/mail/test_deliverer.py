"""Who delivers mail, and when: in the background, by hand, and with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from conftest import Caller, Server, free_port, issue_key
from postbox import (
    Inbox,
    deliver_due,
    eml_files,
    mails,
    make_deliverer,
    outbox,
    parse,
    queue,
    wait_for,
)

from clients_api import create_app
from clients_api.mail import transports
from clients_api.mail.deliverer import POLL_SECONDS
from clients_api.mail.delivery import MAIL
from clients_api.mail.message import SUBJECT
from clients_api.models import Mail
from clients_api.models.base import timestamp
from clients_api.models.engines.current import using
from clients_api.models.engines.locks import alone

# Who delivers


def test_a_queued_mail_is_delivered_in_the_background_at_once(app, api):
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        started = time.monotonic()
        api.post("/clients", {**body, "send_email": "yes"})
        wait_for(lambda: mails(app)[0]["status"] == "sent")
        assert time.monotonic() - started < 2
        assert len(eml_files(app)) == 1
    finally:
        deliverer.stop()


def test_mail_that_was_left_is_delivered_at_the_start(app):
    queue(app)
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: mails(app)[0]["status"] == "sent")
    finally:
        deliverer.stop()
    assert [parse(file.read_bytes())["Subject"] for file in eml_files(app)] == [SUBJECT]


def test_mail_that_was_sent_a_month_ago_is_forgotten(app):
    # It was kept for ever, with names and addresses of people who may be deleted since.
    month = timedelta(days=30)
    ages = {
        "old": month + timedelta(minutes=1),
        "new": month - timedelta(minutes=1),
        "bad": month * 2,
    }
    for number, (name, age) in enumerate(ages.items(), 1):
        queue(app, f"{name}@acme.example")
        status = "failed" if name == "bad" else "sent"
        with using(app.database):
            Mail.update_row(number, status=status, updated=timestamp(datetime.now(UTC) - age))
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: len(mails(app)) < 3)
    finally:
        deliverer.stop()
    left = [mail["recipient"] for mail in mails(app)]
    assert left == ["new@acme.example", "bad@acme.example"]


def test_a_server_that_hangs_neither_slows_nor_fails_a_request(make_app, listen, monkeypatch):
    monkeypatch.setattr("clients_api.mail.deliverer.STOP_SECONDS", 0.1)
    monkeypatch.setattr(transports, "GREETING_SECONDS", 1.5)
    connected = threading.Event()
    port = listen(lambda connection: connected.set())
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{port}")
    api = Caller(app, issue_key(app))
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        queue(app)
        assert connected.wait(3)
        for number in range(5):
            body = {"first_name": "Jane", "last_name": "Doe", "email": f"j{number}@acme.example"}
            started = time.monotonic()
            assert api.post("/clients", {**body, "send_email": "yes"}).status_code == 201
            assert time.monotonic() - started < 0.5
    finally:
        deliverer.stop()
    deliverer._thread.join()  # its connection must be gone before the database is


def test_two_deliverers_send_each_mail_once(make_app, serve_smtp):
    inbox = Inbox()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    deliverers = [make_deliverer(app), make_deliverer(app)]
    for deliverer in deliverers:
        deliverer.start()
    try:
        for number in range(20):
            queue(app, f"jane{number}@acme.example")
        wait_for(lambda: all(mail["status"] == "sent" for mail in mails(app)))
    finally:
        for deliverer in deliverers:
            deliverer.stop()
    assert len(inbox.received) == 20
    assert len({recipients[0] for _, recipients, _ in inbox.received}) == 20


def test_mail_that_another_process_queues_meanwhile_goes_with_the_round(make_app, serve_smtp):
    class Busy(Inbox):
        async def handle_DATA(self, server, session, envelope):
            if not self.received:
                queue(other, "late@acme.example")
            return await super().handle_DATA(server, session, envelope)

    inbox = Busy()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    other = create_app({"INSTANCE_PATH": Path(app.database.database).parent})
    queue(app)
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: len(inbox.received) == 2, POLL_SECONDS / 2)  # before the next look
    finally:
        deliverer.stop()
        other.database.close_all()
    assert [recipients for _, recipients, _ in inbox.received] == [
        ["jane@acme.example"],
        ["late@acme.example"],
    ]


def test_whoever_delivers_is_alone_until_it_ends_or_dies(app):
    path = f"{app.database.database}-mail.lock"
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('locked', flush=True); input()"
    )
    command = [sys.executable, "-c", code, path]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with alone(app.database, MAIL) as is_alone:
            assert not is_alone
        other.kill()
        other.wait()
    with alone(app.database, MAIL) as is_alone:
        assert is_alone
        with alone(app.database, MAIL) as is_alone:
            assert not is_alone


def test_delivery_by_hand_waits_for_whoever_delivers(app):
    queue(app)
    results: list[Result] = []
    by_hand = threading.Thread(target=lambda: results.append(outbox(app, "deliver")))
    with alone(app.database, MAIL):
        by_hand.start()
        time.sleep(0.2)
        assert results == []
        with using(app.database):
            Mail.note_sent(1)
    by_hand.join(10)
    assert results[0].stdout == "Delivered 0 of 0.\n"


def test_a_broken_database_does_not_end_the_deliverer(app, monkeypatch, caplog):
    monkeypatch.setattr("clients_api.mail.deliverer.REST_SECONDS", 0.05)
    app.database.execute_sql("ALTER TABLE mail RENAME TO post")
    deliverer = make_deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: "Mail can't be delivered" in caplog.text)
        app.database.execute_sql("ALTER TABLE post RENAME TO mail")
        queue(app)
        wait_for(lambda: mails(app)[0]["status"] == "sent")
    finally:
        deliverer.stop()
    assert len(eml_files(app)) == 1


# By hand


def test_the_outbox_is_listed(make_app, serve_smtp):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Inbox(rcpt='550 No such user'))}")
    queue(app)
    deliver_due(app)
    queue(app, "kim@acme.example")
    for arguments in ((), ("list",)):
        result = outbox(app, *arguments)
        assert result.exit_code == 0
        _, first, second = result.stdout.splitlines()
        assert re.fullmatch(r" +1 failed +1 - +jane@acme.example +550 No such user", first)
        assert re.fullmatch(r" +2 pending +0 2\S+Z +kim@acme.example", second)
    assert len(outbox(app, "list", "--status", "failed").stdout.splitlines()) == 2


def test_the_outbox_is_delivered_by_hand(app):
    queue(app)
    queue(app)
    result = outbox(app, "deliver")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Delivered 2 of 2.\n", "")
    assert len(eml_files(app)) == 2
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"


def test_delivery_by_hand_says_in_one_line_what_went_wrong(make_app):
    port = free_port()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{port}")
    queue(app)
    queue(app)
    result = outbox(app, "deliver")
    assert (result.exit_code, result.stdout) == (1, "Delivered 0 of 2.\n")
    assert re.fullmatch(rf"Error: The mail server 127.0.0.1:{port}: .*\n", result.stderr)


def test_mail_that_is_not_due_or_has_failed_is_delivered_on_demand(app):
    queue(app)
    queue(app)
    with using(app.database):
        Mail.begin_attempt(1)
        Mail.note_failed(2, "550 No such user")
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"
    assert outbox(app, "deliver", "--all").stdout == "Delivered 1 of 1.\n"
    assert outbox(app, "deliver", "--retry-failed").stdout == "Delivered 1 of 1.\n"
    assert [mail["status"] for mail in mails(app)] == ["sent", "sent"]


# With real processes


def create(server: Server, number: int) -> int:
    """Make a client with a welcome mail and return the status of the answer."""
    body = {"first_name": "Jane", "last_name": "Doe", "email": f"jane{number}@acme.example"}
    request = urllib.request.Request(
        f"{server.url}/api/clients",
        json.dumps({**body, "send_email": "yes"}).encode(),
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


@pytest.mark.slow
def test_two_workers_deliver_each_mail_once(start_server):
    server = start_server("--workers", "2")
    for number in range(20):
        assert create(server, number) == 201
    folder = server.folder / "mail"
    wait_for(lambda: len(list(folder.glob("*.eml"))) == 20, 15)
    time.sleep(0.5)
    recipients = [parse(f.read_bytes())["To"].addresses[0].addr_spec for f in folder.iterdir()]
    assert sorted(recipients) == sorted(f"jane{number}@acme.example" for number in range(20))
    assert server.log.read_text().count(" is sent") == 20
    assert server.stop() == 0


@pytest.mark.slow
def test_mail_goes_on_when_a_worker_is_killed(start_server, serve_smtp):
    inbox = Inbox()
    url = f"smtp://127.0.0.1:{serve_smtp(inbox)}"
    server = start_server("--workers", "2", MAIL_URL=url)
    assert create(server, 0) == 201
    wait_for(lambda: len(inbox.received) == 1)
    parent = server.process.pid
    list_of_workers = Path(f"/proc/{parent}/task/{parent}/children")
    wait_for(lambda: len(list_of_workers.read_text().split()) == 2)
    worker = list_of_workers.read_text().split()[0]
    os.kill(int(worker), signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{worker}").exists())  # nor a socket of its own, as granian's
    assert create(server, 1) == 201
    wait_for(lambda: len(inbox.received) == 2, 15)
    assert server.stop() == 0


@pytest.mark.slow
def test_mail_whose_sender_dies_before_it_is_noted_is_sent_again(start_server, serve_smtp):
    class Deadly(Inbox):
        async def handle_DATA(self, server, session, envelope):
            reply = await super().handle_DATA(server, session, envelope)
            if len(self.received) == 1:
                os.killpg(process.pid, signal.SIGKILL)
            return reply

    inbox = Deadly()
    url = f"smtp://127.0.0.1:{serve_smtp(inbox)}"
    server = start_server(MAIL_URL=url)
    process = server.process
    with contextlib.suppress(OSError):  # it may die before it answers
        create(server, 0)
    process.wait(10)
    app = create_app({"INSTANCE_PATH": server.folder, "MAIL_URL": url})
    assert [(m["status"], m["attempts"]) for m in mails(app)] == [("pending", 1)]
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"  # not at once
    assert outbox(app, "deliver", "--all").stdout == "Delivered 1 of 1.\n"
    first, second = (parse(content) for _, _, content in inbox.received)
    assert first["Message-ID"] == second["Message-ID"]
    app.database.close_all()


@pytest.mark.slow
def test_a_server_process_ends_in_time_while_the_mail_server_hangs(start_server, listen):
    connected = threading.Event()
    port = listen(lambda connection: connected.set())
    server = start_server(MAIL_URL=f"smtp://127.0.0.1:{port}")
    assert create(server, 0) == 201
    assert connected.wait(5)
    started = time.monotonic()
    assert create(server, 1) == 201
    assert time.monotonic() - started < 1
    assert server.stop() == 0
    assert time.monotonic() - started < 12
