"""`clients-api restore`: what it would bring back, and what it leaves as it was."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import issue_key
from postbox import mails, queue
from test_backup import expect_refusal, names, run

from clients_api.models import ApiKey, Mail
from clients_api.models.engines.current import using

pytestmark = pytest.mark.file("copies of a file; others have tools of their own")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder / "copy.sqlite3"


# What a restore would bring back


def revoke(app, key: str) -> None:
    with using(app.database), app.database.atomic():
        (found,) = [live for live in ApiKey.live() if live["prefix"] == key[:11]]
        ApiKey.revoke_anyway(found["id"])


def live_keys(app) -> list[str]:
    with using(app.database):
        found = [key["prefix"] for key in ApiKey.live()]
    app.database.close_all()
    return found


@pytest.mark.parametrize("as_it_was", [False, True])
def test_a_restore_says_which_revoked_keys_come_back_and_revokes_them(app, copy, as_it_was):
    """A key that had been revoked since the backup was live again, and nobody was told."""
    gone, stays, before = (issue_key(app, name=name) for name in ("gone\nck_forged", "b", "c"))
    revoke(app, before)
    run(app, "backup", copy)
    revoke(app, gone)
    result = run(app, "restore", copy, *(["--as-it-was"] if as_it_was else []))
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("The key ")]
    assert line.startswith(f"The key {gone[:11]} (gone\\nck_forged), revoked 2")
    assert line.endswith("is live again." if as_it_was else "stays revoked.")
    assert live_keys(app) == ([gone[:11], stays[:11]] if as_it_was else [stays[:11]])


@pytest.mark.parametrize("as_it_was", [False, True])
def test_a_restore_does_not_send_again_what_was_sent_since(app, copy, as_it_was):
    issue_key(app)
    for name in ("sent", "forgotten", "waits", "failed"):
        queue(app, f"{name}@acme.example")
    run(app, "backup", copy)
    with using(app.database):
        Mail.note_sent(1)
        Mail.delete_row(2)  # as it is 30 days after it was sent
        Mail.note_failed(4, "550 no such user")
    result = run(app, "restore", copy, *(["--as-it-was"] if as_it_was else []))
    said = "2 mails sent since " + ("will be sent again." if as_it_was else "are not sent again.")
    assert said in result.stdout
    waiting = [mail["recipient"].partition("@")[0] for mail in mails(app) if mail["due"]]
    pending = [m["recipient"].partition("@")[0] for m in mails(app) if m["status"] == "pending"]
    assert len(waiting) == 4
    assert pending == (waiting if as_it_was else ["waits", "failed"])


def test_the_backup_of_another_service_is_restored_as_it_is(app, make_app, copy):
    other = make_app()
    issue_key(other)
    queue(other)
    run(other, "backup", copy)
    revoke(app, issue_key(app))
    assert run(app, "restore", copy).stdout.count("\n") == 2
    assert len(live_keys(app)) == 1
    assert [mail["status"] for mail in mails(app)] == ["pending"]


def test_a_restore_over_what_can_not_be_read_warns_of_what_may_come_back(app, copy):
    run(app, "backup", copy)
    Path(app.database.database).write_bytes(b"garbage" * 1000)
    result = run(app, "restore", copy)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: the replaced database can't be read.")


# What a restore leaves as it was


def test_a_link_to_the_database_goes_on_being_one(app, make_client, copy, tmp_path):
    """The link was replaced, and the database that it led to stayed as it was."""
    make_client(client_company_name="Acme")
    run(app, "backup", copy)
    path, disk = Path(app.database.database), tmp_path / "disk"
    disk.mkdir()
    app.database.close_all()
    path.rename(disk / "real.sqlite3")
    path.symlink_to(disk / "real.sqlite3")
    execute = app.database.execute_sql
    execute("UPDATE client SET company_name = 'Later'")
    result = run(app, "restore", copy)
    assert result.exit_code == 0, result.output
    assert path.is_symlink()
    assert names(disk / "real.sqlite3") == names(path) == ["Acme"]
    assert [kept.parent for kept in disk.glob("*.before-restore-*")] == [disk]


@pytest.mark.parametrize("mode", [0o660, 0o640, 0o600])
def test_a_restored_database_has_the_mode_and_owner_of_the_replaced(app, copy, mode):
    """It was 0600 and its restorer's: who shared the file by its group was shut out."""
    run(app, "backup", copy)
    path = Path(app.database.database)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 4321, 4322)
    before = path.stat()
    assert run(app, "restore", copy).exit_code == 0
    after = path.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_a_restore_that_can_not_keep_the_owner_changes_nothing(app, copy, monkeypatch):
    run(app, "backup", copy)
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(app.database.database, 4321, 4322)

    def give_up_and_restore() -> None:
        _give_up(0)  # CAP_CHOWN, see capabilities(7)
        expect_refusal(app, "restore", copy, "belongs to user 4321 and group 4322")

    with ThreadPoolExecutor(1) as thread:
        thread.submit(give_up_and_restore).result()


def _give_up(power: int) -> None:
    libc = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for place in range(3):  # effective, permitted, inheritable
        sets[place] &= ~(1 << power)
    assert libc.capset(header, sets) == 0
