"""Of webhooks nothing is left on the disk that would let somebody sign, nor what was sent."""

from __future__ import annotations

import base64
import contextlib
import json
import time

import pytest
from click.testing import CliRunner
from receivers import wait_for
from test_crash import Line

from clients_api import create_app
from clients_api.commands.cli import cli

KEY_FILE = "clients-api-secret-key"


def make_and_turn(line: Line, url: str) -> list[str]:
    """Make a webhook, give it two new secrets, and return all three."""
    made = {"url": url, "types": ["*.*", "webhook.*"]}
    answers = [line.call("POST", "/webhooks", made, **{"Idempotency-Key": "once"})]
    answers += [line.call("POST", "/webhooks/1/rotate") for _ in range(2)]
    secrets = [answer["data"]["secret"] for _, answer in answers]
    assert len(set(secrets)) == 3
    return secrets


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_and_no_body_is_in_a_file_a_log_or_a_backup(start_server, receive, form):
    answers = iter([204, 500, 404, 410])
    receiver = receive(lambda handler: next(answers, 410))
    server = start_server(WEBHOOK_HOSTS=receiver.host, LOG_LEVEL="debug", LOG_FORMAT=form)
    line = Line(server)
    with contextlib.closing(line.connection):
        secrets = make_and_turn(line, f"{receiver.url}/planted-token")
        for number in range(4):
            body = {"first_name": "N", "last_name": "X", "email": f"n{number}@acme.example"}
            assert line.call("POST", "/clients", body)[0] == 201
        line.call("POST", "/webhooks/1/test")
    wait_for(lambda: len(receiver.received) >= 3)
    time.sleep(1)
    app = create_app({"INSTANCE_PATH": server.folder})
    backup = server.folder / "backup.sqlite3"
    result = CliRunner().invoke(cli, ["backup", str(backup)], obj=app)
    assert result.exit_code == 0, result.output
    app.database.close_all()
    assert server.stop() == 0
    key_file = server.folder / KEY_FILE
    assert key_file.stat().st_mode & 0o777 == 0o600
    planted = [key_file.read_bytes()]
    for secret in secrets:
        text = secret.removeprefix("whsec_")
        planted += [text.encode(), base64.b64decode(text), base64.b64decode(text).hex().encode()]
    for delivery in receiver.received:
        signatures = delivery.headers["webhook-signature"].split()
        planted += [signature.removeprefix("v1,").encode() for signature in signatures]
        planted.append(delivery.body)
        planted.append(delivery.body[: len('{"type":"client.created","timestamp"')])
    files = [path for path in server.folder.rglob("*") if path.is_file() and path != key_file]
    assert {backup, server.log, server.folder / "clients.sqlite3"} <= set(files)
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in planted if secret in content], path
    assert b"planted-token" not in server.log.read_bytes()
    assert json.loads(receiver.received[0].body)
