"""Match keys: equal where two are of the same company, however they are written."""

from __future__ import annotations

import itertools

import pytest

from clients_api.models.queries.folding import address_key, plain
from clients_api.models.queries.matchkeys import (
    FREE_MAIL,
    LEGAL_FORMS,
    domain_match,
    name_match,
    phone_match,
    vat_match,
)

ALIKE = (
    ("Acme", "ACME", "acme, Inc.", "Acme Incorporated", "ACME CORP", "Acme Co., Ltd.", "A.C.M.E."),
    ("Müller", "Muller GmbH", "MÜLLER GMBH & CO. KG", "Muller (GmbH)"),
    ("A. O. Smith", "AO Smith", "A.O. Smith Corporation"),
    ("AT&T", "A T & T Inc.", "AT & T"),
    ("Coca-Cola", "Coca Cola Company", "COCACOLA"),
    ("Rossi", "Rossi S.p.A.", "Rossi S. p. A.", "Rossi SPA"),
    ("Cemex", "Cemex, S.A.B. de C.V."),
    ("Novo Nordisk", "Novo Nordisk A/S", "NOVO NORDISK AS"),
    ("Orlen", "Orlen Sp. z o.o.", "Orlen spółka z o.o."),
    ("トヨタ自動車", "トヨタ自動車株式会社", "トヨタ自動車 株式会社"),
    ("हिन्दी विश्व", "हिन्दी-विश्व Pvt. Ltd."),
    ("Газпром", "ГАЗПРОМ, ПАО"),
    ("O'Reilly Media", "OREILLY MEDIA, INC", "O’Reilly Media"),  # noqa: RUF001
    ("Limited", "LIMITED!"),  # nothing would be left
)


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: names[0])
def test_spellings_of_a_name_have_one_key(names):
    assert len({name_match(plain(name)) for name in names}) == 1


def test_different_names_have_different_keys():
    keys = [name_match(plain(names[0])) for names in ALIKE]
    assert len(set(keys)) == len(ALIKE)
    for one, other in (("Acme UK", "Acme"), ("Foo Class A", "Foo Class C"), ("が", "か")):
        assert name_match(plain(one)) != name_match(plain(other))
    # Vowel signs are letters of a kind, and tell words apart.
    assert name_match("दिन") != name_match("दान")


@pytest.mark.parametrize("name", ["", "!!!", "—", "\U0001f600"])
def test_a_name_without_letters_and_digits_is_like_no_other(name):
    assert name_match(name) is None


def test_every_legal_form_on_the_list_is_taken_off():
    assert len(LEGAL_FORMS) > 150
    for form in LEGAL_FORMS:
        assert name_match(plain(f"Acme {form}")) == "acme", form
        assert name_match(plain(f"ACME, {form.upper()}.")) == "acme", form


def test_every_free_mail_domain_on_the_list_is_one_and_not_compared():
    assert len(FREE_MAIL) > 200
    for domain in FREE_MAIL:
        assert domain == address_key(f"a@{domain}").partition("@")[2]
        assert domain_match(f"jane@{domain}") is None
    assert domain_match("jane@acme.example") == "acme.example"
    assert domain_match("jane@mail.gmail.com.example") == "mail.gmail.com.example"


def test_vat_numbers_are_compared_by_letters_and_digits():
    written = ("GB123456789", "gb 123 4567 89", "GB-123.456.789", "ＧＢ１２３４５６７８９")  # noqa: RUF001
    assert {vat_match(number) for number in written} == {"GB123456789"}
    for nothing in (None, "", "n/a", "-", "none"):
        assert vat_match(nothing) is None


def test_phone_numbers_are_compared_by_their_last_nine_digits():
    written = ("+44 20 7946 0958", "020 7946 0958", "(0044) 20-7946-0958", "2079460958")
    assert {phone_match(number) for number in written} == {"079460958"}
    for few in (None, "", "123456", "ext. 12"):
        assert phone_match(few) is None
    assert phone_match("555 0100") == "5550100"


def test_keys_have_nothing_that_a_database_can_not_keep():
    signs = "".join(map(chr, itertools.chain(range(0x250), range(0x2000, 0x2070))))
    key = name_match(plain(signs))
    assert key is not None
    assert not any(sign.isspace() or not sign.isprintable() for sign in key)
