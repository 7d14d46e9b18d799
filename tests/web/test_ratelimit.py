"""How often one may call: per key, and far less often per address without a valid one."""

from __future__ import annotations

import threading
import time

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.web.errors import Refused
from clients_api.web.ratelimit import RateLimit, network_of, parse_rate


@pytest.fixture
def app(make_app):
    return make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="20 per hour")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1200 per minute", (1200, 60)),
        ("5/second", (5, 1)),
        (" 10 Per 2 Hours ", (10, 7200)),
        ("100 per day", (100, 86_400)),
        ("1/5minutes", (1, 300)),
    ],
)
def test_rates_are_written_as_flask_limiter_does(text, rate):
    assert parse_rate(text) == rate


def statuses(caller, count, path="/clients", **options):
    return [caller.get(path, **options).status_code for _ in range(count)]


def test_a_key_may_call_so_often_and_no_more(api):
    assert statuses(api, 20) == [200] * 20
    response = api.get("/clients")
    body = expect_error(response, 429)
    seconds = int(response.headers["Retry-After"])
    assert 3500 < seconds <= 3600
    assert body["message"] == f"Too many requests. Please try again in {seconds} seconds."


def test_each_answer_tells_what_is_left(api):
    for left in range(19, -1, -1):
        headers = api.get("/clients").headers
        assert headers["RateLimit-Limit"] == "20"
        assert headers["RateLimit-Remaining"] == str(left)
        assert 3500 < int(headers["RateLimit-Reset"]) <= 3600
        assert "Retry-After" not in headers
    headers = api.get("/clients").headers
    assert headers["RateLimit-Remaining"] == "0"
    assert headers["RateLimit-Limit"] == "20"


def test_each_key_counts_for_itself(app, api):
    assert statuses(api, 21)[-1] == 429
    assert statuses(Caller(app, issue_key(app)), 20) == [200] * 20


def test_all_calls_of_a_key_count(api):
    for method, path in (
        ("GET", "/clients/999"),
        ("GET", "/nothing"),
        ("FOO", "/clients"),
        ("OPTIONS", "/clients"),
        ("POST", "/clients"),
        ("HEAD", "/clients"),
    ):
        api.call(method, path)
    assert api.get("/clients").headers["RateLimit-Remaining"] == "13"


def test_an_address_without_a_valid_key_may_call_far_less_often(app, api, anonymous):
    bad = Caller(app, "ck_" + "x" * 43)
    assert statuses(anonymous, 1) + statuses(bad, 1) == [401, 401]
    response = bad.get("/clients")
    expect_error(response, 429)
    assert response.headers["RateLimit-Limit"] == "2"
    assert int(response.headers["Retry-After"]) > 3500
    # From the same address a valid key goes on, as it must: others may share the address.
    assert api.get("/clients").status_code == 200


def test_guessing_paths_and_methods_counts_too(anonymous):
    assert anonymous.get("/nothing").status_code == 401
    assert anonymous.call("OPTIONS", "/clients").status_code == 401
    assert anonymous.call("FOO", "/clients").status_code == 429


def test_addresses_count_for_themselves(anonymous):
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8::1"):
        environ = {"REMOTE_ADDR": address}
        assert statuses(anonymous, 3, environ_base=environ) == [401, 401, 429]


@pytest.mark.parametrize(
    ("addresses", "network"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:DB8:1:2::"), "2001:db8:1:2::/64"),
        (("2001:db8:1:3::1",), "2001:db8:1:3::/64"),
        (("fe80::1%eth0", "fe80::2%eth1"), "fe80::/64"),
        (("10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1"), "10.0.0.1"),
        (("", "unix:", "10.0.0.1:80", "x" * 9000, "10.0.0.1\r\n"), "unknown"),
    ],
)
def test_an_ipv6_address_counts_for_its_network(addresses, network):
    # Whoever has one address of IPv6 has 2^64, and got as many times the calls.
    assert {network_of(address) for address in addresses} == {network}


def test_ipv6_neighbours_share_their_calls(anonymous):
    results = [
        statuses(anonymous, 1, environ_base={"REMOTE_ADDR": f"2001:db8::{number:x}"})[0]
        for number in range(3)
    ]
    assert results == [401, 401, 429]


def test_a_key_named_as_an_address_is_does_not_share_its_calls():
    limit = RateLimit("10 per hour")
    limit.count(None, "10.0.0.1")
    with pytest.raises(Refused):
        limit.count(None, "10.0.0.1")
    assert limit.count("10.0.0.1", "10.0.0.1")["RateLimit-Remaining"] == "9"


def test_who_tries_out_keys_is_logged_once_a_window(anonymous, caplog):
    assert statuses(anonymous, 6)[-1] == 429
    (record,) = [record for record in caplog.records if "without a valid key" in record.message]
    assert record.message.endswith("127.0.0.1")


def test_an_address_can_not_be_made_up_in_a_header(anonymous):
    results = [
        anonymous.get("/clients", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code
        for number in range(3)
    ]
    assert results == [401, 401, 429]


def test_what_the_service_says_of_itself_is_not_counted(anonymous):
    for path in ("/health", "/ready", "/openapi.json", "/docs"):
        assert statuses(anonymous, 5, path) == [200] * 5


def test_it_can_be_switched_off(make_app):
    app = make_app(RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="1 per hour")
    caller = Caller(app, issue_key(app))
    assert statuses(caller, 5) == [200] * 5
    assert not [name for name, _ in caller.get("/clients").headers if "RateLimit" in name]


def test_the_default_is_1200_a_minute_and_a_tenth_without_a_key(make_app):
    app = make_app(RATELIMIT_ENABLED=True)
    headers = Caller(app, issue_key(app)).get("/clients").headers
    assert headers["RateLimit-Limit"] == "1200"
    assert int(headers["RateLimit-Reset"]) <= 60
    assert Caller(app, None).get("/clients").headers["RateLimit-Limit"] == "120"


def test_a_window_ends(monkeypatch):
    clock = [1_000_000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    limit = RateLimit("2 per minute")
    for _ in range(2):
        for _ in range(2):
            limit.count("key", "10.0.0.1")
        clock[0] += 59
        with pytest.raises(Refused) as caught:
            limit.count("key", "10.0.0.1")
        assert caught.value.headers["Retry-After"] == "1"
        assert caught.value.message.endswith("again in 1 second.")
        clock[0] += 2


def test_a_clock_that_is_set_back_keeps_nobody_waiting_longer(monkeypatch):
    # It was the clock of the wall: whoever had no calls left waited until it was there again.
    limit = RateLimit("1 per minute")
    limit.count("key", "10.0.0.1")
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 3600)
    with pytest.raises(Refused) as caught:
        limit.count("key", "10.0.0.1")
    assert int(caught.value.headers["Retry-After"]) <= 60


def test_many_addresses_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("clients_api.web.ratelimit.KNOWN_MAX", 100)
    limit = RateLimit("1000 per minute")
    for number in range(1000):
        limit.count(None, f"10.0.{number // 256}.{number % 256}")
    assert len(limit._networks) <= 100


def test_many_addresses_do_not_make_the_calls_of_a_key_forgotten(monkeypatch):
    # All counts were kept together: who had enough addresses could have them all dropped.
    monkeypatch.setattr("clients_api.web.ratelimit.KNOWN_MAX", 100)
    limit = RateLimit("1000 per minute")
    limit.count("key", "10.0.0.1")
    for number in range(200):
        limit.count(None, f"10.0.0.{number}")
    assert limit.count("key", "10.0.0.1")["RateLimit-Remaining"] == "998"


def test_threads_together_get_no_more_than_one_would():
    limit = RateLimit("100 per hour")
    allowed = []

    def call():
        for _ in range(50):
            try:
                limit.count("key", "")
            except Refused:
                continue
            allowed.append(1)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 100


# Behind proxies


def from_proxy(caller, forwarded, **options):
    """Call as a proxy at 127.0.0.1 does, and return the status."""
    return caller.get("/clients", headers={"X-Forwarded-For": forwarded}, **options).status_code


def test_behind_a_trusted_proxy_each_address_counts_for_itself(make_app):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="20 per hour", TRUSTED_PROXIES=1)
    anonymous = Caller(app, None)
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8::1"):
        results = [from_proxy(anonymous, address) for _ in range(3)]
        assert results == [401, 401, 429], address


@pytest.mark.parametrize(("proxies", "address"), [(1, "{0}, 10.9.9.9"), (2, "{0}, 10.9.9.9, x")])
def test_what_a_caller_says_before_the_proxies_is_not_believed(make_app, proxies, address):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="20 per hour", TRUSTED_PROXIES=proxies)
    anonymous = Caller(app, None)
    results = [from_proxy(anonymous, address.format(f"10.0.0.{n}")) for n in range(3)]
    assert results == [401, 401, 429]


def test_a_trusted_proxy_may_say_scheme_host_and_prefix_and_nothing_else(make_app):
    page = make_app(TRUSTED_PROXIES=1).test_client()
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example, crm.example",
        "X-Forwarded-Port": "99",
        "X-Forwarded-Prefix": "/evil, /crm",
    }
    servers = page.get("/api/openapi.json", headers=forwarded).get_json()["servers"]
    assert servers == [{"url": "https://crm.example/crm"}]
    html = page.get("/", headers=forwarded).get_data(as_text=True)
    assert 'data-base="/crm/api"' in html
    assert "evil" not in html
