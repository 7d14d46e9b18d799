"""The files in `deploy/` for containers and systemd: what they name is there, and does its work."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from clients_api import create_app

DEPLOY = ROOT / "deploy"


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # names of settings have capital letters
    parser.read_string((DEPLOY / name).read_text())
    return parser


def instructions(word: str) -> list[str]:
    lines = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    return [line.removeprefix(word).strip() for line in lines if line.startswith(f"{word} ")]


def test_the_container_runs_as_a_number():
    """As a name, of which Kubernetes can't tell that it is not root."""
    assert instructions("USER") == ["10001:10001"]


def test_what_the_container_copies_is_all_that_is_sent_to_its_build():
    """All of the checkout was, the database in its instance folder too."""
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)
    assert "instance" not in let_in


def test_the_compose_file_keeps_the_data_in_a_volume():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = compose["services"]["clients-api"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    (volume,) = service["volumes"]
    name, folder = volume.split(":")
    assert name in compose["volumes"]
    assert [folder] == instructions("VOLUME")
    (port,) = service["ports"]
    assert port.startswith("127.0.0.1:") and port.endswith(f":{instructions('EXPOSE')[0]}")


def test_the_timer_starts_the_backup_each_day():
    assert unit("clients-api-backup.timer")["Timer"]["OnCalendar"].startswith("*-*-* ")
    backup, service = unit("clients-api-backup.service"), unit("clients-api.service")
    for name in ("User", "UMask", "WorkingDirectory"):
        assert backup["Service"][name] == service["Service"][name]


@pytest.mark.slow
def test_the_commands_of_the_backup_unit_make_one_and_remove_the_old(tmp_path, template):
    instance, backups = tmp_path / "clients-api", tmp_path / "clients-api-backups"
    for folder in (instance, backups):
        folder.mkdir()
    shutil.copy(template, instance / "clients.sqlite3")
    old, recent = (backups / f"clients-{name}.sqlite3" for name in ("old", "recent"))
    for path, days in ((old, 32), (recent, 20)):
        path.touch()
        moment = path.stat().st_mtime - days * 86400
        os.utime(path, (moment, moment))
    program = tmp_path / "clients-api.sh"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m clients_api "$@"\n')
    program.chmod(0o700)
    settings = unit("clients-api-backup.service")["Service"]
    for name in ("ExecStart", "ExecStartPost"):
        command = settings[name].replace("$$", "$").replace("%%", "%")  # as systemd does
        command = command.replace("/opt/clients-api/bin/clients-api", str(program))
        command = command.replace("/var/lib", str(tmp_path))
        subprocess.run(
            shlex.split(command),
            check=True,
            cwd=ROOT,
            env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(instance)},
        )
    made = set(backups.iterdir()) - {recent}
    assert not old.exists() and recent.exists()
    (copy,) = made
    assert re.fullmatch(r"clients-\d{8}T\d{6}Z\.sqlite3", Path(copy).name)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM client").fetchone() == (0,)


def test_the_app_servers_know_both_databases(monkeypatch, tmp_path):
    lines = (DEPLOY / "postgresql" / "clients-api.env").read_text().splitlines()
    for name, _, value in (line.partition("=") for line in lines if not line.startswith("#")):
        monkeypatch.setenv(name, value)
    app = create_app({"INSTANCE_PATH": tmp_path})
    assert app.database.shown == "postgresql://crm@db1:5432,db2:5432/crm"
    assert app.config["TRUSTED_PROXIES"] == 1


@pytest.mark.slow
def test_a_primary_takes_its_settings_and_waits_for_its_standby(own_cluster):
    text = (DEPLOY / "postgresql" / "primary.conf").read_text()
    found = re.findall(r"(?m)^(\w+) = '?([^'#\n]+?)'?(?: *#.*)?$", text)
    settings = dict(found)
    assert list(settings)[-1] == "synchronous_standby_names", "which comes last"
    del settings["synchronous_standby_names"]
    settings["listen_addresses"] = "127.0.0.1"
    with (own_cluster.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    own_cluster.stop()
    own_cluster.start()
    for name, value in settings.items():
        assert own_cluster.execute(f"SHOW {name}") == [(value,)]
