"""Where webhooks may not lead, however it is written."""

from __future__ import annotations

import ipaddress

import pytest
from hostile_addresses import ADDRESSES, URLS

from clients_api.webhooks.addresses import Forbidden, check, exemptions, is_public, parse, resolve

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2001:4860:4860::8888"]


def test_there_are_sixty_of_them():
    assert len(set(URLS)) + len(set(ADDRESSES)) >= 60


@pytest.mark.parametrize("url", URLS)
def test_no_url_leads_where_it_may_not(url):
    with pytest.raises(OSError) as refused:  # some names are none at all
        resolve(parse(url), 5)
    assert isinstance(refused.value, Forbidden)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_name_leads_where_it_may_not(address):
    target = parse("https://name.example/hook")
    with pytest.raises(Forbidden):
        check(target, ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://n8n.example/hook/7?a=b", "n8n.example", 443, "/hook/7?a=b"),
        ("https://N8N.Example:8443", "n8n.example", 8443, "/"),
        ("https://1.1.1.1?x", "1.1.1.1", 443, "/?x"),
        ("https://[2606:4700:4700:0::1111]/", "2606:4700:4700::1111", 443, "/"),
        ("https://münchen.example/", "xn--mnchen-3ya.example", 443, "/"),
    ],
)
def test_a_url_is_taken_apart(url, host, port, path):
    target = parse(url)
    assert target[1:4] == (host, port, path)


def test_an_exempt_host_may_be_anywhere_and_http():
    exempt = exemptions("127.0.0.1:5678, N8N.lan,[::1]")
    for url in ("http://127.0.0.1:5678/x", "https://n8n.lan/x", "http://[::1]:99/"):
        target = parse(url, exempt)
        check(target, ipaddress.ip_address("127.0.0.1"))
        check(target, ipaddress.ip_address("192.168.1.7"))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:5679/", "http://127.0.0.2:5678/", "http://n8n.lan.example/", "http://lan/"],
)
def test_only_the_exact_host_is_exempt(url):
    with pytest.raises(Forbidden):
        parse(url, ["127.0.0.1:5678", "n8n.lan"])


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"])
def test_an_exempt_host_is_never_at_a_link_local_address(address):
    with pytest.raises(Forbidden, match="link-local"):
        check(parse("http://n8n.lan/", ["n8n.lan"]), ipaddress.ip_address(address))


@pytest.mark.parametrize("text", ["n8n.lan/x", "http://n8n.lan", "a@b", "a:0", "a:b", "a b", "*"])
def test_what_is_no_host_exempts_none(text):
    with pytest.raises(ValueError):
        exemptions(text)
