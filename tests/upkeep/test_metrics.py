"""`/metrics`: calls, clients and mail, for Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Caller, Server, expect_error, issue_key

from clients_api.service import Service
from clients_api.upkeep import metrics

pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
from prometheus_client.parser import text_string_to_metric_families


def _samples(text: str) -> dict[tuple[str, frozenset[Any]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _value(text: str, name: str, **labels: str) -> float | None:
    return _samples(text).get((name, frozenset(labels.items())))


def _calls(text: str, endpoint: str, method: str, status: str) -> float | None:
    labels = {"endpoint": endpoint, "method": method, "status": status}
    return _value(text, "clients_api_request_seconds_count", **labels)


def test_calls_are_counted_by_endpoint_method_and_status(
    api: Caller, make_client: Callable[..., dict[str, Any]]
) -> None:
    id = make_client()["id"]
    for _ in range(3):
        api.get(f"/clients/{id}")
    api.get("/clients/999")
    response = api.get("/metrics")
    assert response.status_code == 200
    assert response.mimetype == "text/plain"
    text = response.get_data(as_text=True)
    assert _calls(text, "/api/clients/{id}", "GET", "200") == 3
    assert _calls(text, "/api/clients/{id}", "GET", "404") == 1
    assert _calls(text, "/api/clients", "POST", "201") == 1
    buckets = [value for (name, _), value in _samples(text).items() if name.endswith("_bucket")]
    assert max(buckets) == 3


def test_what_a_caller_makes_up_makes_no_new_series(api: Caller) -> None:
    for path in ("/nowhere", "/else", "/clients/1/2/3"):
        api.get(path)
    api.call("BREW", "/clients")
    text = api.get("/metrics").get_data(as_text=True)
    assert _calls(text, "/api/*", "*", "404") == 3
    assert _calls(text, "/api/*", "*", "405") == 1
    assert "nowhere" not in text and "BREW" not in text


def test_clients_and_mail_are_counted_by_status(
    api: Caller, make_client: Callable[..., dict[str, Any]]
) -> None:
    id = make_client(send_email="yes")["id"]
    make_client()
    api.put(f"/clients/{id}/status", {"status": "suspended"})
    text = api.get("/metrics").get_data(as_text=True)
    assert _value(text, "clients_api_clients", status="active") == 1
    assert _value(text, "clients_api_clients", status="suspended") == 1
    assert _value(text, "clients_api_mails", status="pending") == 1
    assert _value(text, "clients_api_mails", status="failed") == 0


def test_metrics_are_for_admins(app: Service, anonymous: Caller) -> None:
    expect_error(anonymous.get("/metrics"), 401)
    expect_error(Caller(app, issue_key(app, scope="write")).get("/metrics"), 403)


def test_two_apps_in_one_process_count_apart(make_app: Callable[..., Service]) -> None:
    first, second = make_app(), make_app(URL_PREFIX="/other")
    Caller(first, issue_key(first)).get("/clients")
    text = Caller(second, issue_key(second), "/other").get("/metrics").get_data(as_text=True)
    assert "/api/clients" not in text


def test_metrics_are_documented(api: Caller) -> None:
    operation = api.get("/openapi.json").get_json()["paths"]["/api/metrics"]["get"]
    assert "text/plain" in operation["responses"]["200"]["content"]
    assert {"401", "403"} <= set(operation["responses"])


def test_without_the_package_there_is_no_such_path_and_nothing_is_counted(
    make_app: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "IS_INSTALLED", False)
    app = make_app()
    assert app.metrics is None
    api = Caller(app, issue_key(app))
    expect_error(api.get("/metrics"), 404, "Not found.")
    assert "/api/metrics" not in api.get("/openapi.json").get_json()["paths"]


def test_the_package_is_not_imported_until_it_is_needed() -> None:
    # The master process must not import it: the workers share its folder only if it is set first.
    code = "import clients_api, sys; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_what_ended_workers_have_counted_is_kept_in_one_file(tmp_path: Path) -> None:
    """Each left a file, for as long as the server ran."""
    worker = """
        import sys, time
        from clients_api.upkeep.metrics import Metrics
        class Call: url_rule, method, started = None, "GET", time.perf_counter()
        class Answer: status_code = 200
        Metrics("/api").observe(Call, Answer)
        print(flush=True)
        sys.stdin.read()
    """
    master = """
        from clients_api.upkeep import metrics
        metrics._Database.collect = lambda self: iter(())
        print(metrics.Metrics("/api").text().decode())
        metrics.bury()
        print(metrics.Metrics("/api").text().decode())
    """
    environment = os.environ | {metrics.FOLDER: str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(worker)]
    alive = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with alive:
        assert alive.stdout.readline() == b"\n"
        for _ in range(3):
            subprocess.run(command, cwd=ROOT, env=environment, input=b"", check=True)
        said = []
        for _ in range(2):
            said += subprocess.run(
                [sys.executable, "-c", textwrap.dedent(master)],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split("# HELP")[1:]
        left = {path.name for path in tmp_path.glob("*.db")}
        assert alive.communicate(b"")[0] == b""
    assert [_calls("# HELP" + text, "/api/*", "*", "200") for text in said] == [4, 4, 4, 4]
    assert left == {metrics.ENDED, f"histogram_{alive.pid}.db"}


@pytest.mark.slow
def test_every_worker_answers_for_all_and_nothing_is_left_behind(
    start_server: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    server = start_server("--workers", "3")

    def get(path: str) -> str:
        request = urllib.request.Request(
            f"{server.url}/api{path}", headers={"Authorization": f"Bearer {server.key}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode()

    for _ in range(40):
        get("/clients")
    counts = {_calls(get("/metrics"), "/api/clients", "GET", "200") for _ in range(10)}
    assert counts == {40}
    assert len(list(temporary.iterdir())) == 1
    assert server.stop() == 0
    assert list(temporary.iterdir()) == []
