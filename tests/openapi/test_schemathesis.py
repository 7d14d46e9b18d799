"""Schemathesis makes requests of the OpenAPI document and finds no answer that contradicts it.

FUZZ_EXAMPLES says how many requests it makes up for each operation, besides those that follow
from the document, and FUZZ_SEED which: `FUZZ_EXAMPLES=150 pytest tests/test_schemathesis.py` takes
some five minutes.
"""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "1")
SEED = os.environ.get("FUZZ_SEED", "1")


@pytest.mark.slow
def test_schemathesis_finds_nothing(start_server):
    server = start_server(RATELIMIT_ENABLED="false", SQLITE_SYNCHRONOUS="normal")
    command = Path(sysconfig.get_path("scripts")) / "schemathesis"
    options = {
        "--header": f"Authorization: Bearer {server.key}",
        "--checks": "all",
        "--phases": "examples,coverage,fuzzing,stateful",
        "--seed": SEED,
        "--mode": "all",
        "--max-examples": EXAMPLES,
        "--generation-database": "none",
    }
    run = subprocess.run(
        [command, "run", f"{server.url}/api/openapi.json", "--continue-on-failure", "--no-color"]
        + [word for option in options.items() for word in option],
        cwd=ROOT,  # where schemathesis.toml is
        capture_output=True,
        text=True,
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0
    assert "Stateful" in run.stdout
