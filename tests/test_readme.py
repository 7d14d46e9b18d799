"""What the README and docs/ say is what the code says, and their commands are those that work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from collections import Counter
from urllib.parse import unquote
from xml.etree import ElementTree

import click
import pytest
from conftest import ROOT
from flask import Flask

from clients_api.commands.cli import cli
from clients_api.config import SETTINGS

README, *DOCS = FILES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
# All that people read here; each of them may say where something is.
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        *FILES,
        *(path for path in sorted(ROOT.glob("*.md")) if path != README),
        *(
            path
            for folder in ("deploy", "examples")
            for path in sorted(ROOT.glob(f"{folder}/**/*.md"))
        ),
    )
}
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]
LINKS = [
    (name, link)
    for name, text in DOCUMENTS.items()
    for link in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", text)
]
PICTURE = ROOT / "docs" / "picture.svg"


def section(heading: str) -> str:
    """Return what stands under a heading of the README or docs/, wherever that is."""
    found = [
        part
        for name in NAMES
        for part in re.split(r"^## ", DOCUMENTS[name], flags=re.MULTILINE)[1:]
        if part.startswith(f"{heading}\n")
    ]
    assert len(found) == 1, f"{len(found)} sections are called {heading}"
    return found[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its two first lines."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the fragments by which the headings of a document are linked to."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"(?ms)^```.*?^```$", "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def served(app: Flask) -> dict[str, set[str]]:
    """Return the methods of every path under the prefix."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and not rule.endpoint.endswith("_file"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api"))
            found.setdefault(path, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    return found


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


def test_every_command_stands_in_the_table_with_options_that_it_has():
    context = click.Context(cli)
    table = {re.fullmatch(r"`clients-api (\S+)`", name)[1]: what for name, what in rows("Commands")}
    assert table.keys() == set(cli.list_commands(context))
    for name, what in table.items():
        command = cli.get_command(context, name)
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"`(--[\w-]+)`", what)) <= options


def test_every_endpoint_stands_in_the_table_with_its_methods(app):
    table = {
        path: set(methods.split())
        for _, what in rows("Endpoints")
        for methods, path in re.findall(r"`((?:[A-Z]+ )+)(/[^`]*)`", what)
    }
    assert table == served(app)


def test_every_room_stands_in_the_table():
    contributing = DOCUMENTS["CONTRIBUTING.md"]
    table = contributing.split("\n## Where things are\n", 1)[1].split("\n## ", 1)[0]
    named = {path.strip("/") for path in re.findall(r"`([\w/]+/)`", table)}
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("clients_api", "models", "schemas", "blueprints")
        for path in (ROOT / top).rglob("*.py")
    }
    assert rooms <= named
    for path in named | set(re.findall(r"`([\w.]+\.py)`", table)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(("name", "link"), LINKS)
def test_every_link_leads_somewhere(name, link):
    path, _, fragment = unquote(link).partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    assert target.exists()
    if fragment:
        assert fragment in anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_exists(name):
    for path in re.findall(r"`((?:\w+/)+\w+\.(?:py|md|sh|conf))`", DOCUMENTS[name]):
        assert (ROOT / path).exists() or (ROOT / "tests" / path).exists(), path


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_the_readme_leads_to_every_document(path):
    assert f"](docs/{path.name})" in DOCUMENTS["README.md"]


def test_a_newcomer_reads_no_more_than_140_lines():
    assert len(DOCUMENTS["README.md"].splitlines()) <= 140


def test_nothing_is_written_twice():
    # Of tables, code and prose alike: a copy is what nobody mends when the other one is.
    lines = Counter(
        line.strip()
        for text in DOCUMENTS.values()
        for line in set(text.splitlines())
        if len(line.strip()) > 50
    )
    assert [line for line, count in lines.items() if count > 1] == []


def test_the_test_command_installs_an_extra_that_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {extra for text in DOCUMENTS.values() for extra in re.findall(r"\.\[(\w+)\]", text)}
    assert "test" in extras and extras <= set(project["optional-dependencies"])


def test_the_first_answer_is_what_the_service_answers(api):
    chapter = section("A first request")
    pairs = [
        tuple(pair.replace("'", "").split("=", 1))
        for pair in re.findall(r"-d ('[^']*'|\S+='[^']*'|\S+)", blocks(chapter, "sh")[0])
    ]
    expected = json.loads(blocks(chapter, "json")[0])
    answer = api.post("/clients", form=pairs)
    assert answer.status_code == 201
    body = answer.get_json()
    body["data"]["dates"] = expected["data"]["dates"]
    assert body == expected


def commands(text: str) -> str:
    """Return what a reader pastes beside a running server: blocks of `sh` with curl or the command.

    What is only to be read stands in a block of another name, such as `console`.
    """
    pasted = re.compile(r"(?<![\w/-])(curl|clients-api) ")
    return "".join(block for block in blocks(text, "sh") if pasted.search(block))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_call_stands_where_it_is_run(name):
    rest = re.sub(r"^```sh\n.*?^```$", "", DOCUMENTS[name], flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^\W*curl ", rest, re.MULTILINE)
    assert name in NAMES or "curl " not in "".join(blocks(DOCUMENTS[name], "sh"))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("name", [name for name in NAMES if commands(DOCUMENTS[name])])
def test_a_shell_can_run_all_the_commands_as_they_stand_there(name, start_server, tmp_path):
    server = start_server()
    first = commands(DOCUMENTS["README.md"])
    script = first if name == "README.md" else first + commands(DOCUMENTS[name])
    for shown, real in (("ck_…", server.key), ("127.0.0.1:8000", f"127.0.0.1:{server.port}")):
        assert shown in script
        script = script.replace(shown, real)
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail\n")
    paths = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    shell = subprocess.run(
        ["sh", "-euc", script + 'echo; echo "etag=${etag-}"'],
        cwd=tmp_path,
        env=os.environ
        | {"CURL_HOME": str(tmp_path), "PATH": paths}
        | {"CLIENTS_API_INSTANCE_PATH": str(server.folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    log = server.log.read_text()
    assert shell.returncode == 0, shell.stdout[-500:] + shell.stderr + log
    assert len(re.findall(r" status=2\d\d", log)) == script.count("curl ")
    # curl leaves a header out that has no value: without the tag, the change would be made too.
    assert ("etag=$(" in script) == bool(re.search(r'^etag="\S+"$', shell.stdout, re.MULTILINE))
    assert server.stop() == 0


@pytest.mark.parametrize("name", [name for name in NAMES if blocks(DOCUMENTS[name], "python")])
def test_a_program_can_do_what_stands_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = Flask(__name__, instance_path=str(tmp_path))
    exec("".join(blocks(DOCUMENTS[name], "python")), {"app": app})
    assert app.test_client().get("/crm/api/ready").status_code == 200
    if "/leads" in DOCUMENTS[name]:
        jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        assert app.test_client().post("/leads", data=jane).status_code == 201
        again = app.test_client().post("/leads", data=jane)
        assert again.status_code == 422
        assert again.get_json() == {"email": ["The email has already been taken."]}
        assert app.test_client().get("/leads").get_json() == ["Jane Doe"]
    (mount,) = app.extensions["clients-api"].values()
    mount.close()


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            row[2].strip("`")
            for title in ("What it promises", "Other promises")
            for row in rows(title)
        }
    ),
)
def test_every_promise_has_tests(name):
    assert "\ndef test_" in (ROOT / "tests" / name).read_text(encoding="utf-8")


def test_the_picture_shows_what_there_is(app):
    picture = ElementTree.fromstring(PICTURE.read_text(encoding="utf-8"))
    words = "".join(picture.itertext())
    paths = re.findall(r"/[a-z_.]+", words)
    assert paths and set(paths) <= set(served(app))
    file = re.search(r"One SQLite file\s+(.+)", words)[1]
    assert set(file.split(", ")) <= set(cli.list_commands(click.Context(cli)))


def test_the_picture_can_be_read_by_everybody():
    text = PICTURE.read_text(encoding="utf-8")
    assert len(text.encode()) <= 20_000
    picture = ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    assert picture.get("role") == "img"
    ids = {element.get("id"): element for element in picture.iter() if element.get("id")}
    for id in picture.get("aria-labelledby").split():
        assert ids[id].tag in (f"{name}title", f"{name}desc") and ids[id].text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"<script|href=|@import|url\((?!#)", text)  # nothing comes from elsewhere
