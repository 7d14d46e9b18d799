"""Generators make programs of openapi.json that hold, and linters find nothing wrong with it.

What is no Python package `.ci/run` installs into `.venv/node`, where there is npm.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Caller, Server
from test_openapi import define_fields

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SCRIPTS = sysconfig.get_path("scripts")
NODE_MODULES = ROOT / ".venv" / "node" / "node_modules"

HOST = "crm.acme.test"  # linters ask for servers that are no localhost


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command, and return what it says; fail with that if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    return done.stdout


def node(name: str) -> Path:
    """Return the path of a command of `package.json`; without it skip the test."""
    path = NODE_MODULES / ".bin" / name
    if shutil.which("node") is None or not path.exists():
        pytest.skip(f"{name} is not installed: .ci/run does it where there is npm")
    return path


@pytest.fixture
def document(api: Caller, tmp_path: Path) -> Path:
    """A file with the document of a service that has a custom field of each type."""
    define_fields(api)
    path = tmp_path / "openapi.json"
    path.write_bytes(api.get("/openapi.json", headers={"Host": HOST}).get_data())
    return path


@pytest.fixture
def plain_document(anonymous: Caller, tmp_path: Path) -> Path:
    """A file with the document of a service that has no custom fields."""
    path = tmp_path / "plain.json"
    path.write_bytes(anonymous.get("/openapi.json", headers={"Host": HOST}).get_data())
    return path


def generate(document: Path, folder: Path) -> None:
    """Have openapi-python-client write the package `crm` into a folder."""
    said = run(
        *(Path(SCRIPTS) / "openapi-python-client", "generate", "--path", document),
        *("--output-path", folder / "crm", "--meta", "none", "--fail-on-warning"),
        *("--config", HERE / "python_client.yaml"),
        cwd=folder,
    )
    assert "warning" not in said.lower()
    shutil.copy(HERE / "python_calls.py", folder)


def test_openapi_python_client_makes_a_client_that_calls_a_server(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    # Of each body it made one that sent JSON and a form at once, and of `role_id` nothing at all.
    server = start_server(RATELIMIT_ENABLED="false", SQLITE_SYNCHRONOUS="normal")
    document = tmp_path / "openapi.json"
    with urllib.request.urlopen(f"{server.url}/api/openapi.json", timeout=10) as response:
        document.write_bytes(response.read())
    generate(document, tmp_path)
    for body in (tmp_path / "crm").rglob("*_webhook_files_body.py"):
        # The generator's own module `types` is hidden there by the member of that name.
        body.write_text(body.read_text().replace("types.RequestFiles", "list[Any]"))
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "mypy"),
        *("crm", "python_calls.py"),
        cwd=tmp_path,
    )
    assert server.key is not None
    run(sys.executable, "-W", "error", "python_calls.py", server.url, server.key, cwd=tmp_path)


def test_openapi_python_client_takes_custom_fields_too(document: Path, tmp_path: Path) -> None:
    generate(document, tmp_path)
    model = (tmp_path / "crm" / "models" / "client_custom_fields.py").read_text()
    assert "level: int | None" in model


def test_openapi_typescript_makes_types_that_a_program_can_use(
    plain_document: Path, tmp_path: Path
) -> None:
    run(node("openapi-typescript"), plain_document, "-o", tmp_path / "schema.ts", cwd=tmp_path)
    shutil.copy(HERE / "typescript_calls.ts", tmp_path)
    files = ("schema.ts", "typescript_calls.ts")
    run(node("tsc"), "--strict", "--noEmit", *files, cwd=tmp_path)


def read_with_openapi_generator(folder: Path, document: Path) -> None:
    command = Path(SCRIPTS) / "openapi-generator-cli"
    said = run(command, "validate", "--recommend", "-i", document, cwd=folder)
    assert "No validation issues detected." in said


def read_with_redocly(folder: Path, document: Path) -> None:
    said = run(node("redocly"), "lint", document, cwd=folder)
    assert not re.search(r"\d+ (warning|error)s?", said)


def read_with_spectral(folder: Path, document: Path) -> None:
    (folder / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    run(node("spectral"), "lint", "--fail-severity=hint", document, cwd=folder)


READERS = (read_with_openapi_generator, read_with_redocly, read_with_spectral)


@pytest.mark.parametrize("read", READERS)
def test_a_linter_finds_nothing_wrong(
    read: Callable[[Path, Path], None], document: Path, tmp_path: Path
) -> None:
    read(tmp_path, document)


@pytest.mark.parametrize("read", READERS)
def test_a_linter_would_find_a_fault(
    read: Callable[[Path, Path], None], plain_document: Path, tmp_path: Path
) -> None:
    spec = json.loads(plain_document.read_bytes())
    del spec["info"]["contact"], spec["info"]["license"]["identifier"]
    plain_document.write_text(json.dumps(spec))
    with pytest.raises(AssertionError):
        read(tmp_path, plain_document)
