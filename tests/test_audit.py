"""The audit of what we depend on: it tells clean from vulnerable, and both from not knowing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import pytest
from conftest import ROOT, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def serve_osv() -> Iterator[Callable[..., str]]:
    """Serve what OSV does, with a vulnerability in each of some releases; return its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(*vulnerable: tuple[str, str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name, version = query["package"]["name"], query["version"]
                affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
                fault = {"id": "PYSEC-2026-1", "aliases": [], "affected": affected}
                answer = json.dumps({"vulns": [fault]} if (name, version) in vulnerable else {})
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
                self.wfile.write(f"{head}{answer}".encode())

            def log_message(self, *args: object) -> None:
                """Keep stderr to pytest."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def audit(osv: str) -> subprocess.CompletedProcess[str]:
    """Run the audit where PyPI can't be reached, and OSV is at that address."""
    nobody = f"http://127.0.0.1:{free_port()}"
    variables = {"https_proxy": nobody, "no_proxy": "127.0.0.1", "PIP_AUDIT_OSV_URL": osv}
    return subprocess.run(
        [sys.executable, ".ci/audit.py"],
        cwd=ROOT,
        env={**os.environ, **variables, "AUDIT": "required"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_an_audit_finds_what_is_vulnerable_and_nothing_else(serve_osv):
    done = audit(serve_osv(("jinja2", "2.4.1"), ("flask", version("flask"))))
    assert done.returncode == 1
    assert "PYSEC-2026-1" in done.stdout
    assert "Found 1 known vulnerability in 1 package" in done.stdout


def test_a_service_that_knows_of_no_vulnerability_at_all_is_not_believed(serve_osv):
    # Such is a mirror of PyPI: without a question whose answer is known, all would seem clean.
    done = audit(serve_osv())
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("NOT AUDITED: ")
