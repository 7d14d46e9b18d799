"""Settings: defaults, then config.toml, then the environment; and what is said of a bad value."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, free_port

from clients_api import config
from clients_api.config import SETTINGS, BadSetting, instance_folder
from clients_api.service import create_app

# For each setting: its default, one value in config.toml, one in the environment, what becomes
# of each, and values that may not be.
CASES = {
    "DATABASE_URL": (
        "sqlite:///<instance>/clients.sqlite3",
        ('"sqlite:///file.db"', "sqlite:///file.db"),
        ("sqlite:///env.db", "sqlite:///env.db"),
        ["mysql://user:secret@host/db", "file.db", "sqlite:", "7", "", "sqlite:///a?mode=ro"],
    ),
    "URL_PREFIX": (
        "/api",
        ('"/v1"', "/v1"),
        ("/crm/api/", "/crm/api"),
        [
            "api",
            "/",
            "",
            "//",
            "/api//",
            "/..",
            "/a/./b",
            "/a b",
            "//api",
            "/<x>",
            "/a\nb",
            "7",
            "/a?b",
            "/\u00e9",
        ],
    ),
    "PUBLIC_URL": (
        "",
        ('"https://crm.example/"', "https://crm.example"),
        ("http://[::1]:8000/x/y/", "http://[::1]:8000/x/y"),
        [
            "crm.example",
            "ftp://a",
            "https://",
            "https://a:0",
            "https://a:b",
            "https://u@a",
            "7",
            "https://a?b",
            "https://a/b c",
            "https://a/..",
            "https://a\nb",
            "https://a:99999",
        ],
    ),
    "PAGE_SIZE": (
        25,
        ("10", 10),
        ("100", 100),
        ["0", "101", "-1", "x", "2.5", "true", "null", "", "[25]", '"25"'],
    ),
    "MAX_BODY_BYTES": (
        1_048_576,
        ("2048", 2048),
        ("4096", 4096),
        ["0", "-1", "1MB", "1e6", "true", ""],
    ),
    "MAX_IMPORT_BYTES": (
        268_435_456,
        ("2048", 2048),
        ("4096", 4096),
        ["0", "-1", "1MB", "1e6", "true", ""],
    ),
    "RATELIMIT_ENABLED": (
        True,
        ("false", False),
        ("false", False),
        ["maybe", "2", "", "null", "[]"],
    ),
    **{
        name: (True, ("false", False), ("off", False), ["maybe", "2", "", "null", "[]"])
        for name in ("CONSOLE_ENABLED", "DOCS_ENABLED")
    },
    "RATELIMIT_DEFAULT": (
        "1200 per minute",
        ('"10 per second"', "10 per second"),
        ("5 per hour", "5 per hour"),
        ["lots", "5", "", "-1 per minute", "0 per minute", "5 per fortnight", "null"],
    ),
    "CORS_ORIGINS": (
        [],
        ('["https://a.example"]', ["https://a.example"]),
        (
            "https://a.example, http://localhost:3000",
            ["https://a.example", "http://localhost:3000"],
        ),
        ["a.example", "https://", "https://a.example/path", "7", "true", "https://*.example"],
    ),
    "TRUSTED_PROXIES": (
        0,
        ("1", 1),
        ("2", 2),
        ["-1", "11", "x", "true", "1.5", "", "127.0.0.1"],
    ),
    "MAIL_URL": (
        "file://<instance>/mail",
        ('"file:///tmp/mail"', "file:///tmp/mail"),
        ("smtps://user:secret@mail.example:465", "smtps://user:secret@mail.example:465"),
        ["mail.example", "http://mail.example", "smtp://", "file://host/x", "smtp://h:99999", "7"],
    ),
    "MAIL_FROM": (
        "clients@localhost",
        ('"a@b.example"', "a@b.example"),
        ("Acme Ltd <crm@acme.example>", "Acme Ltd <crm@acme.example>"),
        ["nobody", "a@b@c", "a b@c", "a@b\nBcc: x@y", "", "7", "a@b, c@d <e@f>", "A <a@b> B"],
    ),
    "WEBHOOK_HOSTS": (
        [],
        ('["N8N.lan", "[::1]:99"]', ["n8n.lan", "[::1]:99"]),
        ("192.168.1.5:5678, n8n.lan", ["192.168.1.5:5678", "n8n.lan"]),
        ["http://n8n.lan", "n8n.lan/x", "a@b", "n8n.lan:0", "n8n.lan:x", "*", "7.1", "a b", "7"],
    ),
    "SECRET_KEY": (
        "file://<instance>/clients-api-secret-key",
        ('"a key of enough characters"', "a key of enough characters"),
        ("file:///run/secrets/clients", "file:///run/secrets/clients"),
        ["", "secret", "file://secret/relative", "7", "null", "true", "[]"],
    ),
    "EVENTS_KEPT_DAYS": (90, ("7", 7), ("0", 0), ["-1", "1.5", "a week", "", "36501"]),
    "TRASH_KEPT_DAYS": (30, ("7", 7), ("0", 0), ["-1", "1.5", "a month", "", "36501"]),
    "LOG_FORMAT": ("text", ('"json"', "json"), ("JSON", "json"), ["xml", "", "7", "null"]),
    "LOG_LEVEL": (
        "info",
        ('"warning"', "warning"),
        ("DEBUG", "debug"),
        ["loud", "", "10", "null"],
    ),
    "SQLITE_SYNCHRONOUS": (
        "full",
        ('"normal"', "normal"),
        ("NORMAL", "normal"),
        ["off", "", "1", "full; DROP TABLE client"],
    ),
}
BAD = [(name, value) for name, case in CASES.items() for value in case[3]]


@pytest.fixture
def load(tmp_path):
    def load(**overrides):
        return config.load(tmp_path, overrides)

    return load


def test_every_setting_has_a_case_here():
    assert set(CASES) == set(SETTINGS)


@pytest.mark.parametrize("name", CASES)
def test_defaults_then_the_file_then_the_environment(name, load, tmp_path, monkeypatch):
    default, (in_file, of_file), (in_environment, of_environment), _ = CASES[name]
    if isinstance(default, str):
        default = default.replace("<instance>", str(tmp_path))
    assert load()[name] == default
    file = tmp_path / "config.toml"
    file.write_text(f"{name} = {in_file}\n")
    assert load()[name] == of_file
    file.write_text(f"{name.lower()} = {in_file}\n")
    assert load()[name] == of_file, "in the file names may be in lower case"
    monkeypatch.setenv(f"CLIENTS_API_{name}", in_environment)
    assert load()[name] == of_environment
    monkeypatch.setenv(name, "not ours")
    assert load()[name] == of_environment
    assert load(**{name: of_file})[name] == of_file, "what code says wins"


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_told_in_one_line(name, value, load, monkeypatch):
    monkeypatch.setenv(f"CLIENTS_API_{name}", value)
    with pytest.raises(BadSetting) as caught:
        load()
    line = str(caught.value)
    assert f"CLIENTS_API_{name}" in line
    assert SETTINGS[name].allowed in line
    assert "\n" not in line
    assert "secret" not in line


def test_a_bad_value_is_shown(load, monkeypatch):
    monkeypatch.setenv("CLIENTS_API_PAGE_SIZE", "a few")
    sentence = "CLIENTS_API_PAGE_SIZE is 'a few', but must be 1 to 100."
    with pytest.raises(BadSetting) as caught:
        load()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "value",
    [
        "smpt://user:secret@mail.example",
        "smtp:user:secret@mail.example",
        "smtp://user:secret",
        "smtps://user:secret/more@mail.example",
        "smtp://user:123/secret@mail.example",
        "smtp://user:123#secret@mail.example",
        "user:secret",
        "smtp:user:secret",
        "smtp://user:sec\nsecret@mail.example:x",
        "smtp:/user:secret@mail.example",
        "user:secret@mail.example",
        "smtp://user:se:cret/@secret@mail.example:x",
        "smtp://user:secret@mail.example:99999",
    ],
)
def test_a_password_in_a_bad_value_is_not_shown(load, monkeypatch, value):
    monkeypatch.setenv("CLIENTS_API_MAIL_URL", value)
    with pytest.raises(BadSetting) as caught:
        load()
    assert "secret" not in str(caught.value)
    assert "cret/" not in str(caught.value)
    assert "123" not in str(caught.value)
    assert ("mail.example" in str(caught.value)) == ("@" in value), "the host is shown"
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__, "Python's own words quote the port"


def test_a_password_in_a_bad_value_of_the_file_is_not_shown(load, tmp_path):
    (tmp_path / "config.toml").write_text('mail_url = ["smtp://user:secret@mail.example"]\n')
    with pytest.raises(BadSetting, match="MAIL_URL is a list, but must be") as caught:
        load()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "1"])
def test_words_for_yes(load, monkeypatch, word):
    monkeypatch.setenv("CLIENTS_API_RATELIMIT_ENABLED", word)
    assert load()["RATELIMIT_ENABLED"] is True


@pytest.mark.parametrize("word", ["false", "FALSE", "no", "off", "0"])
def test_words_for_no(load, monkeypatch, word):
    monkeypatch.setenv("CLIENTS_API_RATELIMIT_ENABLED", word)
    assert load()["RATELIMIT_ENABLED"] is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("PAGE_SIZE = 7000", "CLIENTS_API_PAGE_SIZE is 7000, but must be 1 to 100."),
        ("PAGESIZE = 7", "PAGESIZE in"),
        ("INSTANCE_PATH = '/x'", "INSTANCE_PATH in"),
        ("PAGE_SIZE = ", "config.toml can't be read"),
        ("[section]\nPAGE_SIZE = 7", "SECTION in"),
        ("PAGE_SIZE = 7\nPAGE_SIZE = 8", "config.toml can't be read"),
        ("\ufeffPAGE_SIZE = 7", "config.toml can't be read"),
    ],
)
def test_a_bad_file_is_told_in_one_line(load, tmp_path, text, says):
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting) as caught:
        load()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_variable_that_is_no_setting_is_warned_of(tmp_path, monkeypatch, caplog):
    # It used to be ignored in silence, so that a mistyped limit was none.
    monkeypatch.setenv("CLIENTS_API_RATE_LIMIT_ENABLED", "true")
    monkeypatch.setenv("CLIENTS_API_Page_Size", "5")
    monkeypatch.setenv("CLIENTS_API_XYZ", "secret")
    monkeypatch.setenv("CLIENTS_APIARY", "not ours")
    create_app({"INSTANCE_PATH": tmp_path})
    assert warnings_of(caplog) == [
        "CLIENTS_API_Page_Size is no setting, and is ignored; did you mean CLIENTS_API_PAGE_SIZE?",
        "CLIENTS_API_RATE_LIMIT_ENABLED is no setting, and is ignored; "
        "did you mean CLIENTS_API_RATELIMIT_ENABLED?",
        "CLIENTS_API_XYZ is no setting, and is ignored.",
    ]


def test_nobody_is_warned_of_settings_that_there_are(tmp_path, monkeypatch, caplog):
    for name, (_, _, (value, _), _) in CASES.items():
        monkeypatch.setenv(f"CLIENTS_API_{name}", value)
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv("CLIENTS_API_LOG_LEVEL", "info")
    create_app()
    assert warnings_of(caplog) == []


def run(folder, command, **settings):
    """Run a command of ours in a process, on an instance folder and with settings."""
    variables = {f"CLIENTS_API_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "clients_api", *command.split()],
        cwd=ROOT,
        env={**os.environ, "CLIENTS_API_INSTANCE_PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_command_warns_on_stderr_alone(tmp_path):
    run(tmp_path, "migrate")
    done = run(tmp_path, "keys list", PAGESIZE="5")
    assert done.returncode == 0
    assert "PAGESIZE" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        "WARNING CLIENTS_API_PAGESIZE is no setting, and is ignored; "
        "did you mean CLIENTS_API_PAGE_SIZE?"
    )


def test_a_file_that_can_not_be_read_is_told_in_one_line(load, tmp_path):
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match=r"config\.toml can't be read"):
        load()
    (tmp_path / "config.toml").unlink()
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(BadSetting, match=r"config\.toml can't be read"):
        load()


def test_the_instance_folder_is_from_the_environment_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert instance_folder() == tmp_path / "instance"
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", "elsewhere")
    assert instance_folder() == tmp_path / "elsewhere"
    app = create_app()
    assert Path(app.database.database) == tmp_path / "elsewhere" / "clients.sqlite3"
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700


def test_an_instance_folder_that_can_not_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "a" / "b"):
        with pytest.raises(BadSetting, match="instance folder") as caught:
            create_app({"INSTANCE_PATH": path})
        assert "\n" not in str(caught.value)


def test_a_relative_database_lies_in_the_instance_folder(load, tmp_path):
    app = create_app({"INSTANCE_PATH": tmp_path, "DATABASE_URL": "sqlite:///data.db"})
    assert Path(app.database.database) == tmp_path / "data.db"
    app = create_app({"INSTANCE_PATH": tmp_path, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"})
    assert Path(app.database.database) == tmp_path / "x.db"


@pytest.mark.parametrize(("level", "number"), [("full", 2), ("normal", 1)])
@pytest.mark.file("a setting of it")
def test_synchronous_is_what_the_database_does(make_app, level, number):
    app = make_app(SQLITE_SYNCHRONOUS=level)
    assert app.database.execute_sql("PRAGMA synchronous").fetchone() == (number,)


@pytest.mark.parametrize("command", ["serve --bind 127.0.0.1:{port}", "keys list"])
def test_a_command_with_a_bad_setting_exits_1_with_one_line(tmp_path, command):
    # Whoever tests may serve at the default address.
    done = run(tmp_path, command.format(port=free_port()), PAGE_SIZE="many")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "Error: CLIENTS_API_PAGE_SIZE is 'many', but must be 1 to 100.\n"


@pytest.mark.parametrize(
    "command",
    [
        ("app.py",),
        ("-m", "flask", "--app", "app", "routes"),
        ("-m", "gunicorn", "--check-config", "app:app"),
    ],
)
def test_a_bad_setting_is_one_line_however_the_app_is_started(command, tmp_path):
    # It used to be the last line of a traceback where the app was not started by the command.
    environment = {
        **os.environ,
        "CLIENTS_API_INSTANCE_PATH": str(tmp_path),
        "CLIENTS_API_PAGE_SIZE": "0",
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "CLIENTS_API_PAGE_SIZE is 0, but must be 1 to 100.\n"
