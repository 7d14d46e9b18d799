"""What measures speed: its data, its clock, and that the systems without extras answer the same."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from benchmarks import dataset, measuring, report
from benchmarks.answers import require_same
from benchmarks.contenders import LIMIT, LIMIT_GRANIAN, OURS, OURS_GRANIAN, SYSTEMS
from benchmarks.measuring import Failed, Measurement, at_rest, cpu_seconds
from benchmarks.systems.base import Terms

OF_THE_DATA = ("category", "client", "user", "tag", "client_tag", "client_total")
BURN = "import time\nwhile time.process_time() < 0.3: pass"


def rows_of(data):
    with contextlib.closing(sqlite3.connect(data.path)) as conn:
        return {name: conn.execute(f"SELECT * FROM {name}").fetchall() for name in OF_THE_DATA}


def measured(cpu):
    return Measurement(requests=100, per_second=50.0, p50=1.0, p99=2.0, cpu=cpu)


def test_the_same_number_of_clients_is_the_same_data(tmp_path):
    first = dataset.prepare(300, tmp_path / "first")
    second = dataset.prepare(300, tmp_path / "second")
    assert rows_of(first) == rows_of(second)
    assert first[1:] == second[1:]


def test_a_data_set_is_made_once(tmp_path):
    made = dataset.prepare(300, tmp_path).path.stat().st_mtime_ns
    assert dataset.prepare(300, tmp_path).path.stat().st_mtime_ns == made


def test_cpu_time_counts_children_that_have_ended():
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.25


def test_cpu_time_counts_children_that_run():
    code = f"{BURN}\nprint(flush=True)\ninput()"
    command = [sys.executable, "-c", code]
    before = cpu_seconds(os.getpid())
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert cpu_seconds(os.getpid()) - before >= 0.25
        child.communicate(b"\n")


def test_what_a_load_leaves_behind_is_waited_for():
    work = BURN.replace("0.3", "1")  # for longer than from one look to the next
    command = [sys.executable, "-c", f"{work}\ninput()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        found = at_rest(child.pid)
        child.communicate(b"\n")
    assert found >= 0.95


def test_a_server_that_finds_no_rest_is_not_measured(monkeypatch):
    monkeypatch.setattr(measuring, "REST_SECONDS", 1)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            with pytest.raises(Failed):
                at_rest(child.pid)
        finally:
            child.kill()


def test_a_ratio_is_the_median_of_the_rounds():
    ours = [measured(100.0), measured(200.0), measured(100.0)]
    others = [measured(50.0), measured(120.0), measured(90.0)]
    assert report.ratio(ours, others) == 0.6


def test_the_tables_name_each_system_and_what_is_missing():
    text = report.markdown({"304": {"ours": [measured(100.0)], "limit": [measured(50.0)]}})
    assert "| 304 | ours | 100 | 50 | 1.0 | 2.0 |" in text
    assert "| 304 | gunicorn | 0.50 | - | - |" in text


@pytest.mark.slow
def test_the_limit_answers_what_we_answer(tmp_path):
    data = dataset.prepare(300, tmp_path)
    names = (OURS, OURS_GRANIAN, LIMIT, LIMIT_GRANIAN)
    systems = {name: SYSTEMS[name] for name in names}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, system in systems.items():
            folder = tmp_path / name
            folder.mkdir()
            servers[name] = (
                system,
                stack.enter_context(system.running(data, folder, Terms(1, "normal"))),
            )
        assert require_same(servers, data) is None  # it raises Failed where two answers differ
