"""Schemathesis makes requests of the OpenAPI document and finds no answer that contradicts it.

FUZZ_EXAMPLES says how many requests it makes up for each operation, besides those that follow
from the document: `FUZZ_EXAMPLES=50 pytest tests/test_schemathesis.py` takes some five minutes.
"""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "5")
# What is made up at random is for those who asked for it, and look at what is found.
PHASES = "examples,coverage" + (",fuzzing,stateful" if "FUZZ_EXAMPLES" in os.environ else "")


@pytest.mark.slow
def test_schemathesis_finds_nothing(start_server):
    server = start_server(RATELIMIT_ENABLED="false")
    command = Path(sysconfig.get_path("scripts")) / "schemathesis"
    options = {
        "--header": f"Authorization: Bearer {server.key}",
        "--checks": "all",
        "--phases": PHASES,
        "--seed": "1",
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
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Stateful" in run.stdout
