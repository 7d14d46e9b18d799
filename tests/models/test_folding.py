"""What is the same, and what is found and sorted as the same, for all characters that there are."""

# ruff: noqa: RUF001 - letters of many scripts, some of which look alike

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator

import pytest

from clients_api.models.queries.folding import address_key, fold, plain

SURROGATES = range(0xD800, 0xE000)
# Neither is a character, and the search index has another one for them.
NO_CHARACTERS = ("\ufffe", "\uffff")


def characters() -> Iterator[str]:
    for place in range(sys.maxunicode + 1):
        if place not in SURROGATES:
            yield chr(place)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def caseless(text: str) -> str:
    """Unicode's canonical caseless matching, section 3.13, D145."""
    return nfd(nfd(text).casefold())


def test_each_character_folds_as_unicode_matches_without_regard_to_case():
    """31 of them, such as ᾳ behind another mark, used to fold in another way."""
    others = {c for c in characters() if nfd(fold(c)) != caseless(c)}
    assert others == {"İ", *NO_CHARACTERS}
    for mark in ("\u0345", "\u0327", "\u0301", "\u0323"):
        for character in ("α", "ᾳ", "ᾼ", "Ͱ", "ΐ", "s", "ß", "Å", "\u0345", "ǰ"):
            text = character + mark + "\u0301"
            assert nfd(fold(text)) == caseless(text), ascii(text)


def test_the_dot_of_the_turkish_capital_is_dropped_whatever_stands_below_it():
    for text in ("İ\u0327", "I\u0327\u0307", "I\u0307\u0327", "i\u0327"):
        assert fold(text) == "i\u0327"
    assert fold("İSTANBUL") == "istanbul"


def test_spellings_that_are_the_same_are_found_as_the_same():
    for character in characters():
        key = plain(character)
        assert key == plain(fold(character)) == plain(nfd(character)) == plain(key)
        assert 1 <= len(key) <= 3


def test_accents_of_latin_greek_and_cyrillic_letters_are_not_seen():
    for spelled, key in (
        ("École", "ecole"), ("Łódź", "lodz"), ("Straße", "strasse"), ("Ærø", "aero"),
        ("Bœuf", "boeuf"), ("Đorđe", "dorde"), ("Þórður", "thordur"), ("Ħal Għaxaq", "hal ghaxaq"),
        ("Diyarbakır", "diyarbakir"), ("İzmir", "izmir"), ("Ǆ", "dz"), ("Paŀlia", "pallia"),
        ("Việt Nam", "viet nam"), ("Ǿ", "o"), ("Οδυσσεύς", "οδυσσευσ"), ("ΐ", "ι"),
        ("Ёлка", "елка"), ("Її", "іі"), ("Ґрунт", "грунт"), ("Қазақ", "казак"), ("Å\u0323", "a"),
    ):  # fmt: skip
        assert plain(spelled) == plain(spelled.upper()) == plain(nfd(spelled)) == key


@pytest.mark.parametrize(
    "text", ["が", "ぱ", "서울", "أحمد", "הַ", "हिन्दी", "क\u093c", "≠", "5\u0332"]
)
def test_marks_that_tell_other_letters_apart_stay(text):
    assert nfd(plain(text)) == nfd(text)


def test_of_a_domain_its_idna_2008_form_counts():
    same = (
        "p@bücher.example",
        "P@BÜCHER.Example",
        "p@xn--bcher-kva.example",
        "p@bu\u0308cher。example",
    )
    assert {address_key(address) for address in same} == {"p@xn--bcher-kva.example"}
    assert address_key("p@straße.example") != address_key("p@strasse.example")
    assert address_key("STRASSE@x.example") == address_key("straße@x.example")
    assert address_key("É@x.example") == address_key("e\u0301@X.example") == "é@x.example"
    assert address_key("é@x.example") != address_key("e@x.example")
    for no_address in ("", "@", "p@", "p@ü..example", f"p@{'ü' * 100}.example", "no address", "ü"):
        assert "xn--" not in address_key(no_address) or "@" not in no_address
