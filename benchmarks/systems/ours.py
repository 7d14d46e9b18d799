"""This service, as `clients-api serve` runs it: key, log, limit of calls and all else are on."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.dataset import KEY, Dataset
from benchmarks.operations import Request

from .base import Server, System, Terms


class Ours(System):
    """In: the server that it is on."""

    headers = System.headers | {"Authorization": f"Bearer {KEY}"}

    def __init__(self, server: str) -> None:
        self._server = server

    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        options = ["--bind", bind, "--server", self._server, "--workers", str(terms.workers)]
        if terms.threads is not None:
            options += ["--threads", str(terms.threads)]
        return [sys.executable, "-m", "clients_api", "serve", *options]

    def environment(self, folder: Path, terms: Terms) -> dict[str, str]:
        return {
            "CLIENTS_API_INSTANCE_PATH": str(folder),
            "CLIENTS_API_SQLITE_SYNCHRONOUS": terms.synchronous,
            # Calls are counted, but never refused.
            "CLIENTS_API_RATELIMIT_DEFAULT": "1000000000 per minute",
        }

    def cursor(self, server: Server, data: Dataset) -> str:
        # Times are whole seconds, all different: this list begins with the client at the position.
        following = data.position[0].replace("000Z", "001Z")
        query = {"status": "active", "created_before": following, "cursor": "", "limit": 1}
        answer, _ = self.call(server, Request("GET", f"/api/clients?{urlencode(query)}"))
        return answer["meta"]["next_cursor"]
