"""A host that used the API, and forks: each process has connections and threads of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from hosts import JANE, PREFIX, services, with_key

from clients_api import ClientsAPI

JOE = {"first_name": "Joe", "last_name": "Roe", "email": "joe@acme.example"}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.fixture
def host(make_host) -> flask.Flask:
    return make_host(embed=False)


@pytest.fixture
def crm(host) -> ClientsAPI:
    return ClientsAPI(host, url_prefix=PREFIX)


def in_child(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a process that is forked; fail with what it raises."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def run() -> None:
        try:
            theirs.send((True, work()))
        except BaseException:
            theirs.send((False, traceback.format_exc()))

    child = context.Process(target=run)
    child.start()
    assert ours.poll(30), "the child hangs"
    is_done, result = ours.recv()
    child.join(30)
    assert is_done, result
    assert child.exitcode == 0
    return result


def open_databases() -> list[str]:
    """Return the database files that this process has open."""
    gc.collect()
    links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    found = [os.readlink(link) for link in links if link.is_symlink()]
    return [path for path in found if ".sqlite3" in path]


def count(crm: ClientsAPI) -> int:
    with crm.session(readonly=True) as clients:
        return len([*clients.list()])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc")
@pytest.mark.parametrize("testing", [True, False])
def test_a_child_has_no_connection_of_its_parents(crm, host, testing):
    host.testing = testing  # with and without a thread for mail, that has a connection too
    with crm.session() as clients:
        clients.create(**JANE)
    assert in_child(open_databases) == []
    with crm.session() as clients:
        assert len([*clients.list()]) == 1, "and its parent goes on"
    crm.close()


def test_parent_and_child_write_at_once_and_both_are_kept(crm, host):
    client = with_key(host)

    def add(letter: str) -> int:
        for number in range(50):
            with crm.session() as clients:
                clients.create(**{**JANE, "email": f"{letter}{number}@acme.example"})
            assert client.get(f"{PREFIX}/clients/1").status_code == 200
        return number

    thread = threading.Thread(target=add, args=["a"])
    thread.start()
    assert in_child(lambda: add("b")) == 49
    thread.join()
    with crm.session(readonly=True) as clients:
        assert clients.list().page()["meta"]["total"] == 100
    crm.close()


def test_a_fork_waits_for_a_thread_that_writes(crm, host):
    """The child had a copy of its transaction, and of its locks, which nobody was to end."""
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with crm.session() as clients:
            clients.create(**JANE)
            begun.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    threading.Timer(0.3, done.set).start()

    def write() -> int:
        with crm.session() as clients:
            return int(clients.create(**JOE)["id"])

    assert in_child(write) == 2
    thread.join()
    crm.close()


def test_a_child_that_is_forked_within_a_session_is_told_so(crm):
    with crm.session() as clients:
        clients.create(**JANE)

        def use() -> None:
            with pytest.raises(RuntimeError, match="thread and process that opened it"):
                clients.get(1)
            with pytest.raises(RuntimeError, match="was forked within a session"):
                crm.session()

        in_child(use)
        clients.create(**JOE)
    with crm.session() as clients:
        assert len([*clients.list()]) == 2
    assert in_child(lambda: count(crm)) == 2, "behind the session a fork is as any other"
    crm.close()


def test_a_child_that_leaves_the_block_of_its_parents_session_ends_nothing(crm):
    pid = None
    with crm.session() as clients:
        clients.create(**JANE)
        ours, theirs = multiprocessing.Pipe()
        pid = os.fork()
        if pid:
            assert ours.poll(30) and ours.recv() == "begins"
            assert os.waitpid(pid, 0)[1] == 0
            assert clients.get(1)["id"] == 1
            clients.create(**JOE)
        else:
            theirs.send("begins")
    if pid == 0:
        os._exit(0)
    with crm.session() as clients:
        assert len([*clients.list()]) == 2
    crm.close()


def test_a_child_delivers_mail_itself(crm, host):
    with crm.session() as clients:
        clients.create(**JANE)
    folder = Path(host.instance_path, "mail")

    def send() -> list[str]:
        with crm.session() as clients:
            clients.create(**JOE, send_email="yes")
        names = [thread.name for thread in threading.enumerate()]
        for _ in range(400):
            if [*folder.glob("*.eml")]:
                break
            time.sleep(0.05)
        crm.close()
        return names

    assert in_child(send).count("mail") == 1
    assert len([*folder.glob("*.eml")]) == 1
    crm.close()


def test_a_server_that_tells_nobody_that_it_forks_is_found_out(crm, host, monkeypatch):
    """uWSGI forks without Python's hooks."""
    service = services(host)[PREFIX]
    mount = host.extensions["clients-api"][PREFIX]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert mount.service is not service
    assert mount.service.database is not service.database
