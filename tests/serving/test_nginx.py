"""The service behind nginx, with the file of deploy/ as it is shipped.

Each caller has an address of its own in 127.0.0.0/8, for nginx limits what one address may do.
"""

from __future__ import annotations

import contextlib
import getpass
import gzip
import http.client
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import ROOT, Server, free_port, issue_key

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is no address elsewhere"),
]

CERTIFICATE = "/etc/letsencrypt/live/api.example.com"
CHALLENGES = "/var/www/html"
BIG = 60  # clients whose list has some megabytes

MAIN = """
user {user};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/clients-api.conf;
}}
"""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def message(self) -> str:
        assert self.headers["Content-Type"] == "application/json"
        assert set(self.json) == {"message"}
        return self.json["message"]


class Nginx:
    """nginx on ports of its own, with the shipped file, in which only the places are replaced."""

    def __init__(self, folder: Path, upstream: int, chain: Path, **more: str) -> None:
        self.port, self.plain = free_port(), free_port()
        self.context = ssl.create_default_context(cafile=str(chain))
        config = (ROOT / "deploy" / "nginx.conf").read_text()
        places = {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            f"{CERTIFICATE}/fullchain.pem": str(chain),
            f"{CERTIFICATE}/privkey.pem": str(chain.with_name("key.pem")),
            CHALLENGES: str(folder),
        }
        for old, new in {**places, **more}.items():
            assert old in config, old
            config = config.replace(old, new)
        folder.mkdir()
        (folder / "clients-api.conf").write_text(config)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=getpass.getuser()))
        self.folder = folder
        self.process = subprocess.Popen(
            [str(NGINX), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
            start_new_session=True,
        )
        wait_for(self.port)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0

    def dial(self, address: str = "127.0.0.1", receive: int | None = None) -> ssl.SSLSocket:
        """Connect with TLS, from an address of the loopback network."""
        plain = socket.socket()
        if receive is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.settimeout(30)
        plain.bind((address, 0))
        plain.connect(("127.0.0.1", self.port))
        return self.context.wrap_socket(plain, server_hostname="127.0.0.1")


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        time.sleep(0.05)
    raise AssertionError(f"nobody listens at {port}")


class House:
    """The service on one of the servers, and nginx before it."""

    def __init__(self, nginx: Nginx, key: str) -> None:
        self.nginx = nginx
        self.key = key

    def call(
        self, method: str, path: str, body: Any = None, address: str = "127.0.0.1", **headers: str
    ) -> Answer:
        line = http.client.HTTPSConnection(
            "127.0.0.1", self.nginx.port, context=self.nginx.context, source_address=(address, 0)
        )
        with contextlib.closing(line):
            return self.ask(line, method, path, body, **headers)

    def ask(
        self, line: http.client.HTTPConnection, method: str, path: str, body: Any, **headers: str
    ) -> Answer:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        line.request(method, path, data, known | named)
        response = line.getresponse()
        return Answer(response.status, response.headers, response.read())

    def raw(self, data: bytes) -> Answer:
        """Send bytes, and return the answer to them."""
        with self.nginx.dial() as line:
            with contextlib.suppress(OSError):  # it may be refused before all of it is there
                line.sendall(data)
            response = http.client.HTTPResponse(line)
            response.begin()
            return Answer(response.status, response.headers, response.read())


@pytest.fixture
def build(
    make_app: Callable[..., Any],
    start_server: Callable[..., Server],
    certificate: tuple[Path, ssl.SSLContext],
    tmp_path: Path,
) -> Iterator[Callable[..., House]]:
    """Build the house; in: settings of the service, and replacements in nginx's file."""
    with contextlib.ExitStack() as stack:

        def build(replaced: dict[str, str] | None = None, **settings: str) -> House:
            app = make_app()
            key = issue_key(app)
            folder = Path(app.instance_path)
            settings = {"TRUSTED_PROXIES": "1", "RATELIMIT_ENABLED": "false"} | settings
            server = start_server(folder=folder, **settings)
            nginx = Nginx(tmp_path / "nginx", server.port, certificate[0], **(replaced or {}))
            stack.callback(nginx.stop)
            return House(nginx, key)

        yield build


def fill(house: House) -> None:
    """Make clients whose list is longer than what the system keeps of an answer by itself."""
    for number in range(BIG):
        body = {"first_name": "J", "last_name": "D", "email": f"big{number}@acme.example"}
        answer = house.call(
            "POST", "/api/clients", body | {"client_description": "x" * 60_000}, "127.0.9.9"
        )
        assert answer.status == 201, answer.data


def addresses(network: int) -> Iterator[str]:
    return (f"127.0.{network}.{number}" for number in itertools.count(1))


def half_heads(house: House, count: int) -> list[ssl.SSLSocket]:
    head = b"GET /api/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bea"
    return [send(house, address, head) for address in itertools.islice(addresses(1), count)]


def half_bodies(house: House, count: int) -> list[ssl.SSLSocket]:
    request = (
        f"POST /api/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.key}\r\n"
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"first_name": '
    ).encode()
    return [send(house, address, request) for address in itertools.islice(addresses(2), count)]


def callers_that_do_not_read(house: House, count: int) -> list[ssl.SSLSocket]:
    """Ask for some megabytes each, one after the other, and read no more than the beginning."""
    lines = []
    for number, address in zip(range(count), addresses(3), strict=False):
        path = "/api/clients?limit=100" if number % 2 else "/api/clients/export"
        head = f"Host: localhost\r\nAuthorization: Bearer {house.key}\r\n\r\n"
        lines.append(send(house, address, f"GET {path} HTTP/1.1\r\n{head}".encode(), 4096))
        assert lines[-1].recv(12) == b"HTTP/1.1 200"
    return lines


def send(house: House, address: str, data: bytes, receive: int | None = None) -> ssl.SSLSocket:
    line = house.nginx.dial(address, receive)
    line.sendall(data)
    return line


def use(house: House, user: int, until: float) -> list[float]:
    """Read and write until then, and return how long each answer took."""
    seconds = []
    calls = itertools.cycle(["GET /health", "GET /clients?limit=1", "POST /clients"])
    for number in itertools.count():
        if time.monotonic() > until:
            return seconds
        method, path = next(calls).split()
        body = {"first_name": "J", "last_name": "D", "email": f"u{user}.{number}@acme.example"}
        began = time.monotonic()
        answer = house.call(
            method, f"/api{path}", body if method == "POST" else None, f"127.0.4.{user + 1}"
        )
        seconds.append(time.monotonic() - began)
        # A machine at work may be too busy to write: the service says so, and nginx something else.
        assert answer.status in (200, 201) or answer.headers["Retry-After"] == "1", answer
        time.sleep(0.1)


def test_callers_who_are_slow_keep_nobody_waiting(build: Callable[..., House]) -> None:
    # Without nginx, half of what comes here stops gunicorn's threads, and half bodies granian's.
    # A machine at work takes a while until all are there: none may be sent away meanwhile.
    timeouts = ("client_header_timeout", "client_body_timeout")
    house = build({f"{name} 10s;": f"{name} 60s;" for name in timeouts})
    fill(house)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as users:
        lines = half_heads(house, 200) + callers_that_do_not_read(house, 64)
        lines += half_bodies(house, 200)
        for line in lines:
            stack.callback(line.close)
        until = time.monotonic() + 6
        seconds = list(users.map(lambda user: use(house, user, until), range(4)))
        still = [line for line in lines if is_open(line)]
    slowest = max(itertools.chain(*seconds))
    print(f"{sum(map(len, seconds))} calls, slowest {slowest:.2f} s; {len(still)} slow ones held")
    assert slowest < 5, "a second, and more only where others use the machine; a stall takes ten"
    assert len(still) == len(lines), "the slow ones were there all the time"


def is_open(line: ssl.SSLSocket) -> bool:
    """Tell whether a connection is one still, without reading from it."""
    try:
        with socket.socket(fileno=os.dup(line.fileno())) as same:
            same.setblocking(False)
            return same.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("is_stripped", [False, True], ids=["whole path", "stripped path"])
def test_below_a_path_of_a_site_everything_is_found(
    build: Callable[..., House], is_stripped: bool
) -> None:
    house = below_crm(build, is_stripped)
    made = house.call("POST", "/crm/api/clients", {"client_company_name": "A", **OWNER})
    assert made.status == 201, made.data
    path = f"/crm/api/clients/{made.json['data']['id']}"
    assert house.call("GET", path).status == 200
    # A slash that belongs to a text is escaped, and has to come as it was sent.
    tagged = house.call("POST", f"{path}/tags", {"tags": ["a/b", "c d"]})
    assert tagged.status in (200, 201), tagged.data
    assert house.call("DELETE", f"{path}/tags/a%2Fb").status == 200
    left = house.call("GET", path).json["data"]["tags"]
    assert "c d" in json.dumps(left)
    assert "a/b" not in json.dumps(left)
    assert house.call("GET", "/crm/api/nothing").message == "Not found."
    # What a caller claims of itself is not believed.
    claims = {"X_Forwarded_Prefix": "/evil", "X_Forwarded_Host": "evil.example"}
    listed = house.call("GET", "/crm/api/clients?limit=1", None, "127.0.0.1", **claims)
    assert listed.status == 200
    assert "evil" not in str(listed.headers)


@pytest.mark.parametrize("is_stripped", [False, True], ids=["whole path", "stripped path"])
def test_below_a_path_of_a_site_addresses_in_answers_lead_back(
    build: Callable[..., House], is_stripped: bool
) -> None:
    house = below_crm(build, is_stripped)
    origin = f"https://127.0.0.1:{house.nginx.port}"
    for number in range(2):
        body = {**OWNER, "email": f"j{number}@acme.example"}
        made = house.call("POST", "/crm/api/clients", body)
        assert made.headers["Location"] == f"{origin}/crm/api/clients/{made.json['data']['id']}"
    link = house.call("GET", "/crm/api/clients?limit=1").headers["Link"]
    pages = {part.split("; ")[1]: part.split("; ")[0].strip("<>") for part in link.split(", ")}
    following = pages['rel="next"']
    assert following.startswith(f"{origin}/crm/api/clients?")
    assert house.call("GET", following.removeprefix(origin)).status == 200
    spec = house.call("GET", "/crm/api/openapi.json").json
    (path,) = [path for path in spec["paths"] if path.endswith("/clients")]
    assert spec["servers"][0]["url"] + path == f"{origin}/crm/api/clients"


OWNER = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}


def below_crm(build: Callable[..., House], is_stripped: bool) -> House:
    if not is_stripped:
        return build(URL_PREFIX="/crm/api")
    lines = ['"~^/crm/" /crm;', '"~^/crm(?<clients_api_rest>/.*)$" $clients_api_rest;']
    return build({f"# {line}": line for line in lines})


def test_what_nginx_refuses_is_answered_in_the_shape_of_all_errors(
    build: Callable[..., House],
) -> None:
    house = build()
    key = f"Authorization: Bearer {house.key}\r\n"
    head = f" HTTP/1.1\r\nHost: localhost\r\n{key}"
    refused = {
        "no HTTP\r\n\r\n": (400, "The request is not valid HTTP."),
        f"GET /api/clients HTTP/1.1\r\n{key}\r\n": (400, "The request is not valid HTTP."),
        f"TRACE /api/clients{head}\r\n": (405, "Method not allowed."),
        f"GET /api/clients?search={'x' * 17_000}{head}\r\n": (414, "The address is too long."),
        f"GET /api/clients{head}X: {'x' * 17_000}\r\n\r\n": (431, "The headers are too large."),
        f"POST /api/clients{head}Content-Length: 2000000\r\n\r\n": (
            413,
            "The body is too large.",
        ),
    }
    for data, (status, message) in refused.items():
        answer = house.raw(data.encode())
        assert (answer.status, answer.message) == (status, message), data[:60]
        assert answer.headers["X-Request-ID"]
    with ThreadPoolExecutor(16) as callers:
        flood = callers.map(
            lambda _: house.call("GET", "/api/health", None, "127.0.5.5"), range(400)
        )
        limited = [answer for answer in flood if answer.status != 200]
    assert {answer.status for answer in limited} == {429}
    assert {answer.headers["Retry-After"] for answer in limited} == {"1"}
    assert all(answer.message.startswith("Too many requests.") for answer in limited)
    assert house.call("GET", "/api/health").status == 200, "others are not limited with them"


def test_what_is_large_but_allowed_reaches_the_service(build: Callable[..., House]) -> None:
    house = build()
    # The servers have limits of their own; here it is not nginx that refuses.
    answer = house.call("GET", f"/api/clients?search={'x' * 16_000}")
    assert b"The address is too long." not in answer.data
    rows = "".join(f"A,B,a{n}@acme.example,{'x' * 20_000}\n" for n in range(200))
    file = f"first_name,last_name,email,client_description\n{rows}".encode()
    imported = house.call("POST", "/api/clients/import", file, Content_Type="text/csv")
    assert imported.status == 200 or "may not be larger than" in imported.message


def test_what_the_service_refuses_unread_is_told_in_its_words(build: Callable[..., House]) -> None:
    # granian hung up before nginx had sent all of it, which made a 503 of some of these.
    house = build()
    large = {"client_description": "x" * 1_050_000}
    file = b"first_name,last_name,email\n" + b"A,B,a@acme.example\n" * 500_000
    stranger = {"Authorization": "Bearer none", "Content_Type": "text/csv"}

    def ask(number: int) -> tuple[Answer, Answer]:
        address = f"127.0.6.{number + 1}"
        refused = house.call("POST", "/api/clients", large, address)
        return refused, house.call("POST", "/api/clients/import", file, address, **stranger)

    with ThreadPoolExecutor(4) as callers:
        for refused, unknown in callers.map(ask, range(12)):
            assert refused.status == 413
            assert refused.message == "The body may not be larger than 1048576 bytes."
            assert unknown.status == 401
            assert unknown.message == "Unauthorized. A valid API key is required."


def test_answers_are_compressed_and_their_tags_count(build: Callable[..., House]) -> None:
    house = build()
    client = house.call("POST", "/api/clients", {**OWNER, "client_description": "x" * 2000})
    path = f"/api/clients/{client.json['data']['id']}"
    zipped = {"Accept_Encoding": "gzip"}
    for asked in (path, "/api/openapi.json", *PAGE_FILES):
        answer = house.call("GET", asked, None, "127.0.0.1", **zipped)
        assert answer.status == 200
        assert answer.headers["Content-Encoding"] == "gzip", asked
        assert len(gzip.decompress(answer.data)) > len(answer.data)
        assert house.call("GET", asked).headers["Content-Encoding"] is None
    tag = house.call("GET", path, None, "127.0.0.1", **zipped).headers["ETag"]
    same = house.call("GET", path, None, "127.0.0.1", If_None_Match=tag)
    assert same.status == 304


PAGE_FILES = ("/api/docs/swagger-ui-bundle.js", "/api/docs/swagger-ui.css")


def test_plain_http_leads_to_https_and_proves_the_name(build: Callable[..., House]) -> None:
    nginx = build().nginx
    proof = nginx.folder / ".well-known" / "acme-challenge"
    proof.mkdir(parents=True)
    (proof / "token").write_text("proof")
    line = http.client.HTTPConnection("127.0.0.1", nginx.plain)
    with contextlib.closing(line):
        line.request("POST", "/api/clients?x=1")
        moved = line.getresponse()
        assert (moved.status, moved.headers["Location"]) == (
            308,
            "https://127.0.0.1/api/clients?x=1",
        )
        assert json.loads(moved.read()) == {"message": "Please use https."}
        line.request("GET", "/.well-known/acme-challenge/token")
        assert line.getresponse().read() == b"proof"


def test_without_the_service_nginx_says_so(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    nginx = Nginx(tmp_path / "nginx", free_port(), certificate[0])
    try:
        house = House(nginx, "none")
        answers = [
            house.call("GET", "/api/clients"),
            # nginx held this one's body against its own answer, and refused it in HTML.
            house.call("POST", "/api/clients/import", b"x" * 2_000_000, Content_Type="text/csv"),
        ]
    finally:
        nginx.stop()
    for answer in answers:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert f"Request id: {answer.headers['X-Request-ID']}." in answer.message
