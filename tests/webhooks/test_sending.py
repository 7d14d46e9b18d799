"""One try: what counts as success, what it may cost, and that it goes where it should alone."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest
from conftest import free_port

from clients_api.webhooks import sending
from clients_api.webhooks.sending import send

BODY = b'{"type": "webhook.test"}'
HEADERS = {"webhook-id": "evt_1"}


def try_at(url, *exempt):
    return send(url, HEADERS, BODY, exempt or ["127.0.0.1"])


@pytest.mark.parametrize("status", [200, 204, 299])
def test_2xx_is_success(receive, status):
    receiver = receive(lambda handler: status)
    outcome = try_at(receiver.url)
    assert (outcome.status, outcome.error, outcome.is_success) == (status, None, True)
    (delivery,) = receiver.received
    assert delivery.body == BODY and delivery.path == "/hook"
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["webhook-id"] == "evt_1"
    assert delivery.headers["host"] == receiver.host


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(receive, status):
    other = receive()
    receiver = receive(lambda handler: (status, {"Location": other.url}))
    outcome = try_at(receiver.url)
    assert outcome.status == status and not outcome.is_success
    assert len(receiver.received) == 1 and not other.received


def test_no_proxy_of_the_environment_is_asked(receive, monkeypatch):
    proxy, receiver = receive(), receive()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{proxy.host}")
        monkeypatch.setenv(name.upper(), f"http://{proxy.host}")
    assert try_at(receiver.url).is_success
    assert not proxy.received


@pytest.fixture
def peer():
    """Accept connections on the loopback address, and do with each what a test says."""
    listener = socket.create_server(("127.0.0.1", 0))

    def start(work):
        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        work(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    listener.close()


def drip(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def drip_interim(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


def stay_silent(connection: socket.socket) -> None:
    time.sleep(5)


@pytest.mark.parametrize("work", [drip, drip_interim, stay_silent])
def test_a_receiver_that_takes_its_time_gets_no_more_than_there_is(peer, monkeypatch, work):
    monkeypatch.setattr(sending, "SECONDS", 1)
    started = time.monotonic()
    outcome = try_at(peer(work))
    assert 0.9 < time.monotonic() - started < 3
    assert outcome.status is None and "within 1 seconds" in outcome.error


def test_a_receiver_that_does_not_read_gets_no_more_than_there_is(peer, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 1)
    started = time.monotonic()
    outcome = send(peer(stay_silent), HEADERS, b"x" * 50_000_000, ["127.0.0.1"])
    assert time.monotonic() - started < 3
    assert "within 1 seconds" in outcome.error


@pytest.mark.slow
def test_a_receiver_that_answers_a_byte_a_second_costs_ten_seconds(peer):
    def drip_slowly(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n\r\n":
            connection.sendall(bytes([byte]))
            time.sleep(1)

    started = time.monotonic()
    outcome = try_at(peer(drip_slowly))
    assert 9.5 < time.monotonic() - started < 11
    assert not outcome.is_success


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "The connection was lost."),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "The answer was not HTTP."),
        (b"HTTP/1.1 999999 Huh\r\n\r\n", "The answer was not HTTP."),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, "The answer was not HTTP."),
        (b"HTTP/1.1 200 " + b"x" * 200_000, "The answer was not HTTP."),
    ],
)
def test_what_is_no_answer_is_a_failure_in_a_sentence(peer, answer, said):
    def say(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    outcome = try_at(peer(say))
    assert (outcome.status, outcome.error) == (None, said)


def test_a_closed_port_is_a_failure_in_a_sentence():
    outcome = try_at(f"http://127.0.0.1:{free_port()}/secret-path")
    assert outcome.status is None and outcome.error == "Connection refused."


def test_the_rest_of_an_answer_is_not_read(peer):
    def pour(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    assert try_at(peer(pour)).is_success


def test_https_is_for_the_name_and_its_certificate_is_checked(certificate, receive, monkeypatch):
    chain, context = certificate
    receiver = receive()
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    url = receiver.url.replace("http:", "https:")
    outcome = try_at(url)
    assert outcome.status is None and outcome.error.startswith("The certificate is not valid")
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    assert try_at(url).is_success
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"other.example": "127.0.0.1"}))
    outcome = try_at(url.replace("127.0.0.1", "other.example"), "other.example")
    assert "other.example" in outcome.error and outcome.error.startswith("The certificate")
    assert len(receiver.received) == 1


def test_a_handshake_that_does_not_end_gets_no_more_than_there_is(peer, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 1)
    started = time.monotonic()
    assert "within" in try_at(peer(stay_silent).replace("http:", "https:")).error
    assert time.monotonic() - started < 3


def test_what_speaks_no_tls_is_a_failure_in_a_sentence(receive):
    outcome = try_at(receive().url.replace("http:", "https:"))
    assert outcome.error in ("The connection could not be encrypted.", "The connection was lost.")


def resolver(*answers):
    """Stand for the name servers: each time a name is asked for, the next of the answers."""
    asked = []

    def getaddrinfo(host, port, *args, **options):
        found = answers[min(len(asked), len(answers) - 1)].get(host)
        asked.append(host)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kinds = [(f, socket.AF_INET6 if ":" in f else socket.AF_INET) for f in found.split()]
        return [(kind, socket.SOCK_STREAM, 6, "", (one, port)) for one, kind in kinds]

    getaddrinfo.asked = asked
    return getaddrinfo


@pytest.mark.parametrize(
    "found", ["127.0.0.1", "1.1.1.1 127.0.0.1", "127.0.0.1 1.1.1.1", "1.1.1.1 ::ffff:127.0.0.1"]
)
def test_a_name_that_resolves_to_what_may_not_be_is_not_connected_to(receive, monkeypatch, found):
    receiver = receive()
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"evil.example": found}))
    port = receiver.server_address[1]
    outcome = try_at(f"https://evil.example:{port}/")
    assert outcome.error == "evil.example is at an address that is not public."
    assert not receiver.received


def test_a_name_that_changes_meanwhile_is_asked_for_once(receive, monkeypatch):
    # Checked with one answer and connected to with the next, it would lead anywhere.
    receiver, connected = receive(), []
    names = resolver({"evil.example": "1.1.1.1"}, {"evil.example": "127.0.0.1"})
    monkeypatch.setattr(socket, "getaddrinfo", names)

    def connect(self, place):
        connected.append(place)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(sending._Socket, "connect", connect, raising=False)
    outcome = try_at(f"https://evil.example:{receiver.server_address[1]}/")
    assert outcome.error == "Connection refused."
    assert names.asked == ["evil.example"]
    assert connected == [("1.1.1.1", receiver.server_address[1])]


def test_a_name_that_is_not_resolved_in_time_costs_no_more(monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: time.sleep(3) or [])
    started = time.monotonic()
    assert "within" in try_at("https://slow.example/").error
    assert time.monotonic() - started < 1


def test_of_several_addresses_the_first_that_answers_is_taken(receive, monkeypatch):
    receiver = receive()
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"two.lan": "127.0.0.2 127.0.0.1"}))
    url = f"http://two.lan:{receiver.server_address[1]}/"
    assert try_at(url, "two.lan").is_success


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), ("x", None), ("-5", None), ("9" * 400, None), ("1e9", None)],
)
def test_retry_after_is_seconds(receive, header, seconds):
    receiver = receive(lambda handler: (503, {"Retry-After": header}))
    assert try_at(receiver.url).retry_after == seconds


def test_retry_after_is_a_date_too(receive):
    moment = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    receiver = receive(lambda handler: (429, {"Retry-After": moment}))
    assert 90 < try_at(receiver.url).retry_after <= 100


def test_the_secret_part_of_a_url_is_in_no_error(certificate, receive):
    for url in ("https://127.0.0.1:1/s3cret", "http://a.lan/s3cret", "https://1.1.1.1 /s3cret"):
        assert "s3cret" not in try_at(url).error
    assert isinstance(certificate[1], ssl.SSLContext)
