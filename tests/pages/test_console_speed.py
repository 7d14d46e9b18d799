"""How quick the console is: with 5,000 clients, or with CONSOLE_CLIENTS=100000 of them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from browser import Page
from conftest import Server
from test_console import enter

from clients_api import create_app
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.upkeep import demo

pytestmark = pytest.mark.slow

CLIENTS = int(os.environ.get("CONSOLE_CLIENTS", 5000))
MADE = 500  # of which all others are copies
PAINT_MS = 100
TASK_MS = 50

# From the key to the frame that shows its hits.
TYPED = """
    const done = arguments[arguments.length - 1];
    const field = document.getElementById("search");
    const rows = document.querySelector(".rows");
    const seen = new MutationObserver(() => {
        seen.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    });
    seen.observe(rows, { childList: true });
    const start = performance.now();
    field.value = arguments[0];
    field.dispatchEvent(new Event("input"));
"""
SCROLLED = """
    const done = arguments[arguments.length - 1];
    const tasks = [];
    const observer = new PerformanceObserver((list) =>
        tasks.push(...list.getEntries().map((entry) => entry.duration)));
    observer.observe({ type: "longtask" });
    let frames = 0;
    const step = () => {
        frames += 1;
        const count = document.getElementsByClassName("row").length - 1;
        scrollBy(0, 1500);
        if (count < arguments[0]) return requestAnimationFrame(step);
        observer.disconnect();
        done([count, frames, tasks]);
    };
    step();
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("large")
    app = create_app({"INSTANCE_PATH": folder, "SQLITE_SYNCHRONOUS": "normal"})
    database = app.database
    migrating.migrate(database)
    with using(database), database.atomic():
        deque(demo.fill(MADE, 1), maxlen=0)
        columns = [column.name for column in database.get_columns("client")]
        copied = ", ".join(set(columns) - {"id", "company_name", "name_key"})
        # Through the table's triggers, as all clients.
        database.execute_sql(
            f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
            f"INSERT INTO client (id, company_name, name_key, {copied}) "
            f"SELECT id + ? * n, company_name || ' ' || n, name_key || ' ' || n, {copied} "
            "FROM client, n",
            (CLIENTS // MADE - 1, MADE),
        )
    database.close_all()
    server = Server(folder, RATELIMIT_ENABLED="false")
    server.key = demo.KEY
    yield server
    server.stop()


def test_a_typed_letter_shows_its_hits_at_once(
    large: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("/", large.url)
    enter(page, large.key)
    page.text(".total", f"{CLIENTS:,}")
    best: dict[str, float] = {}
    for word in 3 * ("harbor freight", "müller", "студ", "ac"):
        for end in range(1, len(word) + 1):
            ms = page.driver.execute_async_script(TYPED, word[:end])
            best[word[:end]] = min(ms, best.get(word[:end], ms))
    print("from key to paint, ms:", {typed: round(ms) for typed, ms in best.items()})
    # The best of three: what else the machine does is not the console's.
    assert max(best.values()) < PAINT_MS
    page.check()


def cpu_seconds(page: Page) -> float:
    """Return for how long the page's thread has had the processor."""
    metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def test_thousands_of_rows_scroll_smoothly(large: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("/", large.url)
    page.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    enter(page, large.key)
    before = cpu_seconds(page)
    page.driver.set_script_timeout(90)
    count, frames, tasks = page.driver.execute_async_script(SCROLLED, 5000)
    ms = (cpu_seconds(page) - before) * 1000
    page.driver.execute_cdp_cmd("Performance.disable", {})
    print(f"{count} rows in {frames} frames: {ms / frames:.1f} ms of the processor for each;")
    print(f"tasks above {TASK_MS} ms by the clock: {[round(task) for task in tasks]}")
    assert count >= 5000
    # The clock also counts what else the machine does; the thread's own time does not.
    assert ms / frames < TASK_MS
    page.check()
