"""The README's tables say what the code says, and its commands are those that work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from clients_api.commands.cli import cli
from clients_api.config import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its two first lines."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_setting_stands_in_the_table_with_its_default():
    table = {
        name.strip("`"): (default.strip("`"), purpose)
        for name, default, purpose in rows("Settings")
    }
    table.pop("INSTANCE_PATH")
    written = {True: "true", False: "false"}
    expected = {}
    for name, setting in SETTINGS.items():
        default = setting.default
        if isinstance(default, bool):
            default = written[default]
        expected[name] = ("none" if default in ([], "") else str(default), setting.purpose)
    assert table == expected


def test_every_command_stands_in_the_table():
    table = {re.fullmatch(r"`clients-api (\S+)`", name)[1] for name, _ in rows("Commands")}
    assert table == set(cli.list_commands(click.Context(cli)))


def test_every_endpoint_stands_in_the_table_with_its_methods(app):
    table = {
        path.strip("`"): set(re.findall(r"[A-Z]+", methods))
        for path, methods, _ in rows("Endpoints")
    }
    served: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith("about.file"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api"))
            served.setdefault(path, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    assert table == served


@pytest.mark.parametrize("name", re.findall(r"\]\(((?!http)[^)]+)\)", README))
def test_every_link_leads_somewhere(name):
    assert (ROOT / name).exists()


def test_the_test_command_installs_an_extra_that_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(re.findall(r"\.\[(\w+)\]", README))
    assert extras and extras <= set(project["optional-dependencies"])


def test_the_first_answer_is_what_the_service_answers(api):
    call = README.split("## A first request", 1)[1].split("Here is one call", 1)[0]
    pairs = [
        tuple(pair.strip("'").replace("'", "").split("=", 1))
        for pair in re.findall(r"-d ('[^']*'|\S+='[^']*'|\S+)", call)
    ]
    shown = re.search(r"```json\n(.*?)```", call, re.DOTALL)[1]
    expected = json.loads(shown)
    answer = api.post("/clients", form=pairs)
    assert answer.status_code == 201
    body = answer.get_json()
    body["data"]["dates"] = expected["data"]["dates"]
    assert body == expected


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_a_shell_can_make_all_the_calls_as_they_stand_there(start_server, tmp_path):
    server = start_server()
    chapter = README.split("\n## A first request\n", 1)[1].split("\n## ", 1)[0]
    script = "".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL))
    for shown, real in (("ck_…", server.key), ("127.0.0.1:8000", f"127.0.0.1:{server.port}")):
        script = script.replace(shown, real)
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    shell = subprocess.run(
        ["sh", "-ec", script],
        cwd=tmp_path,
        env=os.environ | {"CURL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert shell.returncode == 0, shell.stdout[-500:] + shell.stderr
    assert shell.stdout.count('"message":') == script.count("curl ") - 2  # one tag and one file
    assert server.log.read_text().count(" status=") == script.count("curl ")
    assert server.stop() == 0


@pytest.mark.parametrize("name", sorted({row[2].strip("`") for row in rows("What it promises")}))
def test_every_promise_has_tests(name):
    assert "\ndef test_" in (ROOT / "tests" / name).read_text(encoding="utf-8")
