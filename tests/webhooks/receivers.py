"""Receivers of webhooks: real HTTP servers on the loopback address that do as they are told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook


class Delivery(NamedTuple):
    """What was received: the path, the headers in lower case, the body, and when."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)["data"]["event"]

    def verify(self, secret: str) -> dict[str, Any]:
        return Webhook(secret).verify(self.body, self.headers)


class Receiver(ThreadingHTTPServer):
    """Keeps what it receives. `answer` may return a status, or a pair of status and headers.

    It gets the handler, and may also do with the connection what it likes, and return None.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[Any], Any] = lambda handler: 204, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.received: list[Delivery] = []
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.host}/hook"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: tests break connections off on purpose."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def wait(self, count: int, seconds: float = 10) -> list[Delivery]:
        """Wait until so much was received, and return it."""
        wait_for(lambda: len(self.received) >= count, seconds)
        return list(self.received)

    @property
    def ids(self) -> list[int]:
        return [delivery.event["id"] for delivery in self.received]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Delivery(self.path, headers, body, time.monotonic()))
        answer = self.server.answer(self)
        if answer is None:
            return
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until a condition holds; fail if it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
